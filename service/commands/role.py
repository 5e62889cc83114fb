"""Runs one role as a process of its own, from its start to a drained end."""

import gc
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from service.app import database
from service.commands.http_url import http_url
from service.commands.output import print_json
from service.commands.setup import require_migrated, run_to_end
from service.commands.stopping import stop_on_signals
from service.settings import Settings

GC_THRESHOLDS: Final = (20_000, 20, 50)
"""Objects made before the youngest are gone through, and rounds before the older ones are. Python's
own 700 cost dispatchers and workers a tenth of their processor time: hundreds of tasks and answers
make objects all day and hold no cycles."""

OpenRole = Callable[[Settings], AbstractAsyncContextManager[Any]]


def run_role(name: str, open_role: OpenRole, *, as_json: bool) -> None:
    """Run until SIGTERM or SIGINT, then drain and return; a second signal ends at once."""
    run_to_end(_run(name, open_role, as_json=as_json))


async def _run(name: str, open_role: OpenRole, *, as_json: bool) -> None:
    stopping = stop_on_signals()
    settings = Settings()
    async with database(settings, name) as pool, pool.acquire() as connection:
        await require_migrated(connection)
    async with open_role(settings) as process:
        # What is loaded now stays until the end: collections need not walk it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        if as_json:
            print_json(_describe(name, process, settings))
        await stopping.wait()


def _describe(name: str, process: Any, settings: Settings) -> dict[str, Any]:
    facts: dict[str, Any] = {"role": name, "pid": os.getpid()}
    port, ops_port = getattr(process, "port", None), getattr(process, "ops_port", None)
    if port is not None:
        facts["base_url"] = http_url(settings.host, port)
    if ops_port is not None:
        facts["ops_url"] = http_url(settings.ops_host, ops_port)
    return facts

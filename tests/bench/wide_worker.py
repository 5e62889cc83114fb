"""A worker for which one vendor has no limits, so that what is measured is the worker.

Run as a program, in place of `leadfall worker`.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final

from providers.contract import Limits, Provider
from providers.registry import all_providers
from service import app
from service.commands.role import run_role
from service.settings import Settings
from tests.bench.peers.work import SLUG

_LIMITS: Final = Limits(requests_per_minute=100_000_000, concurrency=10_000)


def wide_provider() -> Provider:
    """Return the vendor, as if it had no limits."""
    return replace(all_providers()[SLUG], limits=_LIMITS)


def _open_worker(settings: Settings) -> AbstractAsyncContextManager[app.Running]:
    return app.worker(settings, {**all_providers(), SLUG: wide_provider()})


if __name__ == "__main__":
    run_role("worker", _open_worker, as_json=True)

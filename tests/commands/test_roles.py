"""Each role as a process of its own: it says where it is, answers, and drains when told."""

import signal
from collections.abc import Mapping

import aiohttp
import pytest

from tests.commands.processes import run, start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
@pytest.mark.parametrize("role", ["api", "worker", "dispatcher"])
async def test_a_role_becomes_ready_and_drains_on_a_signal(
    settings: Mapping[str, str], role: str, number: signal.Signals
) -> None:
    """It is ready once it has printed its line, and a signal ends it with 0."""
    async with start(role, settings=settings) as started, aiohttp.ClientSession() as session:
        async with session.get(f"{started.told['ops_url']}/readyz") as answer:
            status = answer.status
        code = await started.stop(number)

    assert (role, 200, 0) == (started.told["role"], status, code)


async def test_a_port_in_use_is_a_sentence(settings: Mapping[str, str]) -> None:
    """A second API on the same port says so and exits with 1."""
    async with start("api", settings=settings) as first:
        port = first.told["base_url"].rpartition(":")[2]
        failed = await run("api", settings={**settings, "LEADFALL_PORT": port})

    assert (
        failed.code,
        failed.errors.splitlines(keepends=True)[-1],
    ) == (1, "leadfall: The port is in use by another program; choose another one.\n")

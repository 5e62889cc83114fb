"""Procrastinate, one job for each lead, queued in Postgres.

Tuned: deferred in batches, many jobs at once, finished ones deleted.
"""

from collections.abc import Sequence

import uvloop
from procrastinate import App, PsycopgConnector

from tests.bench.peers.work import (
    AT_ONCE,
    CONNECTIONS_MAX,
    CoroutineWork,
    database_url,
    run_program,
)

_DEFERRED_AT_ONCE = 1_000
_app = App(connector=PsycopgConnector(conninfo="", min_size=2, max_size=CONNECTIONS_MAX))
_works: list[CoroutineWork] = []


@_app.task(name="look_up")
async def look_up(lead_id: int) -> None:
    """Run one job."""
    await _works[0].run(lead_id)


def _connector() -> PsycopgConnector:
    return PsycopgConnector(conninfo=database_url(), min_size=2, max_size=CONNECTIONS_MAX)


async def _enqueue(lead_ids: Sequence[int]) -> None:
    with _app.replace_connector(_connector()) as app:
        async with app.open_async():
            if not await app.check_connection_async():
                await app.schema_manager.apply_schema_async()
            for first in range(0, len(lead_ids), _DEFERRED_AT_ONCE):
                some = lead_ids[first : first + _DEFERRED_AT_ONCE]
                await look_up.batch_defer_async(*({"lead_id": lead_id} for lead_id in some))


async def _work() -> None:
    _works.append(await CoroutineWork.open())
    with _app.replace_connector(_connector()) as app:
        async with app.open_async():
            await app.run_worker_async(concurrency=AT_ONCE, delete_jobs="always")


if __name__ == "__main__":
    run_program(lambda lead_ids: uvloop.run(_enqueue(lead_ids)), lambda: uvloop.run(_work()))

"""Imports leads that came in one request: all good ones, or after an error of ours none."""

from collections.abc import Sequence

from service.flows.import_batch import GivenRow, ImportCount, import_batch
from service.flows.suppress_people import SuppressionList
from service.store.connection import Pool
from service.store.keys import KeyOwner


async def import_bulk(
    pool: Pool,
    caller: KeyOwner,
    rows: Sequence[GivenRow],
    suppressions: SuppressionList,
    *,
    skip_duplicates: bool,
) -> ImportCount:
    """Write the rows in one transaction and return what became of them.

    One batch and not several, so that addresses are taken in one order: two requests with the
    same ones can wait for each other, but not in a circle.
    """
    async with pool.acquire() as connection, connection.transaction():
        return await import_batch(
            connection, caller, rows, suppressions, skip_duplicates=skip_duplicates
        )

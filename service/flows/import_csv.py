"""Imports leads from a file of any length that is read and written a batch at a time."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Final

from service.flows.import_batch import GivenRow, ImportCount, import_batch
from service.flows.suppress_people import SuppressionList
from service.store.connection import Pool
from service.store.keys import KeyOwner

BATCH_ROWS: Final = 1_000


async def import_csv(
    pool: Pool,
    caller: KeyOwner,
    rows: Iterator[GivenRow],
    suppressions: SuppressionList,
    *,
    skip_duplicates: bool,
) -> ImportCount:
    """Write the rows in transactions of `BATCH_ROWS` and return what became of them.

    What a failure of ours leaves behind are whole batches; sending the file again finds their
    addresses there. Rows are read in a thread, so that other requests go on meanwhile.
    """
    count = ImportCount()
    while batch := await asyncio.to_thread(lambda: list(islice(rows, BATCH_ROWS))):
        async with pool.acquire() as connection, connection.transaction():
            done = await import_batch(
                connection, caller, batch, suppressions, skip_duplicates=skip_duplicates
            )
        count.add(done)
    return count

"""The bare sketch over the product's outbox: its statements that claim and complete, nothing else.

So a delivery is claimed under its endpoint's lock, with a number in that endpoint's sequence and an
epoch, and its completion is fenced and keeps the attempt. Left out is everything that is decided in
the process: looks, shares under the four caps, secrets, the dial guard, retries, metrics, logs.
Run as a program, it delivers until it is killed.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

import asyncpg

from service.domain.identifiers import event_header_id, new_id
from service.store.deliveries import Completion, claim, complete
from tests.bench.bare_sketch import Item, run_program


class KeptOutbox:
    """The tables `events`, `deliveries` and `attempts`, with the endpoints that there are."""

    def __init__(self, pool: asyncpg.Pool, owner: UUID, endpoint_ids: Sequence[int]) -> None:
        self._pool = pool
        self._owner = owner
        self._endpoint_ids = endpoint_ids

    @classmethod
    async def open(cls, pool: asyncpg.Pool) -> Self:
        """Learn which endpoints there are."""
        rows = await pool.fetch("select id from endpoints order by id")
        return cls(pool, new_id(), [row["id"] for row in rows])

    async def claim(self, count_max: int) -> list[Item]:
        """Claim and number what is due, as much of each endpoint."""
        share = max(count_max // len(self._endpoint_ids), 1)
        async with self._pool.acquire() as connection:
            claimed = await claim(connection, self._owner, dict.fromkeys(self._endpoint_ids, share))
        return [
            Item(event_header_id(each.event_id), each.url, each.payload or b"", each)
            for each in claimed
        ]

    async def complete(self, ended: Sequence[tuple[Item, int]]) -> None:
        """Write an attempt for each, and that it is delivered."""
        now = datetime.now(UTC)
        completions = [
            Completion(
                event_id=item.claim.event_id,
                endpoint_id=item.claim.endpoint_id,
                epoch=item.claim.epoch,
                state="delivered",
                delay_s=0.0,
                counted=True,
                status=status,
                reason="",
                started_at=now,
                duration_ms=0,
                address=None,
                attempt_class="success",
                answer=None,
                body_sha256=hashlib.sha256(item.body).digest(),
            )
            for item, status in ended
        ]
        async with self._pool.acquire() as connection:
            await complete(connection, self._owner, completions)


if __name__ == "__main__":
    run_program(KeptOutbox.open)

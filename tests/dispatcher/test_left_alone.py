"""Receivers that asked for a pause, or only fail: nobody claims for them, but for one probe."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from service.store.deliveries import claim


@pytest.mark.parametrize(("hold_s", "claimed"), [(60, 0), (-60, 3)], ids=["held", "over"])
async def test_nothing_is_claimed_while_a_receiver_is_held(
    hold_s: int, claimed: int, world: Any, pool: asyncpg.Pool
) -> None:
    """A pause that a receiver asked for after it was seen ready, and before the claim, counts."""
    endpoint_id = await world.add_endpoint("https://hooks.example/in")
    await world.publish(3)
    await pool.execute(
        "update endpoints set hold_until = leadfall_now() + make_interval(secs => $1)", hold_s
    )

    async with pool.acquire() as connection:
        found = await claim(connection, uuid4(), {endpoint_id: 8})

    assert len(found) == claimed

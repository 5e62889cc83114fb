"""Erasing many people at once: what is looked through in one statement is bounded."""

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import asyncpg
import pytest

from service.flows.erase_people import (
    COMPARISONS_PER_PAGE_MAX,
    EVENTS_PER_PAGE_MAX,
    events_per_page,
)
from service.store.erasure import find_echoes, find_events
from tests.flows.test_erase_spellings import Scene, scene

__all__ = ["scene"]

BEGINNING: Final = (datetime(2000, 1, 1, tzinfo=UTC), uuid.UUID(int=0))
EVENTS: Final = 20
MANY: Final = 100
ROUNDS: Final = 3
TIMES_MAX: Final = 16
"""How many times as long many texts take as one: it was 36, and is 7."""


@pytest.mark.parametrize("count", [0, 1, 100, 101, 2_500, 50_000])
def test_many_texts_are_looked_for_in_few_events(count: int) -> None:
    """And however many they are, there is an event to a page."""
    page = events_per_page(count)

    assert 1 <= page <= EVENTS_PER_PAGE_MAX
    assert page == 1 or page * count <= COMPARISONS_PER_PAGE_MAX


async def test_a_body_is_made_small_once(scene: Scene) -> None:
    """However many texts are looked for in it, and in what receivers answered to it."""
    pool, workspace_id = scene.shop.pool, scene.shop.workspace_id
    await pool.execute(
        "insert into events"
        " (id, aggregatetype, aggregateid, type, payload, workspace_id, created_at)"
        " select gen_random_uuid(), 'job', 'j', 'enrichment.completed',"
        " convert_to(repeat('Ada@O.Example ', 20000), 'UTF8'), $1, leadfall_now()"
        " from generate_series(1, $2)",
        workspace_id,
        EVENTS,
    )
    texts = [f"nadia{n}@brightwater.example" for n in range(MANY)]
    async with pool.acquire() as connection:
        one = [await _look(connection, workspace_id, texts[:1]) for _ in range(ROUNDS)]
        many = [await _look(connection, workspace_id, texts) for _ in range(ROUNDS)]
        _, named = await _look(connection, workspace_id, [*texts, "ada@o.example"])
    (one_s, _), (many_s, found) = min(one), min(many)

    assert many_s < one_s * TIMES_MAX
    assert (found, named) == (0, EVENTS)


async def _look(
    connection: asyncpg.Connection, workspace_id: int, texts: Sequence[str]
) -> tuple[float, int]:
    """Return the seconds it took to look for texts in all events, and how many have one."""
    began_at = time.monotonic()
    page = await find_events(connection, workspace_id, BEGINNING, texts, EVENTS)
    await find_echoes(connection, page, texts)
    return time.monotonic() - began_at, sum(each.body is not None for each in page)

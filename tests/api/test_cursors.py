"""Cursors: opaque, and stable while rows come in between two pages."""

from collections.abc import Awaitable, Callable

import pytest

from service.domain.kinds import Face
from tests.api.sendkit_calls import call
from tests.api.stage import Stage, found, people

Add = Callable[[Stage], Awaitable[object]]
Read = Callable[[Stage, str | None], Awaitable[tuple[list[str], str | None]]]


async def add_lead(stage: Stage) -> None:
    """Make one more lead."""
    await stage.add_leads(people(1, first=len(await stage.fetch("select 1 from leads")) + 1))


async def add_job(stage: Stage) -> None:
    """Make one more job of one lead, charged and done."""
    ids = await stage.add_leads([{"first_name": "Ada", "email": f"{await count(stage)}@x.example"}])
    status, _ = await stage.sendkit({"leadIds": ids, "enrichmentTypes": ["email"]})
    assert status == 200
    await stage.settle(found)


async def count(stage: Stage) -> int:
    """Return how many leads there are."""
    rows = await stage.fetch("select count(*) as leads from leads")
    leads: int = rows[0]["leads"]
    return leads


def listing(path: str, name: str) -> Read:
    """Return what reads a page of two of a SendKit list, as the rows' names and the next cursor."""

    async def read(stage: Stage, cursor: str | None) -> tuple[list[str], str | None]:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        status, body = await call(stage, "GET", path, **query)
        assert status == 200, body
        return [row[name] for row in body["data"]], body["pagination"]["nextCursor"]

    return read


async def search_by_time(stage: Stage, cursor: str | None) -> tuple[list[str], str | None]:
    """Read two of the leads that were created since 2020."""
    filters = {"createdAfter": "2020-01-01T00:00:00Z"}
    asked = {"filters": filters, "limit": 2, "cursor": cursor}
    status, body = await stage.post("/v1/leads/search", asked)
    assert status == 200, body
    return [row["_id"] for row in body["data"]], body["pagination"]["nextCursor"]


async def read_all(stage: Stage, read: Read, add: Add | None = None) -> list[str]:
    """Follow the cursors to the end; `add` makes one more row after the first page."""
    rows, cursor = await read(stage, None)
    if add is not None:
        await add(stage)
    while cursor is not None:
        page, cursor = await read(stage, cursor)
        rows += page
    return rows


@pytest.mark.parametrize(
    ("read", "add"),
    [
        (listing("/v1/leads", "_id"), add_lead),
        (listing("/v1/leads?hasPhone=false", "_id"), add_lead),
        (search_by_time, add_lead),
        (listing("/v1/enrichment/jobs", "id"), add_job),
        (listing("/v1/credits/ledger", "id"), add_job),
    ],
    ids=["leads", "leads by a filter", "leads by time", "jobs", "ledger"],
)
async def test_what_comes_in_between_moves_nothing(stage: Stage, read: Read, add: Add) -> None:
    """Every row that was there at the first page is read once, in the order of then."""
    for _ in range(5):
        await add(stage)
    before = await read_all(stage, read)

    after = await read_all(stage, read, add)

    assert len(before) >= 5
    assert after == before


async def test_results_of_a_list_are_read_once(stage: Stage) -> None:
    """On the Seleqt face as well, while rows settle between two pages."""
    await stage.add_leads(people(5))
    _, started = await stage.seleqt({})
    tail = f"enrichment/{started['job_id']}/results/"

    first = await stage.get_seleqt(tail, page_size=2)
    await stage.settle(found)
    second = await stage.get_seleqt(tail, page_size=2, cursor=first["next_cursor"])
    third = await stage.get_seleqt(tail, page_size=2, cursor=second["next_cursor"])

    ids = [row["id"] for page in (first, second, third) for row in page["results"]]
    assert (len(ids), ids) == (5, sorted(ids))
    assert third["next_cursor"] is None


async def test_a_cursor_tells_nothing(stage: Stage) -> None:
    """It is neither the id of a row nor a number."""
    for _ in range(3):
        await add_lead(stage)

    rows, cursor = await listing("/v1/leads", "_id")(stage, None)

    assert cursor not in {None, *rows}
    assert not (cursor or "").isdigit()


async def test_a_list_s_cursor_is_no_other_s(stage: Stage) -> None:
    """A cursor of another list is refused, and not taken for a place in this one."""
    for _ in range(3):
        await add_job(stage)
    _, cursor = await listing("/v1/enrichment/jobs", "id")(stage, None)

    status, body = await stage.get("/v1/leads", Face.SENDKIT, cursor=cursor)

    assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")

"""Cursors: opaque, and stable while rows come in between two pages."""

from collections.abc import Awaitable, Callable

import orjson
import pytest

from service.domain.kinds import Face
from service.flows.create_list import create_list
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


def seleqt(tail: str, rows: str, **query: str) -> Read:
    """Return what reads a page of two of a Seleqt list by GET."""

    async def read(stage: Stage, cursor: str | None) -> tuple[list[str], str | None]:
        path = f"/api/v1/public/{tail.format(stage.tenant.people_list)}"
        place = {"cursor": cursor} if cursor else {}
        status, body = await stage.get(path, Face.SELEQT, page_size="2", **query, **place)
        assert status == 200, body
        return [row["id"] for row in body[rows]], body["next_cursor"]

    return read


def seleqt_search(**asked: str) -> Read:
    """Return what reads two of the leads that a search of the Seleqt face finds."""

    async def read(stage: Stage, cursor: str | None) -> tuple[list[str], str | None]:
        headers = {"X-API-Key": stage.tenant.seleqt_key.text}
        body = {"page_size": 2, "cursor": cursor, **asked}
        path = "/api/v1/public/prospects/search/"
        async with stage.client.post(path, json=body, headers=headers) as answer:
            shown = await answer.json()
        assert answer.status == 200, shown
        return [row["id"] for row in shown["prospects"]], shown["next_cursor"]

    return read


async def add_list(stage: Stage) -> None:
    """Make one more list."""
    await create_list(stage.pool, stage.tenant.id, "another", "PEOPLE")


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
        (seleqt("lead-lists/", "lead_lists"), add_list),
        (seleqt("lead-lists/{}/leads/", "prospects", sort_direction="desc"), add_lead),
        (seleqt_search(sort_direction="desc"), add_lead),
        (seleqt_search(sort_field="created_at", sort_direction="desc"), add_lead),
    ],
    ids=[
        "leads",
        "leads by a filter",
        "leads by time",
        "jobs",
        "ledger",
        "lists",
        "leads of a list",
        "search",
        "search in another order",
    ],
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


async def test_a_cursor_beyond_all_rows_is_refused(stage: Stage) -> None:
    """One that was made up with the greatest number there is, where pages go by text as well."""
    headers = {"X-API-Key": stage.tenant.seleqt_key.text}
    body = {"filters": {"company_name": "comp"}, "cursor": "f_________8"}

    async with stage.client.post(
        "/api/v1/public/prospects/search/", json=body, headers=headers
    ) as answer:
        shown = await answer.json()

    assert (answer.status, "cursor is not valid" in shown["error"]) == (400, True)


async def test_a_list_s_cursor_is_no_other_s(stage: Stage) -> None:
    """A cursor of another list is refused, and not taken for a place in this one."""
    for _ in range(3):
        await add_job(stage)
    _, cursor = await listing("/v1/enrichment/jobs", "id")(stage, None)

    status, body = await stage.get("/v1/leads", Face.SENDKIT, cursor=cursor)

    assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")


CAST = [
    {"first_name": name, "seniority": seniority}
    for name, seniority in [("Cy", "vp"), ("Ada", "vp"), ("", "cxo"), ("Bo", "vp"), ("", "vp"),
                            ("Ada", "cxo"), ("Di", "vp")]
]  # fmt: skip


EVERYBODY, EITHER, BY_TEXT = "{}", '{"seniority": ["vp", "cxo"]}', '{"keywords": "e"}'


@pytest.mark.parametrize(
    ("where", "field", "direction", "filters"),
    [
        ("list", "id", "asc", EVERYBODY),
        ("list", "id", "desc", EITHER),
        ("list", "first_name", "asc", BY_TEXT),
        ("list", "first_name", "desc", EVERYBODY),
        ("list", "amount_of_employees", "desc", EITHER),
        ("workspace", "id", "asc", EVERYBODY),
        ("workspace", "id", "desc", BY_TEXT),
        ("workspace", "id", "asc", EITHER),
        ("workspace", "first_name", "desc", EITHER),
        ("workspace", "created_at", "asc", EVERYBODY),
        ("workspace", "created_at", "desc", BY_TEXT),
    ],
)
async def test_cursors_go_through_every_order(
    stage: Stage, where: str, field: str, direction: str, filters: str
) -> None:
    """Page by page come the same leads as at once, equal and absent values included."""
    cast = [
        {"company_name": "Engines", **{name: text for name, text in each.items() if text}}
        for each in CAST
    ]
    await stage.add_leads(cast)
    query = {"sort_field": field, "sort_direction": direction}
    read = {
        "list": seleqt("lead-lists/{}/leads/", "prospects", filters=filters, **query),
        "workspace": seleqt_search(filters=orjson.loads(filters), **query),
    }[where]
    at_once = await stage.get_seleqt("leads/", filters=filters, page_size=100, **query)

    rows = await read_all(stage, read)

    assert rows == [row["id"] for row in at_once["prospects"]]
    assert len(rows) == len(CAST)


async def test_a_page_counts_from_its_cursor(stage: Stage) -> None:
    """Cursor and number go together: the second page after the cursor's first."""
    await stage.add_leads(people(6))
    first = await stage.get_seleqt("leads/", page_size=2)

    third = await stage.get_seleqt("leads/", page_size=2, page=2, cursor=first["next_cursor"])

    assert [row["first_name"] for row in third["prospects"]] == ["First5", "First6"]
    assert (third["total_count"], third["next_cursor"]) == (6, None)


async def test_a_deleted_lead_has_no_place_in_an_order_of_values(stage: Stage) -> None:
    """By id its place is known all the same; in another order the caller is told to begin anew."""
    await stage.add_leads(people(3))
    first = await stage.get_seleqt("leads/", page_size=1, sort_field="first_name")
    await stage.fetch("delete from leads where first_name = 'First1'")
    cursor = {"cursor": first["next_cursor"]}

    by_id = await stage.get_seleqt("leads/", **cursor)
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/leads/"
    status, error = await stage.get(path, Face.SELEQT, sort_field="first_name", **cursor)

    assert [row["first_name"] for row in by_id["prospects"]] == ["First2", "First3"]
    assert status == 400
    assert "begin again without a cursor" in error["error"]


@pytest.mark.parametrize(
    ("face", "path"),
    [
        (Face.SENDKIT, "/v1/leads"),
        (Face.SELEQT, "/api/v1/public/lead-lists/"),
        (Face.SELEQT, "/api/v1/public/lead-lists/1/leads/"),
    ],
)
async def test_far_pages_want_a_cursor(stage: Stage, face: Face, path: str) -> None:
    """A page by number passes by all before it, so numbers end and the error says what goes on."""
    status, body = await stage.get(path, face, page=1_001)
    last, _ = await stage.get(path, face, page=1_000)

    assert (status, last) == (400, 200)
    assert "page must be at most 1000; go on with the cursor of the last answer" in str(body)


async def test_a_far_page_of_a_search_wants_a_cursor(stage: Stage) -> None:
    """So it is where the page stands in the body."""
    headers = {"X-API-Key": stage.tenant.seleqt_key.text}
    path, body = "/api/v1/public/prospects/search/", {"page": 1_001, "cursor": "?"}

    async with stage.client.post(path, json=body, headers=headers) as answer:
        shown = await answer.json()

    assert answer.status == 400
    assert "page must be at most 1000; go on with the cursor" in shown["error"]
    assert "cursor is not valid" in shown["error"]


@pytest.mark.parametrize("query", [{}, {"hasPhone": "false"}, {"tags": "eu"}, {"search": "p"}])
async def test_sendkit_s_older_page_numbers_go_on(stage: Stage, query: dict[str, str]) -> None:
    """SendKit's older clients ask for pages by number, and are told how many there are."""
    for number in range(5):
        body = {"email": f"p{number}@example.com", "tags": ["eu"]}
        await call(stage, "POST", "/v1/leads", body)

    pages = [
        (await call(stage, "GET", "/v1/leads", limit="2", page=str(number), **query))[1]
        for number in (1, 2, 3, 4)
    ]

    shown = [[lead["email"][:2] for lead in page["data"]] for page in pages]
    assert shown == [["p4", "p3"], ["p2", "p1"], ["p0"], []]
    places = [(each["pagination"]["page"], each["pagination"]["pages"]) for each in pages]
    assert places == [(1, 3), (2, 3), (3, 3), (4, 3)]

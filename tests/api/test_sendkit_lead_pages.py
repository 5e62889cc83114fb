"""Pages of leads: what each filter finds, cursors, totals, and what is refused."""

from typing import Any

import pytest

from service.domain.people_filter import PeopleFilter
from service.errors import FilterTooBroad
from service.flows.find_leads import find_leads
from tests.api.sendkit_calls import call, create, done
from tests.api.stage import Stage

MARKED = """
update leads set email_verdict = 'deliverable', email_verified_at = leadfall_now(),
                 gateway_slug = 'proofpoint', gateway_name = 'Proofpoint'
where first_name = 'Ada'
"""
SPREAD = """
insert into leads (workspace_id, first_name, email, email_parses, email_source)
select $1, 'Person' || n, 'p' || n || '@example.com', true, 'given'
from generate_series(1, $2::integer) as n
"""


async def add_three(stage: Stage) -> None:
    """Make three leads that every filter tells apart."""
    await create(
        stage,
        "ada@gmail.com",
        firstName="Ada",
        lastName="Lovelace",
        tags=["vip", "uk"],
        country="UK",
        city="London",
    )
    await create(
        stage,
        "bob@engines.example",
        firstName="Bob",
        lastName="100%_Sure",
        companyName="Engines Ltd",
        jobTitle="Engineer",
        tags=["uk"],
    )
    await create(stage, "cy@c.example", firstName="Cy", phone="+14155550100", country="us")
    await stage.fetch(MARKED)


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "Cy Bob Ada"),
    ({"search": "lovelace"}, "Ada"),
    ({"search": "LOVELACE ada"}, "Ada"),
    ({"search": "engines"}, "Bob"),
    ({"search": "100%_"}, "Bob"),
    ({"search": "%"}, "Bob"),
    ({"search": "ada bob"}, ""),
    ({"search": "  "}, "Cy Bob Ada"),
    ({"tags": "vip"}, "Ada"),
    ({"tags": "vip, uk"}, "Bob Ada"),
    ({"emailVerified": "true"}, "Ada"),
    ({"emailVerified": "false"}, "Cy Bob"),
    ({"emailStatus": "valid"}, "Ada"),
    ({"emailStatus": "deliverable,risky"}, "Ada"),
    ({"emailStatus": "invalid"}, ""),
    ({"emailType": "personal"}, "Ada"),
    ({"emailType": "business"}, "Cy Bob"),
    ({"emailType": "all"}, "Cy Bob Ada"),
    ({"hasCompany": "true"}, "Bob"),
    ({"hasCompany": "false"}, "Cy Ada"),
    ({"hasPhone": "true"}, "Cy"),
    ({"segProtected": "true"}, "Ada"),
    ({"segProtected": "false", "hasPhone": "false"}, "Bob"),
]

BODY_FILTERS: list[tuple[dict[str, Any], str]] = [
    ({"name": "a lov"}, "Ada"),
    ({"name": "engine"}, ""),
    ({"companyName": "engines"}, "Bob"),
    ({"jobTitle": "ENGINEER"}, "Bob"),
    ({"tags": ["vip"], "emailVerified": True}, "Ada"),
    ({"country": "US"}, "Cy"),
    ({"city": "london"}, "Ada"),
    ({"createdAfter": "2020-01-01T00:00:00.000Z"}, "Cy Bob Ada"),
    ({"createdAfter": "2999-01-01"}, ""),
    ({"createdBefore": "2020-01-01T00:00:00+02:00"}, ""),
    ({"createdBefore": "2999-01-01T00:00:00"}, "Cy Bob Ada"),
    ({"search": "ada", "hasCompany": False, "emailStatus": ["valid"]}, "Ada"),
]


def first_names(answer: Any) -> str:
    """Return who is on a page, in its order."""
    return " ".join(lead["firstName"] for lead in answer["data"])


@pytest.mark.parametrize(("query", "expected"), FILTERS, ids=str)
async def test_the_list_is_filtered(stage: Stage, query: dict[str, Any], expected: str) -> None:
    """Each parameter finds its leads, newest first, and the total counts them."""
    await add_three(stage)

    answer = await done(stage, "GET", "/v1/leads", **query)

    assert expected == first_names(answer)
    assert answer["pagination"] == {
        "page": 1,
        "pages": min(1, len(expected.split())),
        "limit": 25,
        "total": len(expected.split()),
        "totalIsCapped": False,
        "hasMore": False,
        "nextCursor": None,
    }


@pytest.mark.parametrize(("filters", "expected"), BODY_FILTERS, ids=str)
async def test_a_search_is_filtered(stage: Stage, filters: dict[str, Any], expected: str) -> None:
    """A search takes the filters of the list and some of its own."""
    await add_three(stage)

    answer = await done(stage, "POST", "/v1/leads/search", {"filters": filters})

    assert expected == first_names(answer)


async def test_a_search_without_a_body_finds_all(stage: Stage) -> None:
    """No filters means no condition."""
    await add_three(stage)

    answer = await done(stage, "POST", "/v1/leads/search", {"limit": 2})

    assert first_names(answer) == "Cy Bob"


async def test_pages_are_stable_while_leads_come_and_go(stage: Stage) -> None:
    """A page begins after the last row of the one before, whatever happened in between."""
    for number in range(5):
        await create(stage, f"p{number}@example.com", firstName=f"P{number}")

    first = await done(stage, "GET", "/v1/leads", limit=2)
    await create(stage, "new@example.com", firstName="New")
    await done(stage, "DELETE", "/v1/leads", {"leadIds": [first["data"][1]["_id"]]})
    second = await done(
        stage, "GET", "/v1/leads", limit=2, cursor=first["pagination"]["nextCursor"]
    )
    third = await done(
        stage,
        "POST",
        "/v1/leads/search",
        {"limit": 2, "cursor": second["pagination"]["nextCursor"]},
    )

    assert [first_names(page) for page in (first, second, third)] == ["P4 P3", "P2 P1", "P0"]
    assert third["pagination"]["nextCursor"] is None


@pytest.mark.parametrize(
    ("count", "total", "capped"), [(10_000, 10_000, False), (10_001, 10_000, True)]
)
async def test_a_total_is_exact_up_to_its_cap(
    stage: Stage, *, count: int, total: int, capped: bool
) -> None:
    """Above 10,000 the figure says that it is capped."""
    await stage.fetch(SPREAD, stage.tenant.id, count)

    answer = await done(stage, "GET", "/v1/leads", limit=1)

    assert (total, capped) == (
        answer["pagination"]["total"],
        answer["pagination"]["totalIsCapped"],
    )


BAD_QUERIES: list[tuple[dict[str, Any], list[str]]] = [
    ({"page": "0"}, ["page must be an integer of at least 1"]),
    ({"limit": "0"}, ["limit must be an integer of at least 1 and at most 100"]),
    ({"limit": "101"}, ["limit must be at most 100"]),
    ({"limit": "0"}, ["limit must be an integer of at least 1"]),
    ({"cursor": "5f"}, ["cursor is not valid"]),
    ({"emailVerified": "yes"}, ["emailVerified must be true or false"]),
    ({"emailType": "work"}, ["emailType must be all, personal or business"]),
    ({"emailStatus": "good"}, ["emailStatus.0 must be deliverable, valid, undeliverable"]),
    ({"search": "x" * 201}, ["search must have at most 200 characters"]),
    ({"search": "a b c d e f g h i j k"}, ["search must have at most 10 words"]),
    ({"search": "a\0b"}, ["search contains a NUL character"]),
    ({"tags": ",".join(map(str, range(51)))}, ["tags must have at most 50 entries"]),
    (
        {"hasPhone": "1", "limit": "x", "cursor": "?", "emailType": ""},
        ["hasPhone must", "limit must", "cursor is not", "emailType must"],
    ),
]


@pytest.mark.parametrize(("query", "said"), BAD_QUERIES, ids=str)
async def test_a_bad_query_is_refused(stage: Stage, query: dict[str, Any], said: list[str]) -> None:
    """Every bad parameter is named at once."""
    status, answer = await call(stage, "GET", "/v1/leads", **query)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [part for part in said if part not in answer["error"]["message"]] == []


BAD_SEARCHES: list[tuple[Any, list[str]]] = [
    ({"query": "x"}, ["query is not a known field"]),
    ({"filters": []}, ["filters must be an object"]),
    ({"filters": {"age": 1}}, ["filters.age is not a known field", "createdAfter"]),
    ({"filters": {"createdAfter": "soon"}}, ["filters.createdAfter must be a moment of ISO 8601"]),
    ({"filters": {"createdAfter": 5}}, ["filters.createdAfter must be a moment of ISO 8601"]),
    (
        {"filters": {"createdBefore": "0001-01-01T00:00:00+14:00"}},
        ["filters.createdBefore must be a moment"],
    ),
    ({"filters": {"tags": ["x" * 101]}}, ["filters.tags.0 must have at most 100 characters"]),
    ({"limit": 101, "cursor": "?"}, ["limit must be at most 100", "cursor is not valid"]),
    ({"limit": "5"}, ["limit must be an integer"]),
]


@pytest.mark.parametrize(("body", "said"), BAD_SEARCHES, ids=str)
async def test_a_bad_search_is_refused(stage: Stage, body: Any, said: list[str]) -> None:
    """Fields are named by their path in the body."""
    status, answer = await call(stage, "POST", "/v1/leads/search", body)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [part for part in said if part not in answer["error"]["message"]] == []


async def test_a_search_that_takes_too_long_says_what_to_change(stage: Stage) -> None:
    """A statement that the database ends is a 400 of its own and no fault of the server."""
    async with stage.pool.acquire() as blocker, blocker.transaction():
        await blocker.execute("lock table leads in access exclusive mode")

        with pytest.raises(FilterTooBroad, match="narrow the filter"):
            await find_leads(stage.pool, stage.tenant.id, PeopleFilter(), before=None, limit=1)

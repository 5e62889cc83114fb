"""How much the database reads for a page of leads, told by its own plans over many rows."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.domain.people_filter import PeopleFilter
from service.flows.find_leads import SEARCH_TIMEOUT_MS
from service.store.connection import Connection
from service.store.people import bound_search, count_statement, page_statement
from tests.api.stage import Stage

LEADS = 50_000
OTHERS = 20_000
ROWS_READ_MAX = 200
BY_TEXT = "leads_by_text"

SEED = """
insert into leads (
  workspace_id, first_name, last_name, company_name, job_title, email, email_parses, email_source,
  email_verdict, email_verified_at, phone, gateway_slug, tags, country, city
)
select $1::bigint, 'First' || n, md5(n::text), case when n % 3 > 0 then 'Company ' || n % 5000 end,
       case when n % 2 = 0 then 'Engineer' else 'Manager' end,
       'p' || n || case when n % 4 = 0 then '@gmail.com' else '@example.com' end, true, 'found',
       (array['deliverable', 'risky', 'undeliverable', null])[n % 4 + 1],
       case when n % 4 < 3 then leadfall_now() end,
       case when n % 5 = 0 then '+14155550100' end, case when n % 6 = 0 then 'proofpoint' end,
       array['tag' || n % 7], (array['US', 'UK', 'DE'])[n % 3 + 1], 'City' || n % 5
from generate_series(1, $2::integer) as n
"""

SINGLE = [
    PeopleFilter(),
    PeopleFilter(tags=("tag3",)),
    PeopleFilter(email_verified=True),
    PeopleFilter(email_verified=False),
    PeopleFilter(email_verdicts=("risky",)),
    PeopleFilter(email_verdicts=("deliverable", "undeliverable")),
    PeopleFilter(email_type="personal"),
    PeopleFilter(email_type="business"),
    PeopleFilter(has_company=True),
    PeopleFilter(has_company=False),
    PeopleFilter(has_phone=True),
    PeopleFilter(has_phone=False),
    PeopleFilter(seg_protected=True),
    PeopleFilter(seg_protected=False),
    PeopleFilter(country="us"),
    PeopleFilter(city="city2"),
]

TEXTS = [
    PeopleFilter(words=("c4ca4238a0b923820dcc509a6f75849b",)),
    PeopleFilter(words=("first4321", "engine")),
    PeopleFilter(name="First4321"),
    PeopleFilter(company_name="company 4777"),
    PeopleFilter(words=("nobody-at-all",), tags=("tag1",)),
]


@pytest.fixture
async def seeded(stage: Stage) -> Stage:
    """A workspace of many leads, and another one with leads before and after them."""
    async with stage.pool.acquire() as connection:
        other = await connection.fetchval(
            "insert into workspaces (public_id, name) values (repeat('a', 24), 'x') returning id"
        )
        for workspace_id, count in ((other, OTHERS), (stage.tenant.id, LEADS), (other, OTHERS)):
            await connection.execute(SEED, workspace_id, count)
        # The pending list of the index by text would be read with every search.
        await connection.execute("select gin_clean_pending_list($1::text::regclass)", BY_TEXT)
        await connection.execute("analyze leads")
    return stage


async def explain(connection: Connection, statement: str, arguments: list[Any]) -> Any:
    """Run a statement and return the top node of its plan, with what really happened."""
    rows = await connection.fetchval(f"explain (analyze, format json) {statement}", *arguments)
    return rows[0]["Plan"]


def nodes(plan: Any) -> Iterator[Any]:
    """Yield every node of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def rows_read(plan: Any) -> float:
    """Return how many rows of the table were looked at, whether or not they were wanted."""
    return sum(
        node["Actual Loops"]
        * (
            node["Actual Rows"]
            + node.get("Rows Removed by Filter", 0)
            + node.get("Rows Removed by Index Recheck", 0)
        )
        for node in nodes(plan)
        if node.get("Relation Name") == "leads"
    )


def indexes(plan: Any) -> set[str]:
    """Return the names of the indexes that a plan uses."""
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}


@pytest.mark.timeout(120)
async def test_pages_read_few_rows(seeded: Stage) -> None:
    """Default order and filters by one key stop early, texts are found by index, counts capped."""
    async with seeded.pool.acquire() as connection, connection.transaction():
        await bound_search(connection, SEARCH_TIMEOUT_MS)
        first = [
            await explain(connection, *page_statement(seeded.tenant.id, people, before=0, limit=26))
            for people in SINGLE
        ]
        later = [
            await explain(
                connection,
                *page_statement(seeded.tenant.id, people, before=OTHERS + 30_000, limit=26),
            )
            for people in SINGLE
        ]
        count = await explain(
            connection, *count_statement(seeded.tenant.id, PeopleFilter(), 10_001)
        )
        texts = [
            await explain(connection, *page_statement(seeded.tenant.id, people, before=0, limit=26))
            for people in TEXTS
        ]

    read = [rows_read(plan) for plan in (*first, *later, *texts)]
    assert [count for count in read if count > ROWS_READ_MAX] == []
    assert [plan for plan in (*first, *later) if not indexes(plan)] == []
    assert rows_read(count) == 10_001
    assert [plan for plan in texts if BY_TEXT not in indexes(plan)] == []

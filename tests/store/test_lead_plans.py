"""How many rows selecting leads reads, told by the plans of the very statements that are used."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
import pytest

from service.domain.kinds import Target
from service.domain.lead_filter import read_lead_filter
from service.store.lead_selection import (
    Sorting,
    Statement,
    Wanted,
    count_statement,
    ids_statement,
    page_statement,
)

# Fewer than the million that matters: what is read should follow from the page, not the table.
LEADS = 100_000
PAGE = 100
ROWS_READ_MAX = 200
COMMON_ROWS_READ_MAX = 600

PEOPLE_LIST, COMPANY_LIST, SMALL_LIST = 1, 2, 3
SEED = """
insert into workspaces (public_id, name) values
  ('0123456789abcdef01234567', 'big'), ('1123456789abcdef01234567', 'neighbour');
insert into lists (workspace_id, name, search_type) values
  (1, 'people', 'PEOPLE'), (1, 'companies', 'COMPANY'), (1, 'few', 'PEOPLE');
insert into leads (workspace_id, first_name, last_name, company_name, company_size, industry,
                   job_title, seniority, department, city, is_company)
select case when n % 2 = 0 then 2 else 1 end, 'First' || n % 1000, 'Last' || n,
       case when n % 5000 = 1 then 'Falconry Works' else 'Company ' || n % 3000 end,
       (array['1-10', '11-50', '51-200', '201-500'])[1 + n / 2 % 4],
       case when n % 4000 = 1 then 'Basket Weaving'
            else (array['Software', 'Banking'])[1 + n / 2 % 2] end,
       case when n % 4000 = 1 then 'Chief Falconer' else 'Sales Manager' end,
       case when n % 4000 = 1 then 'Emeritus'
            when n % 1000 <> 3 then (array['Senior', 'Entry', 'VP', 'CXO', 'Head'])[1 + n % 5] end,
       case when n % 1000 <> 3 then (array['Sales', 'Engineering', 'Marketing'])[1 + n % 3] end,
       case when n % 4000 = 1 then 'Ulm' else 'Berlin' end, n % 1000 = 3
from generate_series(1, {leads}) n;
insert into list_leads select case when is_company then 2 else 1 end, id
from leads where workspace_id = 1;
insert into list_leads select 3, id from leads
where workspace_id = 1 and not is_company and id % 500 = 1;
"""


@pytest.fixture(scope="module")
def big_database(postgres_server: str, template_database: str) -> Iterator[str]:
    """URL of a database with many leads, which no test here changes."""
    name = f"leadfall_plans_{uuid.uuid4().hex[:8]}"
    url = urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}"))
    asyncio.run(_run(postgres_server, f"create database {name} template {template_database}"))
    asyncio.run(_run(url, SEED.format(leads=LEADS), "vacuum analyze"))
    yield url
    asyncio.run(_run(postgres_server, f"drop database {name} with (force)"))


@pytest.fixture
async def big(big_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to it that plans each statement for its values."""
    opened = await asyncpg.connect(
        big_database, server_settings={"plan_cache_mode": "force_custom_plan", "jit": "off"}
    )
    yield opened
    await opened.close()


async def _run(url: str, *statements: str) -> None:
    opened = await asyncpg.connect(url)
    for statement in statements:
        await opened.execute(statement)
    await opened.close()


async def explain(connection: asyncpg.Connection, statement: Statement) -> list[dict[str, Any]]:
    """Run a statement and return every node of its plan."""
    rows = await connection.fetch(
        f"explain (analyze, format json) {statement.text}", *statement.arguments
    )
    (plan,) = orjson.loads(rows[0][0]) if isinstance(rows[0][0], str) else rows[0][0]
    return list(nodes(plan["Plan"]))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a node and all below it."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def rows_read(plan: list[dict[str, Any]]) -> int:
    """Count the rows that came out of tables and indexes, also those that were thrown away."""
    return int(
        sum(
            node["Actual Loops"]
            * (
                node["Actual Rows"]
                + node.get("Rows Removed by Filter", 0)
                + node.get("Rows Removed by Index Recheck", 0)
            )
            for node in plan
            if node["Node Type"]
            in {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
        )
    )


def wanted(
    list_id: int | None = PEOPLE_LIST, lacking: Target | None = None, **filters: Any
) -> Wanted:
    """Return leads of the big workspace."""
    return Wanted(1, list_id, lead_filter=read_lead_filter(filters), lacking=lacking)


ONE_KEY = [
    {"seniority": "senior"},
    {"department": "sales"},
    {"company_size": "51-200"},
    {"job_title": "chief falconer"},
    {"company_name": "falconry"},
    {"current_title": {"must": ["Falconer"]}},
]

RARE = [
    {"seniority": "emeritus"},
    {"industry": "basket"},
    {"location": "ulm"},
    {"keywords": "chief falconer"},
    {"keywords": ["falconer", "nobody"]},
    {"seniority": "nobody"},
    {"industry": "nobody"},
]

COMMON = [
    {"seniority": "senior"},
    {"industry": "software"},
    {"prospect_location": "Berlin"},
    {"keywords": "manager"},
]


@pytest.mark.parametrize("list_id", [PEOPLE_LIST, COMPANY_LIST, SMALL_LIST, None])
async def test_the_default_order_reads_a_page(big: asyncpg.Connection, list_id: int | None) -> None:
    """A page of a list or of a workspace reads its own rows, in either direction."""
    plain = wanted(list_id)
    backwards = Wanted(1, list_id, sorting=Sorting("id", descending=True))

    plans = [
        await explain(big, page_statement(each, limit=PAGE, offset=0))
        for each in (plain, backwards)
    ]

    assert max(rows_read(plan) for plan in plans) <= ROWS_READ_MAX


async def test_what_lacks_an_email_is_found_by_reading_a_page(big: asyncpg.Connection) -> None:
    """Selecting for an enrichment stops at its limit."""
    plan = await explain(big, ids_statement(wanted(lacking=Target.EMAIL), limit=PAGE))

    assert rows_read(plan) <= ROWS_READ_MAX


@pytest.mark.parametrize("target", [Target.EMAIL, Target.PHONE])
async def test_what_is_counted_is_of_the_list(big: asyncpg.Connection, target: Target) -> None:
    """Counting who lacks something reads the list alone, each of it twice, and stops at its cap."""
    bound = 1_000

    plan = await explain(big, count_statement(wanted(lacking=target), count_max=bound))

    assert rows_read(plan) <= 2 * bound + 10


@pytest.mark.parametrize("filters", ONE_KEY)
async def test_one_key_reads_a_page(big: asyncpg.Connection, filters: dict[str, Any]) -> None:
    """A filter by one key reads what it finds, and the list's entries of these."""
    selected = await explain(
        big, ids_statement(wanted(lacking=Target.PHONE, **filters), limit=PAGE)
    )
    shown = await explain(big, page_statement(wanted(**filters), limit=PAGE, offset=0))

    assert max(rows_read(selected), rows_read(shown)) <= ROWS_READ_MAX


@pytest.mark.parametrize("filters", RARE)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, None])
async def test_a_rare_value_is_not_searched_for(
    big: asyncpg.Connection, filters: dict[str, Any], list_id: int | None
) -> None:
    """What one lead in thousands has is found by an index, in a list and in a workspace."""
    plan = await explain(big, page_statement(wanted(list_id, **filters), limit=PAGE, offset=0))

    assert rows_read(plan) <= ROWS_READ_MAX


@pytest.mark.parametrize("filters", COMMON)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, None])
async def test_a_common_value_is_met_in_order(
    big: asyncpg.Connection, filters: dict[str, Any], list_id: int | None
) -> None:
    """What many have is found soon in the order of the page."""
    plan = await explain(big, page_statement(wanted(list_id, **filters), limit=PAGE, offset=0))

    assert rows_read(plan) <= COMMON_ROWS_READ_MAX


@pytest.mark.parametrize("key", ["job_title", "company_name"])
async def test_texts_are_found_by_the_one_index(big: asyncpg.Connection, key: str) -> None:
    """A rare word in a title or a company's name is found through the index by text."""
    filters: dict[str, Any] = {key: "falcon"}

    plan = await explain(big, page_statement(wanted(None, **filters), limit=PAGE, offset=0))

    assert "leads_by_text" in {node.get("Index Name") for node in plan}


async def test_another_workspace_s_leads_are_not_found(big: asyncpg.Connection) -> None:
    """Whatever index is used, only the workspace's own leads come out."""
    rows = await big.fetch(
        "select l.workspace_id from leads l where l.id = any($1)",
        [
            row["id"]
            for row in await big.fetch(
                *_flat(ids_statement(wanted(None, job_title="manager"), limit=1_000))
            )
        ],
    )

    assert {row["workspace_id"] for row in rows} == {1}


def _flat(statement: Statement) -> tuple[Any, ...]:
    return (statement.text, *statement.arguments)

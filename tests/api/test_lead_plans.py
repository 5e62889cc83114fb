"""How much the database reads for a page of leads, told by its own plans over many rows."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from service.domain.email_address import FREE_MAIL_DOMAINS
from service.domain.people_filter import PeopleFilter
from service.flows.find_leads import SEARCH_TIMEOUT_MS, TOTAL_MAX
from service.settings import LimitSettings
from service.store.connection import Connection, prepare_connection
from service.store.people import bound_search
from service.store.people_pages import (
    LeadPlace,
    count_statement,
    page_statement,
    place_sort,
    place_statement,
    read_page,
)
from service.store.statements import load_statements
from tests.conftest import drop_database, with_database

# `make plans` has the million that matters; what is read follows from the page, not the table.
LEADS = int(os.environ.get("PLAN_LEADS", "40000"))
OTHERS = 20_000
RARE = 4_000
# The largest page, and the lead that tells whether more follow it.
LIMIT = LimitSettings().page_size_max + 1
ROWS_READ_MAX = 200
BY_TEXT = "leads_by_text"
WORKSPACE = 2

# One lead in so many has a facet's rare value; the leads of neighbours lie around it.
SEED = """
insert into leads (
  workspace_id, first_name, last_name, company_name, job_title, email, email_parses, email_source,
  email_verdict, email_verified_at, phone, gateway_slug, tags, country, city, created_at
)
select $1::bigint, 'First' || n, md5(n::text),
       case when n % $3::integer > 0 then 'Company ' || n % 5000 end
         || case when n > $2 / 10 and n < $2 * 9 / 10 then ' Holding' else '' end,
       case when n % 2 = 0 then 'Engineer' else 'Manager' end,
       'p' || n || case when n % $3 = 1 then '@gmail.com' else '@example.com' end, true, 'found',
       case when n % $3 = 2 then 'risky' when n % 4 > 0 then 'deliverable' end,
       case when n % 4 > 0 then leadfall_now() end,
       case when n % $3 = 3 then '+14155550100' end, case when n % $3 = 4 then 'proofpoint' end,
       case when n % $3 = 5 then array['vip', 'eu'] else array['eu', 'tag' || n % 7] end,
       case when n % $3 = 6 then 'Fiji' else 'US' end, case when n % $3 = 7 then 'Suva' end,
       timestamptz '2026-01-01' + make_interval(mins => n)
from generate_series(1, $2::integer) as n
"""
BOTH_SIDES: list[dict[str, Any]] = [
    {"email_verified": True},
    {"email_verified": False},
    {"has_company": True},
    {"has_company": False},
    {"has_phone": True},
    {"has_phone": False},
    {"seg_protected": True},
    {"seg_protected": False},
    {"email_type": "personal"},
    {"email_type": "business"},
]
VALUES: list[dict[str, Any]] = [
    {},
    {"email_verdicts": ("risky",)},
    {"email_verdicts": ("deliverable",)},
    {"email_verdicts": ("risky", "undeliverable")},
    {"email_verdicts": ("unknown",)},
    {"email_verdicts": ("deliverable", "risky")},
    {"email_verdicts": ("deliverable", "undeliverable", "risky", "unknown")},
    {"tags": ("vip",)},
    {"tags": ("eu",)},
    {"tags": ("vip", "eu")},
    {"tags": ("tag1",)},
    {"tags": ("tag1", "tag2")},
    {"tags": ("nowhere",)},
    {"country": "us"},
    {"country": "FIJI"},
    {"city": "suva"},
    {"city": "nowhere"},
    {"created_after": datetime(2026, 1, 20, tzinfo=UTC)},
    {"created_before": datetime(2026, 1, 2, tzinfo=UTC)},
    {"created_before": datetime(2025, 1, 2, tzinfo=UTC)},
]
SINGLE = [pytest.param(PeopleFilter(**each), id=str(each)) for each in (*BOTH_SIDES, *VALUES)]
TEXTS = [
    PeopleFilter(words=("c4ca4238a0b923820dcc509a6f75849b",)),
    PeopleFilter(words=("first4321", "engine")),
    PeopleFilter(name="First4321"),
    PeopleFilter(company_name="company 4777", name="First4776"),
    PeopleFilter(words=("nobody-at-all",), tags=("tag1",)),
]


# Everybody has it, every second, or one in some.
COMMON_TEXTS = [
    PeopleFilter(words=("engineer",)),
    PeopleFilter(words=("company", "first")),
    PeopleFilter(name="first"),
    PeopleFilter(job_title="eng"),
    PeopleFilter(words=("c4c",)),
    PeopleFilter(company_name="company 4777"),
]
# Nobody for long, and then one after the other; also of what stands in another column as well.
CLUSTERED_TEXTS = [
    PeopleFilter(company_name="holding"),
    PeopleFilter(words=("holding",)),
    PeopleFilter(company_name="company 12"),
    PeopleFilter(name="first12"),
    PeopleFilter(words=("holding", "first12")),
    PeopleFilter(name="engineer"),
    PeopleFilter(job_title="first"),
]
# No index by text has letters fewer than three.
SHORT_TEXTS = [
    PeopleFilter(job_title="e"),
    PeopleFilter(name="9z"),
    PeopleFilter(words=("e", "x")),
]

# What many have, some, and what only a walk can tell: the index by text finds the candidates, or
# they are met in order; of these the time of a search is the bound.
TOILSOME = [
    PeopleFilter(words=("engineer", "first12")),
    PeopleFilter(name="first"),
    PeopleFilter(name="first12"),
    PeopleFilter(company_name="company 12"),
    PeopleFilter(company_name="company 4777"),
    PeopleFilter(has_phone=True, email_verified=False),
    PeopleFilter(has_phone=True, country="fiji"),
]

# The rows of the two that say where the workspace begins and ends.
MARKERS_READ_MAX = 2


@pytest.fixture(scope="module")
def big_database(postgres_server: str, template_database: str) -> Iterator[str]:
    """URL of a database with a workspace of many leads, in the midst of another's."""
    name = f"leadfall_people_{uuid.uuid4().hex[:8]}"
    url = with_database(postgres_server, name)
    asyncio.run(_run(postgres_server, f"create database {name} template {template_database}"))
    asyncio.run(_seed(url))
    yield url
    asyncio.run(drop_database(postgres_server, name))


@pytest.fixture
async def big(big_database: str) -> AsyncIterator[Connection]:
    """A connection to it, inside a bounded search."""
    opened = await asyncpg.connect(big_database, server_settings={"jit": "off"})
    await prepare_connection(opened)
    async with opened.transaction():
        await bound_search(opened, SEARCH_TIMEOUT_MS)
        yield opened
    await opened.close()


async def _run(url: str, statement: str) -> None:
    opened = await asyncpg.connect(url)
    await opened.execute(statement)
    await opened.close()


async def _seed(url: str) -> None:
    opened = await asyncpg.connect(url)
    await opened.execute(
        "insert into workspaces (public_id, name) values (repeat('a', 24), 'other'),"
        " (repeat('b', 24), 'own')"
    )
    for workspace_id, count, rare in ((1, OTHERS, 8), (WORKSPACE, LEADS, RARE), (1, OTHERS, 8)):
        await opened.execute(SEED, workspace_id, count, rare)
    # The pending list of the index by text would be read with every search.
    await opened.execute("select gin_clean_pending_list($1::text::regclass)", BY_TEXT)
    # A page that is just being written out is passed over, and done by the second.
    await opened.execute("vacuum analyze")
    await opened.execute("vacuum")
    await opened.close()


async def explain(connection: Connection, statement: tuple[str, list[Any]]) -> Any:
    """Run a statement and return the top node of its plan, with what really happened."""
    text, arguments = statement
    rows = await connection.fetchval(f"explain (analyze, buffers, format json) {text}", *arguments)
    return rows[0]["Plan"]


def nodes(plan: Any) -> Iterator[Any]:
    """Yield every node of a plan."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def rows_read(plan: Any) -> float:
    """Return how many rows of tables were looked at, whether or not they were wanted.

    What an index says of a row without it is no row.
    """
    return sum(
        node["Heap Fetches"]
        if node["Node Type"] == "Index Only Scan"
        else node["Actual Loops"]
        * (
            node["Actual Rows"]
            + node.get("Rows Removed by Filter", 0)
            + node.get("Rows Removed by Index Recheck", 0)
        )
        for node in nodes(plan)
        if "Relation Name" in node
    )


def blocks_read(plan: Any) -> int:
    """Return how many blocks of tables and indexes were looked at."""
    blocks: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return blocks


def indexes(plan: Any) -> set[str]:
    """Return the names of the indexes that a plan uses."""
    return {node["Index Name"] for node in nodes(plan) if "Index Name" in node}


@pytest.mark.parametrize("people", SINGLE)
async def test_the_first_page_reads_few_rows(big: Connection, people: PeopleFilter) -> None:
    """Default order and filters by one key read a page, whether their value is common or rare."""
    plan = await explain(big, page_statement(WORKSPACE, people, before=None, limit=LIMIT))

    assert rows_read(plan) <= ROWS_READ_MAX


@pytest.mark.parametrize("people", SINGLE)
async def test_a_later_page_reads_few_rows(big: Connection, people: PeopleFilter) -> None:
    """What the pages before showed is not passed by once more, not even in an index."""
    middle = LeadPlace(OTHERS + LEADS // 2, datetime(2026, 1, 14, tzinfo=UTC))

    plan = await explain(big, page_statement(WORKSPACE, people, before=middle, limit=LIMIT))
    values = max(len(people.tags), len(people.email_verdicts), 1)

    assert rows_read(plan) <= ROWS_READ_MAX
    # A tag's leads are looked up one by one: three blocks of an index and one of the table each,
    # and the way down to the first.
    assert blocks_read(plan) <= (LIMIT * 4 + 8) * values


@pytest.mark.parametrize(
    "people",
    [*SINGLE, *TEXTS[:4], *COMMON_TEXTS, *CLUSTERED_TEXTS, *SHORT_TEXTS],
    ids=str,
)
async def test_the_pages_before_are_passed_over_in_indexes(
    big: Connection, people: PeopleFilter
) -> None:
    """The way to the tenth page and to the fiftieth reads no row of the leads before it."""
    await big.execute(load_statements("people")["sort"], place_sort(people))

    plans = [
        await explain(
            big, place_statement(WORKSPACE, people, before=None, skipped=(number - 1) * 100)
        )
        for number in (2, 10, 50)
    ]

    assert max(map(rows_read, plans)) <= MARKERS_READ_MAX


@pytest.mark.parametrize(
    "people",
    [*SINGLE, *TEXTS, *COMMON_TEXTS, *CLUSTERED_TEXTS, *SHORT_TEXTS],
    ids=str,
)
async def test_a_page_by_number_is_the_page_behind_a_cursor(
    big: Connection, people: PeopleFilter
) -> None:
    """Whether by number or behind the last of the page before, the same leads come."""
    by_number = await read_page(big, WORKSPACE, people, before=None, limit=100, skipped=300)
    before = await read_page(big, WORKSPACE, people, before=None, limit=300)
    last = LeadPlace(before[-1].id, before[-1].created_at) if len(before) == 300 else None
    behind = await read_page(big, WORKSPACE, people, before=last, limit=100) if last else []

    assert [lead.id for lead in by_number] == [lead.id for lead in behind]


async def test_the_way_to_a_later_page_is_short(big: Connection) -> None:
    """Between the beginning and the middle there are more index blocks than are read."""
    middle = LeadPlace(OTHERS + LEADS // 2)

    plan = await explain(big, page_statement(WORKSPACE, PeopleFilter(), before=middle, limit=LIMIT))

    assert blocks_read(plan) <= LIMIT


@pytest.mark.parametrize("people", SINGLE)
async def test_a_count_stops_at_its_cap(big: Connection, people: PeopleFilter) -> None:
    """Counting reads no more than what it counts, for each of the values that are wanted."""
    bound = 1_000
    values = max(len(people.tags), len(people.email_verdicts), 1)

    plan = await explain(big, count_statement(WORKSPACE, people, bound))

    assert rows_read(plan) <= bound * values


@pytest.mark.parametrize("people", TEXTS, ids=str)
async def test_texts_are_found_by_the_one_index(big: Connection, people: PeopleFilter) -> None:
    """A rare text is found through the index, on the first page and on later ones."""
    first = await explain(big, page_statement(WORKSPACE, people, before=None, limit=LIMIT))
    later = await explain(
        big, page_statement(WORKSPACE, people, before=LeadPlace(OTHERS + LEADS), limit=LIMIT)
    )

    assert max(rows_read(first), rows_read(later)) <= ROWS_READ_MAX
    assert BY_TEXT in indexes(first) & indexes(later)


@pytest.mark.parametrize("people", COMMON_TEXTS, ids=str)
async def test_a_common_text_is_found_in_ranges(big: Connection, people: PeopleFilter) -> None:
    """Neither neighbours' rows, which lie around it, are read nor those that no page shows."""
    first = await explain(big, page_statement(WORKSPACE, people, before=None, limit=LIMIT))
    later = await explain(
        big,
        page_statement(WORKSPACE, people, before=LeadPlace(OTHERS + LEADS // 2), limit=LIMIT),
    )

    assert max(rows_read(first), rows_read(later)) <= ROWS_READ_MAX
    assert BY_TEXT in indexes(first) & indexes(later)


@pytest.mark.parametrize("people", [*CLUSTERED_TEXTS, *SHORT_TEXTS], ids=str)
async def test_what_the_index_by_text_does_not_tell_an_index_with_texts_does(
    big: Connection, people: PeopleFilter
) -> None:
    """Whoever has it far on, or in another column, is found without reading those between."""
    first = await explain(big, page_statement(WORKSPACE, people, before=None, limit=LIMIT))
    later = await explain(
        big,
        page_statement(WORKSPACE, people, before=LeadPlace(OTHERS + LEADS // 2), limit=LIMIT),
    )

    assert max(rows_read(first), rows_read(later)) <= ROWS_READ_MAX


@pytest.mark.parametrize(
    "people", [*TEXTS, *COMMON_TEXTS, *CLUSTERED_TEXTS, *SHORT_TEXTS, *TOILSOME], ids=str
)
async def test_ranges_have_whom_the_conditions_mean(big: Connection, people: PeopleFilter) -> None:
    """Newest first, nobody twice and nobody left out, on the first page and on later ones."""
    middle = LeadPlace(OTHERS + LEADS // 2)
    # A second condition, which all meet, leaves the way to the planner.
    beside = replace(people, created_after=datetime(2020, 1, 1, tzinfo=UTC))

    in_ranges = [
        [row["id"] for row in await big.fetch(*_flat(statement))]
        for statement in (
            page_statement(WORKSPACE, people, before=None, limit=LIMIT),
            page_statement(WORKSPACE, people, before=middle, limit=LIMIT),
        )
    ]
    # All of them, which takes longer than a search may.
    await big.execute("set local statement_timeout = 0")
    found = await big.fetch(*_flat(page_statement(WORKSPACE, beside, before=None, limit=LEADS)))
    ids = sorted((row["id"] for row in found), reverse=True)

    assert in_ranges == [ids[:LIMIT], [n for n in ids if n < middle.id][:LIMIT]]


@pytest.mark.parametrize("people", TOILSOME, ids=str)
async def test_other_filters_are_found_within_the_time_of_a_search(
    big: Connection, people: PeopleFilter
) -> None:
    """A page and a total come within the time after which a statement is ended."""
    page = await explain(big, page_statement(WORKSPACE, people, before=None, limit=LIMIT))
    total = await explain(big, count_statement(WORKSPACE, people, TOTAL_MAX + 1))

    assert page
    assert total


@pytest.mark.parametrize("people", SINGLE)
async def test_an_index_finds_what_the_conditions_say(
    big: Connection, people: PeopleFilter
) -> None:
    """By its index a filter finds and counts the same leads as beside a condition that all meet."""
    # Two conditions are met along the workspace instead.
    beside = replace(people, job_title="e")
    ways = (people, beside)

    pages = [
        await big.fetch(*_flat(page_statement(WORKSPACE, each, before=None, limit=100)))
        for each in ways
    ]
    counts = [await big.fetchval(*_flat(count_statement(WORKSPACE, each, 50_000))) for each in ways]

    assert [row["id"] for row in pages[0]] == [row["id"] for row in pages[1]]
    assert counts[0] == counts[1]


async def test_free_mail_is_the_same_to_the_database(big: Connection) -> None:
    """Its function knows the domains that the code knows."""
    rows = await big.fetch(
        "select domain from unnest($1::text[]) domain"
        " where leadfall_email_sort('A@' || upper(domain)) <> 'personal'",
        sorted(FREE_MAIL_DOMAINS),
    )

    assert rows == []
    assert await big.fetchval("select leadfall_email_sort('a@gmail.com.example')") == "business"


def _flat(statement: tuple[str, list[Any]]) -> tuple[Any, ...]:
    return (statement[0], *statement[1])

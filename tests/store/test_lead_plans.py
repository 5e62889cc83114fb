"""How many rows selecting leads reads, told by the plans of the very statements that are used."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
import pytest

from service.domain.kinds import Target
from service.domain.lead_filter import LeadFilter, read_lead_filter
from service.flows.find_leads import SEARCH_TIMEOUT_MS
from service.settings import LimitSettings
from service.store.lead_selection import (
    Sorting,
    Statement,
    Wanted,
    count_statement,
    ids_statement,
    page_statement,
)
from service.store.leads import count_leads, select_leads
from tests.conftest import drop_database

# `make plans` has the million that matters; what is read follows from the page, not the table.
LEADS = int(os.environ.get("PLAN_LEADS", "100000"))
# The largest page, and the lead that tells whether more follow it.
PAGE = LimitSettings().page_size_max + 1
ROWS_READ_MAX = 200
# Where few fit, all of them are looked at; a small table's rows are as near as its indexes.
SELECTED_ROWS_READ_MAX = max(6 * PAGE, LEADS // 1_000)

# Where hops come to nothing all who fit are walked along, in indexes: in each of three once.
ENTRIES_READ_MAX = 3 * LEADS

PEOPLE_LIST, COMPANY_LIST, SMALL_LIST, FILLED_LIST = 1, 2, 3, 4
# Of the workspace whose people are in one list and have their values, but for these, its newest.
FILLED_WORKSPACE, UNFILLED = 3, 50
# Of which every second one has what the others lack.
INTERLEAVED_WORKSPACE, INTERLEAVED_LIST, INTERLEAVED = 4, 5, 10_000
# Of every second of the people, and so of none whom some of the texts tell.
HALF_LIST = 6
SEED = """
insert into workspaces (public_id, name) values
  ('0123456789abcdef01234567', 'big'), ('1123456789abcdef01234567', 'neighbour'),
  ('2123456789abcdef01234567', 'filled'), ('3123456789abcdef01234567', 'interleaved');
insert into lists (workspace_id, name, search_type) values
  (1, 'people', 'PEOPLE'), (1, 'companies', 'COMPANY'), (1, 'few', 'PEOPLE'),
  (3, 'filled', 'PEOPLE'), (4, 'interleaved', 'PEOPLE'), (1, 'half', 'PEOPLE');
insert into leads (workspace_id, first_name, last_name, company_name, company_size, industry,
                   job_title, seniority, department, city, state, headline, is_company, email,
                   email_parses, email_source, email_verdict, phone, phone_e164)
select case when n % 2 = 1 then 1 when n % 4 = 0 then 3 else 2 end, 'First' || n % 1000,
       'Last' || n,
       case when n % 5000 = 1 then 'Falconry Works' when n % 5000 = 5 then 'МЮЛЛЕР'
            else 'Company ' || n % 3000 end,
       (array['1-10', '11-50', '51-200', '201-500'])[1 + n / 2 % 4],
       case when n % 4000 = 1 then 'Basket Weaving'
            else (array['Software', 'Banking'])[1 + n / 2 % 2] end,
       case when n % 4000 = 1 then 'Chief Falconer' else 'Sales Manager' end,
       case when n % 4000 = 1 then 'Emeritus'
            when n % 200 = 7 then 'Partner'
            when n % 1000 <> 3 then (array['Senior', 'Entry', 'VP', 'CXO', 'Head'])[1 + n % 5] end,
       case when n % 1000 <> 3 then (array['Sales', 'Engineering', 'Marketing'])[1 + n % 3] end,
       case when n % 4000 = 1 then 'Ulm' else 'Berlin' end,
       case when n > {leads} / 10 and n < {leads} * 9 / 10 then 'Saxony' end,
       case when random % 1000 = 1 then 'A thousandth' when random % 100 = 2 then 'A hundredth'
            when random % 10 = 3 then 'A tenth' end, n % 1000 = 3,
       filled.email, filled.email is not null, case when filled.email is not null then 'given' end,
       case when filled.email is not null then 'deliverable' end, filled.phone, filled.phone
from generate_series(1, {leads}) n
cross join lateral (select hashint4(n) & 65535 as random) hash
left join lateral (select 'p' || n || '@filled.example' as email, '+4915112345678' as phone) filled
  on n % 4 = 0 and n <= {leads} - 4 * {unfilled};
insert into list_leads select case when is_company then 2 else 1 end, id
from leads where workspace_id = 1;
insert into list_leads select 3, id from leads
where workspace_id = 1 and not is_company and id % 500 = 1;
insert into list_leads select 6, id from leads
where workspace_id = 1 and not is_company and id % 4 = 3;
insert into list_leads select 4, id from leads where workspace_id = 3;
insert into leads (workspace_id, first_name, last_name, seniority, phone, phone_e164)
select 4, 'First', 'Last' || n, case when n % 2 = 0 then 'Senior' else 'VP' end,
       has.phone, has.phone
from generate_series(1, {interleaved}) n
left join lateral (select '+4915112345678' as phone) has on n % 2 = 0;
insert into list_leads select 5, id from leads where workspace_id = 4;
"""


@pytest.fixture(scope="module")
def big_database(postgres_server: str, template_database: str) -> Iterator[str]:
    """URL of a database with many leads, which no test here changes."""
    name = f"leadfall_plans_{uuid.uuid4().hex[:8]}"
    url = urlunsplit(urlsplit(postgres_server)._replace(path=f"/{name}"))
    asyncio.run(_run(postgres_server, f"create database {name} template {template_database}"))
    asyncio.run(
        _run(
            url,
            SEED.format(leads=LEADS, unfilled=UNFILLED, interleaved=INTERLEAVED),
            # With what is still pending of the index by text; it would be read with every range. A
            # page that is just being written out is passed over, and done by the second.
            "vacuum analyze",
            "vacuum",
        )
    )
    yield url
    asyncio.run(drop_database(postgres_server, name))


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
    """Count the rows of tables that were looked at, also those that were thrown away.

    What an index says of a row without it is counted by `entries_read`.
    """
    return int(
        sum(
            _looked_at(node)
            for node in plan
            if node["Node Type"] in {"Seq Scan", "Index Scan", "Bitmap Heap Scan"}
        )
        + sum(node.get("Heap Fetches", 0) for node in plan)
    )


def entries_read(plan: list[dict[str, Any]]) -> int:
    """Count the entries of indexes that were looked at instead of rows."""
    return int(sum(_looked_at(node) for node in plan if node["Node Type"] == "Index Only Scan"))


def _looked_at(node: dict[str, Any]) -> float:
    if node.get("Index Name") == "leads_pkey" and node["Actual Loops"] > 1:
        # One by one; of how many were thrown away the plan tells the mean, as a whole number.
        return float(node["Actual Loops"])
    thrown_away = node.get("Rows Removed by Filter", 0) + node.get(
        "Rows Removed by Index Recheck", 0
    )
    found: float = node["Actual Loops"] * (node["Actual Rows"] + thrown_away)
    return found


def wanted(
    list_id: int | None = PEOPLE_LIST, lacking: Target | None = None, **filters: Any
) -> Wanted:
    """Return leads of the big workspace."""
    return Wanted(1, list_id, lead_filter=read_lead_filter(filters), lacking=lacking)


WORDS: list[dict[str, Any]] = [
    {"seniority": "senior"},
    {"seniority": "partner"},
    {"seniority": "emeritus"},
    {"seniority": "nobody"},
    {"seniority": ["vp", "cxo"]},
    {"seniority": ["emeritus", "vp", "EMERITUS"]},
    {"department": "sales"},
    {"department": ["sales", "nowhere"]},
    {"company_size": "51-200"},
]
OTHERS: list[dict[str, Any]] = [
    {"seniority": {"doesnt": "senior"}},
    {"seniority": {"doesnt": ["emeritus", "nobody"]}},
    {"seniority": {"doesnt": ["senior", "entry", "vp", "cxo", "head", "partner"]}},
    {"seniority": {"must": ["vp", "cxo"], "doesnt": ["VP", "senior"]}},
    {"department": {"doesnt": "sales"}},
    {"department": {"doesnt": ["sales", "engineering", "marketing"]}},
    {"company_size": {"doesnt": "1-10"}},
]
TOGETHER: list[dict[str, Any]] = [
    {"seniority": "vp", "department": "sales"},
    {"seniority": ["vp", "cxo"], "department": {"doesnt": "sales"}, "company_size": "51-200"},
    {"seniority": {"doesnt": "senior"}, "department": {"doesnt": "sales"}},
]
COMMON_TEXTS: list[dict[str, Any]] = [
    {"job_title": "manager"},
    {"current_title": {"must": ["Sales Manager"]}},
    {"company_name": "company"},
    {"industry": "software"},
    {"prospect_location": "Berlin"},
    {"keywords": "manager"},
    {"job_title": "s m"},
    {"location": "b"},
]
COMMON_REMAINDERS: list[dict[str, Any]] = [
    {"job_title": {"doesnt": "falconer"}},
    {"company_name": {"doesnt": "falconry"}},
    {"industry": {"doesnt": "software"}},
    {"location": {"doesnt": "ulm"}},
    {"keywords": {"doesnt": "falconer"}},
]
RARE_TEXTS: list[dict[str, Any]] = [
    {"job_title": "chief falconer"},
    {"company_name": "falconry"},
    {"industry": "basket"},
    {"location": "ulm"},
    {"keywords": "chief falconer"},
    {"keywords": ["falconer", "nobody"]},
    {"keywords": "nobody"},
    {"industry": "nobody"},
]
# Neither so common that a page is full at once nor so rare that all of it is little.
SOME_TEXTS: list[dict[str, Any]] = [
    {"keywords": "tenth"},
    {"keywords": "hundredth"},
    {"keywords": "thousandth"},
    {"keywords": {"must": ["hundredth", "thousandth"], "doesnt": "falconer"}},
    {"company_name": "company 123"},
]
# The same, where those who have it stand together: more of them than was to be expected.
CLUSTERED_TEXTS: list[dict[str, Any]] = [
    {"company_name": "company 2"},
    {"company_name": "company 12"},
    {"company_name": {"must": "company 12", "doesnt": "company 123"}},
    {"keywords": "company 12"},
    {"location": "saxony"},
]
# Of short texts, and of letters beyond ASCII in some locales, no index tells who has one; of an
# excluded one, who has it not.
UNINDEXED_TEXTS: list[dict[str, Any]] = [
    {"job_title": {"doesnt": "manager"}},
    {"location": {"doesnt": "berlin"}},
    {"keywords": {"doesnt": ["manager", "falconer"]}},
    {"company_name": "xq"},
    {"company_name": ["y 2", "xq"]},
    {"company_name": "мюллер"},
    {"company_name": "компания"},
]
TEXTS = [*COMMON_TEXTS, *COMMON_REMAINDERS, *RARE_TEXTS, *SOME_TEXTS, *UNINDEXED_TEXTS]
# What several conditions ask for.
TOILSOME: list[dict[str, Any]] = [
    {"seniority": "senior", "company_name": "company 12"},
    {"job_title": "manager", "industry": {"doesnt": "banking"}},
]


@pytest.mark.parametrize("list_id", [PEOPLE_LIST, COMPANY_LIST, SMALL_LIST, None])
async def test_the_default_order_reads_a_page(big: asyncpg.Connection, list_id: int | None) -> None:
    """The largest page of a list or of a workspace reads its own rows, in either direction."""
    plain = wanted(list_id)
    backwards = Wanted(1, list_id, sorting=Sorting("id", descending=True))

    plans = [
        await explain(big, page_statement(each, limit=PAGE, offset=0))
        for each in (plain, backwards)
    ]

    assert max(rows_read(plan) for plan in plans) <= ROWS_READ_MAX
    assert max(entries_read(plan) for plan in plans) <= ROWS_READ_MAX


@pytest.mark.parametrize("list_id", [PEOPLE_LIST, None])
async def test_a_page_by_number_reads_itself(big: asyncpg.Connection, list_id: int | None) -> None:
    """The rows of the pages before it are passed over in an index."""
    far = page_statement(wanted(list_id), limit=PAGE, offset=LEADS // 4)

    assert rows_read(await explain(big, far)) <= ROWS_READ_MAX


@pytest.mark.parametrize("target", [Target.EMAIL, Target.PHONE])
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, SMALL_LIST])
async def test_what_lacks_a_value_is_found_by_reading_a_page(
    big: asyncpg.Connection, target: Target, list_id: int
) -> None:
    """Selecting for an enrichment stops at its limit, however many others lack it too."""
    plan = await explain(big, ids_statement(wanted(list_id, target), limit=PAGE))

    assert rows_read(plan) <= ROWS_READ_MAX


@pytest.mark.parametrize("target", [Target.EMAIL, Target.PHONE])
@pytest.mark.parametrize("descending", [False, True], ids=["asc", "desc"])
async def test_a_list_that_is_mostly_filled_is_not_walked(
    big: asyncpg.Connection, target: Target, *, descending: bool
) -> None:
    """Those who lack a value are found without reading those who have it, and counted so."""
    sorting = Sorting("id", descending=descending)
    lacking = Wanted(FILLED_WORKSPACE, FILLED_LIST, sorting=sorting, lacking=target)
    selecting = ids_statement(lacking, limit=PAGE)
    counting = count_statement(lacking, count_max=10_001)

    plans = [await explain(big, selecting), await explain(big, counting)]

    assert max(rows_read(plan) + entries_read(plan) for plan in plans) <= ROWS_READ_MAX
    assert len(await big.fetch(*_flat(selecting))) == UNFILLED
    assert await big.fetchval(*_flat(counting)) == UNFILLED


async def test_a_limit_takes_the_first_of_the_order(big: asyncpg.Connection) -> None:
    """From either end of a list."""
    forwards = Wanted(FILLED_WORKSPACE, FILLED_LIST, lacking=Target.PHONE)
    backwards = Wanted(
        FILLED_WORKSPACE, FILLED_LIST, sorting=Sorting("id", descending=True), lacking=Target.PHONE
    )
    first, last = LEADS - 4 * (UNFILLED - 1), LEADS

    oldest = [row["id"] for row in await big.fetch(*_flat(ids_statement(forwards, limit=2)))]
    newest = [row["id"] for row in await big.fetch(*_flat(ids_statement(backwards, limit=2)))]

    assert (oldest, newest) == ([first, first + 4], [last, last - 4])


@pytest.mark.parametrize("target", [Target.EMAIL, Target.PHONE])
async def test_what_is_counted_is_of_the_list(big: asyncpg.Connection, target: Target) -> None:
    """Counting who lacks something reads the list alone, each of it twice, and stops at its cap."""
    bound = 1_000

    plan = await explain(big, count_statement(wanted(lacking=target), count_max=bound))

    assert rows_read(plan) + entries_read(plan) <= 2 * bound + 10


@pytest.mark.parametrize("filters", [*WORDS, *OTHERS, *TOGETHER], ids=str)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, SMALL_LIST, None])
async def test_whole_values_read_the_page_alone(
    big: asyncpg.Connection, filters: dict[str, Any], list_id: int | None
) -> None:
    """Who does not fit is passed over in an index, on the first page and on later ones."""
    first = wanted(list_id, **filters)
    asked = (
        first,
        replace(first, after=LEADS // 2),
        replace(first, sorting=Sorting("id", descending=True)),
        replace(first, sorting=Sorting("id", descending=True), after=LEADS // 2),
    )

    plans = [await explain(big, page_statement(each, limit=PAGE, offset=0)) for each in asked]

    assert max(rows_read(plan) for plan in plans) <= ROWS_READ_MAX


@pytest.mark.parametrize("filters", WORDS, ids=str)
async def test_a_value_is_a_range_of_an_index(
    big: asyncpg.Connection, filters: dict[str, Any]
) -> None:
    """However rare it is, of the index no more is read than of the page, for each value."""
    asked = wanted(None, **filters)
    later = replace(asked, after=LEADS // 2)

    plans = [
        await explain(big, page_statement(each, limit=PAGE, offset=0)) for each in (asked, later)
    ]

    assert max(entries_read(plan) for plan in plans) <= PAGE + len(filters) + 2


@pytest.mark.parametrize("filters", [*TEXTS, *CLUSTERED_TEXTS], ids=str)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, SMALL_LIST, HALF_LIST, None])
async def test_a_text_reads_hardly_more_than_the_page(
    big: asyncpg.Connection, filters: dict[str, Any], list_id: int | None
) -> None:
    """However many have it or have it not, and wherever, on the first page and on later ones."""
    first = wanted(list_id, **filters)
    back = replace(first, sorting=Sorting("id", descending=True))
    asked = (first, replace(first, after=LEADS // 2), back, replace(back, after=LEADS // 2))

    plans = [await explain(big, page_statement(each, limit=PAGE, offset=0)) for each in asked]

    assert max(rows_read(plan) for plan in plans) <= ROWS_READ_MAX


@pytest.mark.parametrize("filters", [*WORDS, *OTHERS, *TEXTS, *CLUSTERED_TEXTS], ids=str)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, SMALL_LIST, HALF_LIST, None])
async def test_a_page_by_number_reads_its_own_rows(
    big: asyncpg.Connection, filters: dict[str, Any], list_id: int | None
) -> None:
    """The tenth and the fiftieth, from either end, as the second does."""
    first = wanted(list_id, **filters)
    back = replace(first, sorting=Sorting("id", descending=True))

    plans = [
        await explain(big, page_statement(each, limit=PAGE, offset=(number - 1) * (PAGE - 1)))
        for each in (first, back)
        for number in (2, 10, 50)
    ]

    assert max(rows_read(plan) for plan in plans) <= ROWS_READ_MAX


@pytest.mark.parametrize("filters", [*TEXTS, *CLUSTERED_TEXTS], ids=str)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, SMALL_LIST, HALF_LIST, None])
async def test_ranges_have_whom_the_conditions_mean(
    big: asyncpg.Connection, filters: dict[str, Any], list_id: int | None
) -> None:
    """In the order of ids, nobody twice and nobody left out, from either end and the middle."""
    asked = wanted(list_id, **filters)
    back = replace(asked, sorting=Sorting("id", descending=True))
    middle = LEADS // 2
    # In any order, as the planner finds them.
    chosen = await big.fetch(*_flat(ids_statement(asked, limit=LEADS)))
    ids = sorted(row["id"] for row in chosen)
    below, above = [n for n in ids if n < middle], [n for n in ids if n > middle]

    pages = [
        [row["id"] for row in await big.fetch(*_flat(page_statement(each, limit=PAGE, offset=7)))]
        for each in (asked, replace(asked, after=middle), back, replace(back, after=middle))
    ]

    assert pages == [
        each[7 : 7 + PAGE] for each in (ids, above, list(reversed(ids)), list(reversed(below)))
    ]


@pytest.mark.parametrize("text", ["мюллер", "МЮЛЛЕР", "Мюллер"])
async def test_case_is_ignored_beyond_ascii(big: asyncpg.Connection, text: str) -> None:
    """As far as the database's locale knows the letters, which ours and C.UTF-8 do."""
    asked = wanted(None, company_name=text)

    page = await big.fetch(*_flat(page_statement(asked, limit=PAGE, offset=0)))

    assert {row["company_name"] for row in page} == {"МЮЛЛЕР"}


async def test_long_texts_are_excluded_as_short_ones(connection: asyncpg.Connection) -> None:
    """What no entry of an index holds is looked for in the rows, in the same order."""
    await connection.execute(
        "insert into workspaces (public_id, name) values (repeat('a', 24), 'own')"
    )
    random_text = "(select string_agg(md5(n::text || i::text), '') from generate_series(1, 99) i)"
    await connection.execute(
        "insert into leads (workspace_id, first_name, last_name, job_title, headline)"
        " select 1, 'First', 'Last', case when n % 4 > 1 then 'Falconer' end,"
        f" case when n % 2 = 1 then {random_text} end from generate_series(1, 400) n"
    )
    statement = page_statement(wanted(None, job_title={"doesnt": "falcon"}), limit=300, offset=0)
    numbers = [row["id"] for row in await connection.fetch(*_flat(statement))]

    assert numbers == [n for n in range(1, 401) if n % 4 <= 1]


@pytest.mark.parametrize("filters", [*WORDS, *OTHERS], ids=str)
@pytest.mark.parametrize("target", [Target.EMAIL, Target.PHONE])
@pytest.mark.parametrize(
    ("workspace_id", "list_id"),
    [(1, PEOPLE_LIST), (1, SMALL_LIST), (FILLED_WORKSPACE, FILLED_LIST)],
    ids=["lacking", "few", "filled"],
)
async def test_whole_values_select_those_who_lack_something_by_a_page(
    big: asyncpg.Connection,
    filters: dict[str, Any],
    target: Target,
    workspace_id: int,
    list_id: int,
) -> None:
    """Whether hardly anybody of the list lacks it or nearly all, whoever else has the value."""
    asked = Wanted(workspace_id, list_id, lead_filter=read_lead_filter(filters), lacking=target)

    walking = replace(asked, walks=True)

    hopped = await explain(big, ids_statement(asked, limit=PAGE))
    walked = await explain(big, ids_statement(walking, limit=PAGE))

    assert rows_read(hopped) <= ROWS_READ_MAX
    assert rows_read([node for node in walked if node.get("Relation Name") == "leads"]) == 0
    assert entries_read(walked) <= ENTRIES_READ_MAX


async def test_those_who_lie_alternately_are_walked_along_after_some_hops(
    big: asyncpg.Connection,
) -> None:
    """Those who have the value and those who lack something keep missing each other."""
    # Of this list every second lead is senior or has no phone, and none is both.
    asked = Wanted(
        INTERLEAVED_WORKSPACE,
        INTERLEAVED_LIST,
        lead_filter=read_lead_filter({"seniority": "senior"}),
        lacking=Target.PHONE,
    )
    hopped = await big.fetch(*_flat(ids_statement(asked, limit=PAGE)))

    assert [row["id"] for row in hopped] == [None]
    assert await select_leads(big, asked, limit=PAGE) == []
    assert await count_leads(big, asked, count_max=500) == 0
    assert await count_leads(big, replace(asked, lead_filter=LeadFilter()), count_max=500) == 500


@pytest.mark.parametrize("filters", [*TOGETHER, *COMMON_TEXTS, *COMMON_REMAINDERS], ids=str)
async def test_those_who_lack_a_value_are_selected_by_reading_little(
    big: asyncpg.Connection, filters: dict[str, Any]
) -> None:
    """Of a list in which nearly all lack it; where few do, the time of a search is the bound."""
    lacking = wanted(lacking=Target.PHONE, **filters)

    plan = await explain(big, ids_statement(lacking, limit=PAGE))

    assert rows_read([node for node in plan if node.get("Relation Name") == "leads"]) <= (
        SELECTED_ROWS_READ_MAX
    )


@pytest.mark.parametrize("filters", [*WORDS, *OTHERS, *TOGETHER], ids=str)
@pytest.mark.parametrize(
    ("workspace_id", "list_id"),
    [(1, PEOPLE_LIST), (1, SMALL_LIST), (FILLED_WORKSPACE, FILLED_LIST)],
    ids=["lacking", "few", "filled"],
)
@pytest.mark.parametrize("descending", [False, True], ids=["asc", "desc"])
async def test_those_who_lack_a_value_are_the_same_in_whatever_way(
    big: asyncpg.Connection,
    filters: dict[str, Any],
    workspace_id: int,
    list_id: int,
    *,
    descending: bool,
) -> None:
    """What indexes select is what a walk through the rows selects, and is counted so."""
    sorting = Sorting("id", descending=descending)
    lacking = Wanted(
        workspace_id,
        list_id,
        lead_filter=read_lead_filter(filters),
        sorting=sorting,
        lacking=Target.PHONE,
    )
    texts = {**filters, "company_name": {"doesnt": "no such company"}}
    beside = replace(lacking, lead_filter=read_lead_filter(texts))

    asked = (lacking, replace(lacking, walks=True), beside)
    chosen = [sorted(await select_leads(big, each, limit=PAGE)) for each in asked]
    counts = [await count_leads(big, each, count_max=500) for each in asked]

    assert chosen == [chosen[0]] * 3
    assert counts == [counts[0]] * 3


@pytest.mark.parametrize("filters", [*WORDS, *OTHERS, *TOGETHER], ids=str)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, SMALL_LIST, None])
@pytest.mark.parametrize("descending", [False, True], ids=["asc", "desc"])
@pytest.mark.parametrize("after", [None, LEADS // 2])
async def test_indexes_find_what_a_walk_finds(
    big: asyncpg.Connection,
    filters: dict[str, Any],
    list_id: int | None,
    after: int | None,
    *,
    descending: bool,
) -> None:
    """In the order of ids, nobody twice, in whatever case; who has no value is not excluded."""
    sorting = Sorting("id", descending=descending)
    asked = replace(wanted(list_id, **filters), sorting=sorting, after=after)
    beside = replace(
        asked,
        lead_filter=read_lead_filter({**filters, "company_name": {"doesnt": "no such company"}}),
    )

    by_index, by_walk = [
        [row["id"] for row in await big.fetch(*_flat(page_statement(each, limit=PAGE, offset=7)))]
        for each in (asked, beside)
    ]

    assert by_index == by_walk


@pytest.mark.parametrize("filters", [*COMMON_TEXTS[:6], *RARE_TEXTS, *SOME_TEXTS], ids=str)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, None])
async def test_a_text_is_found_by_the_one_index(
    big: asyncpg.Connection, filters: dict[str, Any], list_id: int | None
) -> None:
    """Whether one lead in thousands has it or every one."""
    plan = await explain(big, page_statement(wanted(list_id, **filters), limit=PAGE, offset=0))

    assert "leads_by_text" in {node.get("Index Name") for node in plan}


@pytest.mark.parametrize(
    "filters", [*SOME_TEXTS, *CLUSTERED_TEXTS, *UNINDEXED_TEXTS, *TOILSOME], ids=str
)
@pytest.mark.parametrize("list_id", [PEOPLE_LIST, None])
async def test_what_no_index_has_in_order_is_found_within_the_time_of_a_search(
    big: asyncpg.Connection, filters: dict[str, Any], list_id: int | None
) -> None:
    """Of these the time is the bound: a statement that takes longer is ended and answered so."""
    await big.execute(f"set statement_timeout = {SEARCH_TIMEOUT_MS}")
    asked = wanted(list_id, **filters)

    for_page = await explain(big, page_statement(asked, limit=PAGE, offset=0))
    for_total = await explain(big, count_statement(asked, count_max=10_001))

    assert for_page
    assert for_total


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

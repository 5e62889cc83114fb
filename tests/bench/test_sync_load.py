"""Ten thousand sync callers at once: some are served, the others are told so at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest
import uvloop

from service.domain.api_key import new_key
from service.domain.kinds import Face
from tests.bench.process_tree import peak_memory_bytes
from tests.bench.report import Row, Target
from tests.bench.sync_callers import Answer, Call, call_all
from tests.faults.fleet import Fleet, launch

# Ten thousand calls: half of the keys send more than the fifty that a key may in a minute.
KEYS = 200
BUSY_CALLS, CALM_CALLS = 90, 10
SERVED_MIN = 1_000
REFUSED_WITHIN_S = 1.0
HANGS_AFTER_S = 150.0
MEMORY_BYTES_MAX = 300 * 1024 * 1024
TOLD_TO_COME_AGAIN = {429, 503}


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Every process of ours with the sandbox."""
    launched = await launch(tmp_path)
    yield launched
    await launched.stop()


async def seed(fleet: Fleet) -> list[Call]:
    """Make 200 workspaces with a key each, and for every call a list with one lead.

    The calls of a key follow each other, so that busy keys come with all they have at once.
    """
    keys = [new_key(Face.SELEQT) for _ in range(KEYS)]
    async with await fleet.pool() as pool, pool.acquire() as connection:
        await connection.execute(
            "insert into workspaces (public_id, name)"
            " select lpad(to_hex(n), 24, '0'), 'load' from generate_series(1, $1) n",
            KEYS,
        )
        await connection.execute(
            "with granted as (insert into ledger (workspace_id, kind, amount, created_at)"
            "  select id, 'grant', 1000, leadfall_now() from workspaces returning workspace_id)"
            " update workspaces set balance = 1000 from granted where id = workspace_id"
        )
        await connection.execute(
            "insert into api_keys (workspace_id, face, name, hint, key_hash)"
            " select w.id, 'seleqt', 'load', 'load', k.hash"
            " from (select id, row_number() over (order by id) as place from workspaces) w"
            " join unnest($1::bytea[]) with ordinality as k(hash, place) using (place)",
            [key.hash for key in keys],
        )
        rows = await connection.fetch(
            "with made as (insert into lists (workspace_id, name, search_type)"
            "  select w.id, 'list ' || n, 'PEOPLE'"
            "  from (select id, row_number() over (order by id) as place from workspaces) w,"
            "       generate_series(1, case when place <= $1::integer then $2::integer"
            "                               else $3::integer end) n"
            "  returning id, workspace_id),"
            " leads_in as (insert into leads (workspace_id, first_name, last_name, company_name,"
            "   company_domain)"
            "  select workspace_id, 'First' || id, 'Last' || id, 'Company ' || id,"
            "         'company' || id || '.example' from made returning id, workspace_id),"
            " paired as (select m.id as list_id, m.workspace_id, l.id as lead_id"
            "  from (select *, row_number() over w as n from made"
            "        window w as (partition by workspace_id order by id)) m"
            "  join (select *, row_number() over w as n from leads_in"
            "        window w as (partition by workspace_id order by id)) l"
            "  using (workspace_id, n)),"
            " put as (insert into list_leads select list_id, lead_id from paired)"
            " select list_id, dense_rank() over (order by workspace_id) - 1 as place from paired",
            KEYS // 2,
            BUSY_CALLS,
            CALM_CALLS,
        )
        await connection.execute("analyze")
    return [Call(keys[row["place"]].text, row["list_id"]) for row in rows]


def rows_of(answers: Sequence[Answer], lag_s: float, peak_bytes: int) -> list[Row]:
    """Return what came back and when, as callers saw it, and what it took."""
    refused = [answer.span_s for answer in answers if answer.status != 200]
    served = [answer.span_s for answer in answers if answer.is_final]
    most = partial(Target, "at most")
    return [
        Row.of(
            "sync.served",
            "sync callers of 10,000 at once who got their final row",
            "callers",
            [len(served)],
            target=Target("at least", SERVED_MIN),
        ),
        Row.of("sync.served_longest", "the longest of their waits", "s", [max(served)]),
        Row.of(
            "sync.refused_longest",
            "the longest wait for a 429 or 503, by the callers' clock",
            "s",
            [max(refused)],
            target=most(REFUSED_WITHIN_S),
        ),
        Row.of("sync.refused_median", "the median of these", "s", [median(refused)]),
        Row.of("sync.callers_late", "how late callers were to see what had come", "s", [lag_s]),
        Row.of(
            "sync.api_memory",
            "the most memory the API process ever had",
            "MB",
            [peak_bytes / 1e6],
            target=most(MEMORY_BYTES_MAX / 1e6),
        ),
    ]


@pytest.mark.timeout(240)
async def test_ten_thousand_sync_callers(fleet: Fleet, report: Callable[[Row], Row]) -> None:
    """A thousand and more get their final row; others hear 429 or 503 within a second; none hangs.

    The second is the callers' own, from the moment they begin to connect to the moment they have
    the answer; how late they were themselves is in it.
    """
    api = fleet.processes["api"]
    address = urlsplit(fleet.base_url)
    calls = await seed(fleet)

    async with asyncio.timeout(HANGS_AFTER_S):
        answers, lag_s = await asyncio.to_thread(
            uvloop.run, call_all(address.hostname or "", address.port or 0, calls)
        )

    rows = [report(each) for each in rows_of(answers, lag_s, peak_memory_bytes(api.pid))]
    counted = Counter(answer.status for answer in answers)
    assert (counted.total(), counted.keys()) == (len(calls), {200, *TOLD_TO_COME_AGAIN})
    assert [str(each) for each in rows if each.met is False] == []

"""Size does not slow anything down: a job of a million leads, and tables full of old work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

import pytest

from service.flows.create_list import create_list
from tests.bench.conftest import Scale
from tests.bench.enrich_load import BALANCE, FIND_EMAIL, JOB_S_MAX, Line, open_line
from tests.bench.peers.work import SLUG
from tests.bench.process_tree import peak_memory_bytes
from tests.bench.report import Row, Target
from tests.faults.enrichment import post_job
from tests.faults.fleet import Tenant

Report = Callable[[Row], Row]

MILLION = 1_000_000
FEW = 10_000
PARTS = 10
# Longer than a job of ten thousand takes, for which the million is held. A line without a job has
# no claims, and is held for longer.
LEASE_S = 60.0
MEMORY_MB_MAX = 250.0
MB = 1_000_000
SETTLED = 5_000_000
DELIVERED = 1_000_000
FILLED_AT_ONCE = 100_000
# For each repeat: what a lead costs differs more between two runs than between two databases.
TURNS = 6
ENDPOINTS = 20

_SETTLED_JOBS = """
insert into jobs (id, public_id, workspace_id, request_id, face, type, kind, mode,
  waterfall_version, price, lookup_count, open_count, found_count, charged, created_at, started_at,
  finished_at, updated_at)
select gen_random_uuid(), 'old_' || n, $1, gen_random_uuid(), 'seleqt', 'FIND_EMAIL', 'find_email',
       'async', 'old', 0, 10000, 0, 10000, 0, now(), now(), now(), now()
from generate_series(1, $2::integer / 10000) n
returning id"""
_SETTLED_LOOKUPS = """
with old as (
  insert into lookups (job_id, workspace_id, lead_id, target, priority, state, epoch, input,
    outcome, value, created_at, settled_at)
  select ($2::uuid[])[1 + n % cardinality($2::uuid[])], $1, -n, 'email', 1, 'settled', 1,
         '{"first_name": "Ada", "last_name": "Ng", "company_domain": "brightwater.leadfall"}',
         'found', '{"email": "ada@brightwater.leadfall", "verdict": "deliverable"}', now(), now()
  from generate_series($3::integer + 1, $3::integer + $4::integer) n
  returning id)
insert into calls (lookup_id, step, provider, epoch, credential, outcome, value,
  price_thousandths, intended_at, answered_at)
select id, 0, 'findymail', 1, 'operator', 'found',
       '{"email": "ada@brightwater.leadfall", "verdict": "deliverable"}', 1000, now(), now()
from old"""
_ENDPOINTS = """
insert into endpoints (workspace_id, name, url, host, port, event_types)
select $1, 'old ' || n, 'http://127.0.0.1:9/' || n, '127.0.0.1', 9, '{job.never}'
from generate_series(1, $2::integer) n
returning id"""
_DELIVERED = """
with old as (
  insert into deliveries (event_id, endpoint_id, workspace_id, event_type, event_created_at, state,
    due_at, attempt_count, sequence, last_status, created_at, finished_at)
  select gen_random_uuid(), ($2::bigint[])[1 + n % cardinality($2::bigint[])], $1, 'lead.enriched',
         now(), 'delivered', now(), 1, n, 204, now(), now()
  from generate_series($3::integer + 1, $3::integer + $4::integer) n
  returning event_id, endpoint_id)
insert into attempts (event_id, endpoint_id, number, started_at, duration_ms, status, class,
  decision, body_sha256)
select event_id, endpoint_id, 1, now(), 1, 204, 'success', 'delivered', '' from old"""


@dataclass
class Runs:
    """How fast the jobs of a line ran, and what processor time a lead took of whom, each."""

    rates: list[float] = field(default_factory=list)
    costs_us: list[dict[str, float]] = field(default_factory=list)

    def add(self, rate: float, costs_us: dict[str, float]) -> None:
        """Take what a job gave."""
        self.rates.append(rate)
        self.costs_us.append(costs_us)

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {median(each[name] for each in self.costs_us):.0f}"
            for name in self.costs_us[0]
        )


async def fill(line: Line, settled: int, delivered: int) -> None:
    """Fill the tables with lookups that were settled, and deliveries that were made, long ago."""
    jobs = [row["id"] for row in await line.pool.fetch(_SETTLED_JOBS, line.workspace_id, settled)]
    for first in range(0, settled, FILLED_AT_ONCE):
        count = min(FILLED_AT_ONCE, settled - first)
        await line.pool.execute(_SETTLED_LOOKUPS, line.workspace_id, jobs, first, count)
    rows = await line.pool.fetch(_ENDPOINTS, line.workspace_id, ENDPOINTS)
    endpoints = [row["id"] for row in rows]
    for first in range(0, delivered, FILLED_AT_ONCE):
        count = min(FILLED_AT_ONCE, delivered - first)
        await line.pool.execute(_DELIVERED, line.workspace_id, endpoints, first, count)
    await line.vacuum()


async def put_on_a_list(line: Line, leads: Sequence[int]) -> int:
    """Put leads on a list of their own, and return its id."""
    made = await create_list(line.pool, line.workspace_id, "bench")
    for first in range(0, len(leads), FILLED_AT_ONCE):
        await line.pool.execute(
            "insert into list_leads select $1, unnest($2::bigint[])",
            made.id,
            leads[first : first + FILLED_AT_ONCE],
            timeout=JOB_S_MAX,
        )
    return made.id


async def run_parts(
    many: Line, few: Line, tenant: Tenant, count: int
) -> tuple[list[float], list[float]]:
    """Run a job in parts with smaller ones between, of which each part has one on either side.

    While one line runs, all of the other is held.

    Returns:
        How many lookups were settled in a second, over the middle nine tenths of each part, and
        of the jobs beside it.
    """
    list_id = await put_on_a_list(many, await many.add_leads(count))
    await many.vacuum()
    with many.held():
        parts, beside = [], [await few.run(FEW)]
    job_id = await post_job(
        many.fleet, tenant, list_id, enrichment_type="FIND_EMAIL", prospect_limit=count
    )
    for left in range(PARTS - 1, -1, -1):
        part = count // PARTS
        with few.held():
            early = await many.until_open(job_id, left * part + part * 19 // 20)
            late = await many.until_open(job_id, left * part + part // 20)
            parts.append(part * 0.9 / (late - early))
            await many.until_open(job_id, left * part)
        with many.held():
            beside.append(await few.run(FEW))
    return parts, [mean(each) for each in pairwise(beside)]


@pytest.mark.timeout(1_800)
async def test_million_leads(tmp_path: Path, scale: Scale, report: Report) -> None:
    """A job of a million leads runs as fast as one of ten thousand, in as little memory.

    It is asked for as its caller would, in one request.

    They take turns, each in a database of its own, so that what else the machine does concerns
    both: it may be half as fast again from one minute to the next.
    """
    folders = [tmp_path / name for name in ("many", "few")]
    for folder in folders:
        folder.mkdir()
    async with (
        open_line(folders[0], lease_s=LEASE_S) as many,
        open_line(folders[1], lease_s=LEASE_S) as few,
    ):
        waterfall = tmp_path / "waterfall.toml"
        waterfall.write_text(f'[[{FIND_EMAIL.kind}]]\nprovider = "{SLUG}"\n', encoding="utf-8")
        many.fleet.environment |= {
            "LEADFALL_WATERFALLS_FILE": str(waterfall),
            "LEADFALL_LIMITS__LEADS_PER_REQUEST_MAX": str(MILLION),
        }
        for role in ("api", "dispatcher"):
            await many.fleet.start(role)
        tenant = await many.fleet.tenant(credits_granted=BALANCE)
        many.workspace_id = tenant.workspace.id
        for line in (many, few):
            await line.run(FEW)
        parts, beside = await run_parts(many, few, tenant, scale.count(MILLION, FEW))
        peaks = {
            name: peak_memory_bytes(process.pid) / MB
            for name, process in many.fleet.processes.items()
        }

    row = report(
        Row.of(
            "enrich.million_leads",
            f"a job of {scale.count(MILLION, FEW):,} leads, in {PARTS} parts",
            "leads/s",
            parts,
            against=beside,
            against_said="jobs of 10,000 between them",
            target=Target("at least", 0.9),
        )
    )
    largest = max(peaks, key=lambda name: peaks[name])
    memory = report(
        Row.of(
            "enrich.million_leads_memory",
            f"the most memory that a process of ours had at once: {largest}; the API took the leads"
            " in one request, and the dispatcher, which had nothing to send, is in webhooks.memory",
            "MB",
            [peaks[largest]],
            target=Target("at most", MEMORY_MB_MAX),
            bound=", ".join(f"{name} {peak:.0f}" for name, peak in sorted(peaks.items())),
        )
    )
    assert [row.met, memory.met] == [True, True]


@pytest.mark.timeout(1_800)
async def test_full_tables(tmp_path: Path, scale: Scale, report: Report) -> None:
    """Five million settled lookups and a million old deliveries do not slow down new work.

    The two databases take turns, and take turns in beginning, so that what else the machine does
    concerns both. While one line runs, all of the other is held.
    """
    folders = [tmp_path / name for name in ("empty", "full")]
    for folder in folders:
        folder.mkdir()
    async with (
        open_line(folders[0], lease_s=LEASE_S) as empty,
        open_line(folders[1], lease_s=LEASE_S) as full,
    ):
        await fill(full, scale.count(SETTLED, FEW), scale.count(DELIVERED))
        for line in (empty, full):
            await line.run(FEW)
        without, within = Runs(), Runs()
        turns = [(empty, full, without), (full, empty, within)]
        for _ in range(TURNS * scale.repeats):
            for line, other, runs in turns:
                with other.held():
                    runs.add(*await line.run_with_costs(scale.count(FEW)))
            turns.reverse()

    row = report(
        Row.of(
            "enrich.full_tables",
            f"with {scale.count(SETTLED, FEW):,} settled lookups, each with its call, and"
            f" {scale.count(DELIVERED):,} old deliveries in the tables",
            "leads/s",
            within.rates,
            against=without.rates,
            against_said="empty tables",
            target=Target("at least", 0.9),
            bound=f"Microseconds of processor time a lead: {within}. With empty tables: {without}",
        )
    )
    assert row.met

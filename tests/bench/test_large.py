"""Size does not slow anything down: a job of a million leads, and tables full of old work."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

from tests.bench.conftest import Scale
from tests.bench.enrich_load import Line, open_line
from tests.bench.process_tree import peak_memory_bytes
from tests.bench.report import Row, Target

Report = Callable[[Row], Row]

MILLION = 1_000_000
FEW = 10_000
PARTS = 10
# Longer than a job of ten thousand takes, for which the million is held.
LEASE_S = 60.0
MEMORY_MIB_MAX = 250.0
MIB = 1024 * 1024
SETTLED = 5_000_000
DELIVERED = 1_000_000
FILLED_AT_ONCE = 100_000
LEADS = 20_000
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


async def run_parts(many: Line, few: Line, count: int) -> tuple[list[float], list[float]]:
    """Run a job in parts with smaller ones between, of which each part has one on either side.

    Returns:
        How many lookups were settled in a second, over the middle nine tenths of each part, and
        of the jobs beside it.
    """
    leads = await many.add_leads(count)
    await many.vacuum()
    many.pause()
    parts, beside = [], [await few.run(FEW)]
    many.go_on()
    job_id = await many.accept(leads)
    await many.ring()
    for left in range(PARTS - 1, -1, -1):
        part = count // PARTS
        early = await many.until_open(job_id, left * part + part * 19 // 20)
        late = await many.until_open(job_id, left * part + part // 20)
        parts.append(part * 0.9 / (late - early))
        await many.until_open(job_id, left * part)
        many.pause()
        beside.append(await few.run(FEW))
        many.go_on()
    return parts, [mean(each) for each in pairwise(beside)]


@pytest.mark.timeout(1_800)
async def test_million_leads(tmp_path: Path, scale: Scale, report: Report) -> None:
    """A job of a million leads runs as fast as one of ten thousand, in as little memory.

    They take turns, each in a database of its own, so that what else the machine does concerns
    both: it may be half as fast again from one minute to the next.
    While the workers of the million are held, its database goes on vacuuming, at the cost of the
    small jobs.
    """
    folders = [tmp_path / name for name in ("many", "few")]
    for folder in folders:
        folder.mkdir()
    async with open_line(folders[0], lease_s=LEASE_S) as many, open_line(folders[1]) as few:
        for role in ("api", "dispatcher"):
            await many.fleet.start(role)
        for line in (many, few):
            await line.run(FEW)
        parts, beside = await run_parts(many, few, scale.count(MILLION, FEW))
        peaks = {
            name: peak_memory_bytes(process.pid) / MIB
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
            f"the most memory that a process of ours had at once: {largest}",
            "MiB",
            [peaks[largest]],
            target=Target("at most", MEMORY_MIB_MAX),
            bound=", ".join(f"{name} {peak:.0f}" for name, peak in sorted(peaks.items())),
        )
    )
    assert [row.met, memory.met] == [True, True]


@pytest.mark.timeout(1_800)
async def test_full_tables(tmp_path: Path, scale: Scale, report: Report) -> None:
    """Five million settled lookups and a million old deliveries do not slow down new work.

    The two databases take turns, so that what else the machine does concerns both.
    """
    folders = [tmp_path / name for name in ("empty", "full")]
    for folder in folders:
        folder.mkdir()
    async with open_line(folders[0]) as empty, open_line(folders[1]) as full:
        await fill(full, scale.count(SETTLED, FEW), scale.count(DELIVERED))
        for line in (empty, full):
            await line.run(FEW)
        without, within = [], []
        for _ in range(scale.repeats):
            without.append(await empty.run(scale.count(LEADS)))
            within.append(await full.run(scale.count(LEADS)))

    row = report(
        Row.of(
            "enrich.full_tables",
            f"with {scale.count(SETTLED, FEW):,} settled lookups, each with its call, and"
            f" {scale.count(DELIVERED):,} old deliveries in the tables",
            "leads/s",
            within,
            against=without,
            against_said="empty tables",
            target=Target("at least", 0.9),
        )
    )
    assert row.met

"""The audit is clean on what the flows write, and finds each thing that breaks a promise."""

import json
from datetime import timedelta

import asyncpg
import pytest

from providers.registry import all_providers
from service.flows.audit import AuditReport, audit
from service.flows.settle_lookups import settle_lookups
from service.store.acceptance import Idempotency
from service.store.claims import park_lookup
from tests.flows.workshop import PUBLICATION, found, missing, new_worker, open_workshop

LEASE = timedelta(seconds=5)
HOOK = "https://hooks.example.net/s"

FINISHED = "(select id from jobs where finished_at is not null)"
OPEN = "(select id from jobs where finished_at is null)"
REFUNDED = "(select min(id) from lookups where refunded > 0)"
FOUND = "(select min(id) from lookups where outcome = 'found')"
RUNNING = "(select min(id) from lookups where state = 'running')"
DELIVERED = "deliveries set state = 'delivered', finished_at = leadfall_now() + interval '5 min'"
LONG_AGO = "leadfall_now() - interval '1 hour'"

# What is done to the database, and every check that must notice, in alphabetical order.
BREACHES = {
    "a key without its jobs": (
        "update idempotency_keys set request_id = gen_random_uuid()",
        ["key_has_its_jobs"],
    ),
    "credits out of nothing": (
        "update workspaces set balance = balance + 1 where balance > 0",
        ["balance_is_sum_of_ledger"],
    ),
    "an entry of no workspace": (
        "insert into ledger (workspace_id, kind, amount, created_at)"
        " values (0, 'grant', 1, leadfall_now())",
        ["balance_is_sum_of_ledger"],
    ),
    "a debt": (
        "alter table workspaces drop constraint balance_not_negative;"
        "update workspaces set balance = -1 where balance = 0;"
        "insert into ledger (workspace_id, kind, amount, job_id, created_at)"
        " select id, 'charge', -1, gen_random_uuid(), leadfall_now()"
        " from workspaces where balance = -1",
        ["balance_not_negative", "one_charge_per_priced_job"],
    ),
    "a charge that is missing": (
        f"delete from ledger where kind = 'charge' and job_id = {OPEN}",
        ["balance_is_sum_of_ledger", "one_charge_per_priced_job"],
    ),
    "a charge that came twice": (
        "drop index one_charge_per_job;"
        "insert into ledger (workspace_id, kind, amount, job_id, created_at)"
        f" select workspace_id, kind, amount, job_id, created_at from ledger"
        f" where kind = 'charge' and job_id = {OPEN}",
        ["balance_is_sum_of_ledger", "one_charge_per_priced_job"],
    ),
    "a charge for nothing": (
        "update jobs set price = 0, charged = 0 where finished_at is null",
        ["one_charge_per_priced_job"],
    ),
    "a charge of another amount": (
        "update jobs set charged = charged + 1 where finished_at is null",
        ["charge_is_price_times_lookups", "one_charge_per_priced_job"],
    ),
    "a lookup that is missing": (
        f"delete from calls; delete from lookups where id = {RUNNING}",
        ["lookup_count_is_rows", "open_count_is_open_rows"],
    ),
    "an open count that is off": (
        "update jobs set open_count = open_count - 1 where open_count > 1",
        ["open_count_is_open_rows"],
    ),
    "an end before the last lookup": (
        "alter table jobs drop constraint finished_when_none_open;"
        "update jobs set finished_at = leadfall_now() where finished_at is null",
        ["finished_exactly_when_none_open", "finished_job_has_one_terminal_event"],
    ),
    "a job that never ended": (
        "alter table jobs drop constraint finished_when_none_open;"
        "update jobs set finished_at = null where finished_at is not null",
        ["finished_exactly_when_none_open", "open_job_has_no_terminal_event"],
    ),
    "an outcome counted as another": (
        "update jobs set found_count = found_count + 1, missing_count = missing_count - 1"
        " where missing_count > 0",
        ["outcome_counts_are_rows"],
    ),
    "an outcome changed afterwards": (
        f"update lookups set outcome = 'no_answer' where id = {REFUNDED}",
        ["outcome_counts_are_rows"],
    ),
    "a refund that the job does not know": (
        "update jobs set refunded = refunded - 1 where refunded > 0",
        ["job_refunds_agree"],
    ),
    "a refund without an entry": (
        f"delete from ledger where lookup_id = {REFUNDED}",
        ["balance_is_sum_of_ledger", "job_refunds_agree", "refund_entry_for_each_refunded_lookup"],
    ),
    "a refund entered twice": (
        "drop index one_refund_per_lookup;"
        "insert into ledger (workspace_id, kind, amount, job_id, lookup_id, created_at)"
        f" select workspace_id, kind, amount, job_id, lookup_id, created_at from ledger"
        f" where lookup_id = {REFUNDED};"
        "update workspaces set balance = balance + 3 where balance > 0",
        ["job_refunds_agree"],
    ),
    "a refund of another lookup": (
        f"update ledger set lookup_id = {RUNNING} where lookup_id = {REFUNDED}",
        ["refund_entry_for_each_refunded_lookup"],
    ),
    "a find that was given back": (
        f"update lookups set refunded = 1 where id = {FOUND}",
        ["found_is_not_refunded", "job_refunds_agree", "refund_entry_for_each_refunded_lookup"],
    ),
    "a settlement without a time": (
        f"update lookups set settled_at = null where id = {FOUND}",
        ["settled_has_outcome_and_time"],
    ),
    "a terminal event that is missing": (
        "delete from deliveries; delete from events where type = 'enrichment.completed'",
        ["finished_job_has_one_terminal_event"],
    ),
    "a terminal event that came twice": (
        "insert into events select gen_random_uuid(), aggregatetype, aggregateid,"
        " 'enrichment.failed', payload, workspace_id, created_at from events"
        " where type = 'enrichment.completed'",
        ["finished_job_has_one_terminal_event", "webhook_url_has_its_delivery"],
    ),
    "a terminal event of an open job": (
        "insert into events select gen_random_uuid(), 'job', public_id, 'enrichment.cancelled',"
        " '', workspace_id, leadfall_now() from jobs where finished_at is null",
        ["open_job_has_no_terminal_event"],
    ),
    "a terminal event of no job": (
        "insert into events values (gen_random_uuid(), 'job', 'bulk_gone', 'enrichment.failed',"
        " '', 1, leadfall_now())",
        ["open_job_has_no_terminal_event"],
    ),
    "a webhook nobody will call": ("delete from deliveries", ["webhook_url_has_its_delivery"]),
    "a webhook that goes elsewhere": (
        "update endpoints set url = 'https://elsewhere.example'",
        ["webhook_url_has_its_delivery"],
    ),
    "a delivery of nothing": (
        "insert into deliveries (event_id, endpoint_id, workspace_id, event_type,"
        " event_created_at, due_at, created_at) values"
        " (gen_random_uuid(), 1, 1, 'lead.enriched', now(), now(), now())",
        ["delivery_has_its_event"],
    ),
    "a delivery without an attempt": (
        f"delete from attempts; update {DELIVERED}",
        ["delivered_after_an_attempt"],
    ),
    "a sequence given twice": (
        "insert into deliveries (event_id, endpoint_id, workspace_id, event_type,"
        " event_created_at, due_at, created_at, sequence) select id, d.endpoint_id, 1,"
        " 'enrichment.accepted', e.created_at, d.due_at, d.created_at, d.sequence"
        " from events e, deliveries d where e.type = 'enrichment.accepted' limit 1",
        ["sequence_once_per_endpoint"],
    ),
    "a paid call made twice": (
        "update calls set ask_count = 2 where provider = 'leadmagic'",
        ["asked_again_only_where_allowed"],
    ),
    "a call of no lookup": (
        "insert into calls (lookup_id, step, provider, epoch, intended_at)"
        " values (0, 0, 'enrich', 1, leadfall_now())",
        ["call_has_its_lookup"],
    ),
    "a lookup of no job": (
        "insert into lookups (job_id, workspace_id, lead_id, target, priority, input, created_at)"
        " values (gen_random_uuid(), 1, 0, 'email', 1, '{}', leadfall_now())",
        ["lookup_has_its_job"],
    ),
    "two open lookups of one lead": (
        "drop index one_open_lookup_per_lead_and_target;"
        f"update lookups set lead_id = (select lead_id from lookups where id = {RUNNING})"
        " where state <> 'settled'",
        ["one_open_lookup_per_lead_and_target"],
    ),
    "work held by the dead": (
        f"update processes set beat_at = {LONG_AGO}; update lookups set created_at = {LONG_AGO}",
        ["running_lookup_has_a_living_process"],
    ),
    "work held by nobody": (
        f"delete from processes; update lookups set created_at = {LONG_AGO}",
        ["running_lookup_has_a_living_process"],
    ),
    "a delivery held by nobody": (
        "update deliveries set state = 'sending', owner = gen_random_uuid(), finished_at = null,"
        f" created_at = {LONG_AGO}",
        ["sending_delivery_has_a_living_process"],
    ),
    "a sleeper nobody woke": (
        f"update lookups set wake_at = {LONG_AGO} where state = 'waiting'",
        ["waiting_lookup_is_woken"],
    ),
    "a sleeper without an alarm": (
        "update lookups set wake_at = null where state = 'waiting'",
        ["waiting_lookup_is_woken"],
    ),
    "a submission past its deadline": (
        "insert into submissions (id, provider, capability, credential, token, handle, state,"
        " deadline_at, created_at) values (gen_random_uuid(), 'fullenrich', 'find_email',"
        f" 'operator', 't', 'h', 'submitted', {LONG_AGO}, {LONG_AGO})",
        ["submission_ends_by_its_deadline"],
    ),
}


@pytest.fixture
async def busy(pool: asyncpg.Pool) -> asyncpg.Pool:
    """A database with a finished, delivered job and an open one, written by the flows."""
    shop = await open_workshop(pool)
    await open_workshop(pool, credits_granted=0)
    worker = await new_worker(pool)
    key = Idempotency("k1", bytes(32))
    await shop.accept(await shop.add_leads(3), webhook_url=HOOK, idempotency=key)
    claims = await shop.claim(worker)
    await settle_lookups(pool, [found(claims[0]), *map(missing, claims[1:])], PUBLICATION)
    await shop.accept(await shop.add_leads(3))
    running, waiting = await shop.claim(worker, 2)
    async with pool.acquire() as connection:
        await park_lookup(connection, worker, waiting, 60.0)
    await pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, ask_count, intended_at)"
        " values ($1, 0, 'enrich', 1, 2, now()), ($1, 1, 'leadmagic', 1, 1, now())",
        running.lookup_id,
    )
    await pool.execute(f"update {DELIVERED}, sequence = 1")
    await pool.execute(
        "insert into attempts (event_id, endpoint_id, number, started_at, duration_ms, class,"
        " decision, body_sha256)"
        " select event_id, endpoint_id, 1, leadfall_now(), 1, 'success', 'done', ''"
        " from deliveries"
    )
    return pool


async def run(pool: asyncpg.Pool) -> AuditReport:
    """Audit with the declarations of the real providers."""
    return await audit(pool, all_providers(), LEASE)


async def test_empty_database_is_clean(pool: asyncpg.Pool) -> None:
    """With nothing in it, nothing is broken."""
    assert (await run(pool)).clean


async def test_what_the_flows_write_is_clean(busy: asyncpg.Pool) -> None:
    """Work finished, delivered, running, waiting and ready breaks no promise."""
    report = await run(busy)

    assert [] == [check for check in report.checks if check.breaches]
    assert report.clean
    assert (2, 6, 2, 1) == tuple(
        report.rows[table] for table in ("jobs", "lookups", "calls", "deliveries")
    )


@pytest.mark.parametrize("breach", BREACHES)
async def test_breach_is_found(busy: asyncpg.Pool, breach: str) -> None:
    """Each breach is found by the checks that are about it, and by no other."""
    statements, expected = BREACHES[breach]
    await busy.execute(statements)

    report = await run(busy)

    assert expected == sorted(check.name for check in report.checks if check.breaches)
    assert not report.clean


def test_every_check_has_its_breach() -> None:
    """No check is left that nothing here shows to work."""
    shown = {name for _, names in BREACHES.values() for name in names}

    assert shown == {
        "asked_again_only_where_allowed", "balance_is_sum_of_ledger", "balance_not_negative",
        "call_has_its_lookup", "charge_is_price_times_lookups", "delivered_after_an_attempt",
        "delivery_has_its_event", "finished_exactly_when_none_open",
        "finished_job_has_one_terminal_event", "found_is_not_refunded", "job_refunds_agree",
        "key_has_its_jobs", "lookup_count_is_rows", "lookup_has_its_job",
        "one_charge_per_priced_job", "one_open_lookup_per_lead_and_target",
        "open_count_is_open_rows", "open_job_has_no_terminal_event", "outcome_counts_are_rows",
        "refund_entry_for_each_refunded_lookup", "running_lookup_has_a_living_process",
        "sending_delivery_has_a_living_process", "sequence_once_per_endpoint",
        "settled_has_outcome_and_time", "submission_ends_by_its_deadline",
        "waiting_lookup_is_woken", "webhook_url_has_its_delivery",
    }  # fmt: skip


async def test_examples_are_few_and_ids_only(pool: asyncpg.Pool) -> None:
    """However much is broken, five ids of each check are shown."""
    await pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, intended_at)"
        " select n, 0, 'enrich', 1, leadfall_now() from generate_series(1, 1000) n"
    )

    (broken,) = [check for check in (await run(pool)).checks if check.breaches]

    assert (1_000, 5) == (broken.breaches, len(broken.examples))
    assert all(example.removesuffix(".0").isdigit() for example in broken.examples)


async def test_report_is_one_json_object(busy: asyncpg.Pool) -> None:
    """The command prints this object as it is."""
    told = json.loads(json.dumps((await run(busy)).as_json()))

    assert told["clean"] is True
    assert {"name", "promise", "says", "breaches", "examples"} == set(told["checks"][0])


async def test_dropped_partitions_are_no_breach(busy: asyncpg.Pool) -> None:
    """Jobs that ended before the oldest kept day are not held against their dropped events."""
    await busy.execute(
        "delete from deliveries; delete from events;"
        "do $$ begin execute 'drop table events_' || to_char(now() at time zone 'utc', 'YYYYMMDD');"
        " end $$"
    )

    assert (await run(busy)).clean


async def test_running_work_is_seen_whole(busy: asyncpg.Pool) -> None:
    """A settle that is under way is seen as not begun, never as half done."""
    async with busy.acquire() as connection:
        change = connection.transaction()
        await change.start()
        await connection.execute("update jobs set found_count = found_count + 1")

        report = await run(busy)
        await change.rollback()

    assert report.clean

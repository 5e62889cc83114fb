"""Erasing a person while a transaction that began before is about to write of them."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from cryptography.fernet import Fernet

from providers.registry import all_providers
from service.domain.claim import Answer
from service.domain.identifiers import new_id
from service.domain.lead_change import GivenLead
from service.domain.outcome import OutcomeName
from service.domain.waterfall import Step, Waterfall
from service.edges.secret_box import SecretBox
from service.flows.audit import audit
from service.flows.erase_people import erase_people
from service.flows.import_batch import GivenRow, import_batch
from service.flows.suppress_people import SuppressionList
from service.store.acceptance import NewJob, NewRequest, write_requests
from service.store.calls import Grant, Intent, Note, write_answers, write_intents, write_notes
from service.store.erasure import scrub_lookups
from service.store.keys import KeyOwner
from service.store.waterfalls import keep_waterfall
from tests.flows.test_erase_people import LEASE, traces_of
from tests.flows.workshop import FIND_EMAIL, PUBLICATION, Workshop, new_worker, open_workshop

EMAIL = "zdenka@brightwater.example"
# Longer than an erasure of so little takes.
PATIENCE_S = 1.0

Write = Callable[[Workshop, asyncpg.Connection, SuppressionList], Awaitable[object]]


async def import_them(
    shop: Workshop, connection: asyncpg.Connection, suppressions: SuppressionList
) -> None:
    """Write a lead of the person, who was suppressed by nobody when it was asked."""
    row = GivenRow(1, EMAIL, GivenLead(EMAIL, {"first_name": "Zdenka"}))
    caller = KeyOwner(1, shop.workspace_id, "0" * 24)
    count = await import_batch(connection, caller, [row], suppressions, skip_duplicates=True)
    assert len(count.imported_ids) == 1


async def accept_them(
    shop: Workshop, connection: asyncpg.Connection, _suppressions: SuppressionList
) -> None:
    """Accept a job over a lead that is there."""
    steps = Waterfall(FIND_EMAIL.kind, (Step("enrich"),))
    await keep_waterfall(connection, steps)
    job = NewJob(
        id=new_id(),
        public_id="job",
        type=FIND_EMAIL.shown_as,
        kind=FIND_EMAIL.kind,
        target=FIND_EMAIL.kind.target,
        price=3,
        own_provider=None,
        waterfall_version=steps.version,
    )
    lead_ids = await connection.fetch("select id from leads where email = $1", EMAIL)
    request = NewRequest(
        id=new_id(),
        workspace_id=shop.workspace_id,
        face=FIND_EMAIL.face,
        mode="async",
        priority=1,
        list_id=None,
        webhook_url=None,
        metadata=None,
        lead_events=False,
        idempotency=None,
        facts={},
        jobs=[job],
        lead_ids=[row["id"] for row in lead_ids],
        lead_public_ids=(),
        skip_filled=False,
        expected_count=1,
    )
    await write_requests(connection, [request])


@pytest.mark.parametrize(
    ("write", "has_lead"), [(import_them, False), (accept_them, True)], ids=["import", "accept"]
)
async def test_what_began_before_is_outlasted(
    pool: asyncpg.Pool, write: Write, *, has_lead: bool
) -> None:
    """The erasure ends when the other has, and finds what it wrote."""
    shop = await open_workshop(pool)
    suppressions = SuppressionList(SecretBox([Fernet.generate_key().decode()]))
    await pool.execute(
        "insert into leads (workspace_id, email, email_source) select $1, $2, 'given' where $3",
        shop.workspace_id,
        EMAIL,
        has_lead,
    )

    async with pool.acquire() as connection, connection.transaction():
        await write(shop, connection, suppressions)
        erasing = asyncio.create_task(
            erase_people(pool, shop.workspace_id, suppressions, PUBLICATION, emails=[EMAIL])
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(erasing), PATIENCE_S)
    erased = await erasing

    assert await traces_of(pool, ["zdenka"]) == set()
    assert (erased.leads, erased.more) == (1, False)
    assert (await audit(pool, all_providers(), LEASE)).clean


async def test_what_was_intended_meanwhile_is_answered_without_a_value(pool: asyncpg.Pool) -> None:
    """The erasure has emptied the lookup by then, and did not see the call."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(1))
    (claim,) = await shop.claim(await new_worker(pool))
    async with pool.acquire() as connection, connection.transaction():
        await scrub_lookups(connection, [claim.lookup_id], "erased")
        async with pool.acquire() as worker:
            intent = Intent(claim.lookup_id, 0, "leadmagic", claim.epoch, question=b"q" * 32)
            assert await write_intents(worker, [intent], LEASE) == [Grant.GRANTED]

    async with pool.acquire() as connection:
        value = {"email": EMAIL}
        answer = Answer(
            claim.lookup_id, 0, claim.epoch, OutcomeName.FOUND, value, price_thousandths=1_000
        )
        await write_answers(connection, [answer])

    row = await pool.fetchrow("select outcome, value, question, price_thousandths from calls")
    assert tuple(row) == ("interrupted", None, None, 1_000)


async def test_what_is_remembered_meanwhile_is_not_noted(pool: asyncpg.Pool) -> None:
    """It waits for the erasure, and finds the lookup empty."""
    shop = await open_workshop(pool)
    await shop.accept(await shop.add_leads(1))
    (claim,) = await shop.claim(await new_worker(pool))
    note = Note(
        claim.lookup_id, 0, claim.epoch, "leadmagic", OutcomeName.FOUND, value={"email": EMAIL}
    )

    async with pool.acquire() as worker:
        async with pool.acquire() as connection, connection.transaction():
            await scrub_lookups(connection, [claim.lookup_id], "erased")
            noting = asyncio.create_task(write_notes(worker, [note]))
            waiting = "select count(*) from pg_locks where not granted"
            async with asyncio.timeout(PATIENCE_S * 10):
                while not noting.done() and not await pool.fetchval(waiting):
                    await asyncio.sleep(0.01)
        await noting

    assert await pool.fetchval("select count(*) from calls") == 0

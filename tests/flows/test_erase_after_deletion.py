"""Erasing people whose leads were deleted, and leads that share an address with the erased."""

from datetime import timedelta

import asyncpg
import pytest
from cryptography.fernet import Fernet

from providers.registry import all_providers
from service.domain.people_filter import PeopleFilter
from service.edges.secret_box import SecretBox
from service.flows.audit import audit
from service.flows.delete_leads import delete_found, delete_named
from service.flows.erase_people import ROUNDS_MAX, Erased, erase_people
from service.flows.expire_jobs import expire_batch
from service.flows.retain_history import retain_history
from service.flows.settle_lookups import settle_lookups
from service.flows.suppress_people import SuppressionList
from service.settings import RetentionSettings
from tests.flows.test_erase_people import traces_of
from tests.flows.workshop import (
    PUBLICATION,
    TYPES,
    Workshop,
    found,
    missing,
    new_worker,
    open_workshop,
)

FOUND = "tuesday@found.example"
GIVEN = "wednesday@given.example"
KEPT = timedelta(days=7)
LEASE = timedelta(seconds=5)


@pytest.fixture
async def shop(pool: asyncpg.Pool) -> Workshop:
    """A workspace with credits."""
    return await open_workshop(pool)


async def add_person(shop: Workshop, last_name: str) -> tuple[int, str]:
    """Add a person without an address; return both ids."""
    row = await shop.pool.fetchrow(
        "insert into leads (workspace_id, first_name, last_name, company_domain)"
        " values ($1, 'Ottoline', $2, 'brightwater.example') returning id, public_id",
        shop.workspace_id,
        last_name,
    )
    return row["id"], row["public_id"]


async def give_address(shop: Workshop, lead_id: int, email: str) -> None:
    """Set a lead's address, as a patch or a lookup would."""
    await shop.pool.execute(
        "update leads set email = $2, email_source = 'found', email_parses = true where id = $1",
        lead_id,
        email,
    )


async def run_job(shop: Workshop, lead_id: int, email: str | None = None) -> None:
    """Look for an address of a lead, and find this one or nothing."""
    await shop.accept([lead_id], skip_filled=False)
    (claim,) = await shop.claim(await new_worker(shop.pool))
    outcome = found(claim, email) if email else missing(claim)
    await settle_lookups(shop.pool, [outcome], PUBLICATION)


async def erase(
    shop: Workshop, *, public_id: str | None = None, email: str | None = None
) -> Erased:
    """Erase a person by id or by address."""
    return await erase_people(
        shop.pool,
        shop.workspace_id,
        SuppressionList(SecretBox([Fernet.generate_key().decode()])),
        PUBLICATION,
        public_ids=[public_id] if public_id else [],
        emails=[email] if email else [],
    )


async def is_clean(shop: Workshop) -> bool:
    """Whether the audit finds nothing."""
    return (await audit(shop.pool, all_providers(), LEASE)).clean


async def test_leads_with_the_same_found_address_go_too(shop: Workshop) -> None:
    """One person may be two leads: the address found for one of them leads to the other."""
    first, public_id = await add_person(shop, "Grimsditch")
    second, _ = await add_person(shop, "Grimsditch")
    await shop.pool.execute("update leads set company_domain = 'y.example' where id = $1", second)
    await run_job(shop, second)
    await run_job(shop, first, FOUND)
    await give_address(shop, second, FOUND)
    # By now the lead of whom it was found has another one, so that only the lookup tells of it.
    await give_address(shop, first, "moved@elsewhere.example")

    erased = await erase(shop, public_id=public_id)

    assert (erased.leads, erased.lookups, erased.more) == (2, 2, False)
    assert await traces_of(shop.pool, ["grimsditch", FOUND]) == set()
    assert await is_clean(shop)


async def test_a_shared_mailbox_leads_to_nobody_else(shop: Workshop) -> None:
    """Colleagues of whom the same role address was found are not erased with the one who asked."""
    first, public_id = await add_person(shop, "Grimsditch")
    second, _ = await add_person(shop, "Vanderquist")
    await run_job(shop, first, "info@found.example")
    await run_job(shop, second, "info@found.example")
    await give_address(shop, second, "info@found.example")

    erased = await erase(shop, public_id=public_id)

    assert (erased.leads, erased.lookups) == (1, 1)
    assert await traces_of(shop.pool, ["grimsditch"]) == set()
    assert await shop.pool.fetchval("select last_name from leads") == "Vanderquist"


@pytest.mark.parametrize(("links", "more"), [(ROUNDS_MAX - 1, 0), (ROUNDS_MAX + 5, 1)])
async def test_a_chain_of_shared_addresses_is_followed_so_far(
    shop: Workshop, links: int, more: int
) -> None:
    """Each lead's lookup tells of the next one's address; past the bound the answer says so."""
    await shop.pool.execute(
        "with made as (insert into leads (workspace_id, first_name, last_name, email, email_source)"
        " select $1, 'Ottoline', 'Grimsditch', 'link' || n || '@chain.example', 'found'"
        " from generate_series(1, $2::integer) n returning id)"
        " select count(*) from made",
        shop.workspace_id,
        links,
    )
    leads = await shop.pool.fetch("select id, public_id from leads order by id")
    await shop.accept([lead["id"] for lead in leads], skip_filled=False)
    claims = await shop.claim(await new_worker(shop.pool))
    await settle_lookups(shop.pool, [missing(claim) for claim in claims], PUBLICATION)
    # From the last to the first, so that no walk meets two links.
    await shop.pool.execute(
        "update lookups k set outcome = 'found', input = '{}',"
        " value = jsonb_build_object('email', 'link' || (l.place - 1) || '@chain.example')"
        " from (select id, row_number() over (order by id) as place from leads) l"
        " where k.lead_id = l.id"
    )

    erased = await erase(shop, public_id=leads[-1]["public_id"])

    assert erased.more == bool(more)
    assert (erased.leads < links) == bool(more)


@pytest.mark.parametrize("by", ["id", "found address", "last address", "address in a trace"])
async def test_lookups_of_a_deleted_lead_are_found_by_all_that_named_it(
    shop: Workshop, by: str
) -> None:
    """Deleting a lead leaves its lookups; an erasure finds them by id and by any address."""
    lead_id, public_id = await add_person(shop, "Grimsditch")
    await run_job(shop, lead_id)
    await shop.pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, outcome, value, intended_at,"
        " answered_at) select id, 0, 'leadmagic', 1, 'found', $1, now(), now() from lookups",
        {"email": "traced@found.example"},
    )
    await run_job(shop, lead_id, FOUND)
    await give_address(shop, lead_id, GIVEN)
    await delete_named(shop.pool, shop.workspace_id, [public_id])
    whom = {
        "id": {"public_id": public_id},
        "found address": {"email": FOUND.upper()},
        "last address": {"email": GIVEN},
        "address in a trace": {"email": "traced@found.example"},
    }[by]

    erased = await erase(shop, **whom)

    assert (erased.leads, erased.lookups) == (0, 2)
    assert await traces_of(shop.pool, ["grimsditch", "@found", public_id]) == set()
    assert await is_clean(shop)


async def test_an_open_lookup_of_a_deleted_lead_is_closed_and_refunded(shop: Workshop) -> None:
    """It would go on otherwise, and its result be told."""
    lead_id, public_id = await add_person(shop, "Grimsditch")
    await shop.accept([lead_id], job_types=(TYPES["phoneEnrichment"],), price=20)
    await delete_found(shop.pool, shop.workspace_id, PeopleFilter(), ())

    erased = await erase(shop, public_id=public_id)

    assert (erased.lookups, erased.refunded) == (1, 20)
    assert await is_clean(shop)


async def test_deleted_leads_are_known_as_long_as_jobs_and_events_are(shop: Workshop) -> None:
    """When nothing is left that could speak of one, nothing says that it ever was.

    A job may have ended, and told of it, up to a week after the lead was deleted.
    """
    lead_id, public_id = await add_person(shop, "Grimsditch")
    await run_job(shop, lead_id)
    await delete_named(shop.pool, shop.workspace_id, [public_id])

    kept = []
    for days in (96, 3):
        await age_everything(shop, days=days)
        await retain_history(shop.pool, RetentionSettings())
        kept.append(await shop.pool.fetchval("select count(*) from deleted_leads"))
    async with shop.pool.acquire() as connection:
        await expire_batch(connection, KEPT)
    await retain_history(shop.pool, RetentionSettings())
    left = await shop.pool.fetchval("select count(*) from deleted_leads")

    assert (kept, left) == ([1, 1], 0)


@pytest.mark.parametrize("by", ["id", "address"])
@pytest.mark.parametrize("kind", ["FIND_EMAIL", "FIND_PHONE"])
async def test_events_of_a_deleted_lead_are_found_when_its_jobs_have_expired(
    shop: Workshop, kind: str, by: str
) -> None:
    """They are kept longer, and say who it was by a number and a name alone."""
    lead_id, public_id = await add_person(shop, "Grimsditch")
    await give_address(shop, lead_id, GIVEN)
    await shop.accept(
        [lead_id],
        job_types=(TYPES[kind],),
        webhook_url="https://hooks.example.net/s",
        lead_events=True,
        skip_filled=False,
    )
    (claim,) = await shop.claim(await new_worker(shop.pool))
    await settle_lookups(shop.pool, [missing(claim)], PUBLICATION)
    await delete_named(shop.pool, shop.workspace_id, [public_id])
    await age_everything(shop, days=9)
    async with shop.pool.acquire() as connection:
        while await expire_batch(connection, KEPT):
            pass
    await retain_history(shop.pool, RetentionSettings())

    whom = {"public_id": public_id} if by == "id" else {"email": GIVEN}
    erased = await erase(shop, **whom)

    assert (erased.lookups, erased.events, erased.deliveries) == (0, 2, 2)
    assert await traces_of(shop.pool, ["grimsditch", public_id]) == set()


async def age_everything(shop: Workshop, *, days: int) -> None:
    """Let days pass for deleted leads, and for jobs; events stay as they are."""
    await shop.pool.execute(
        "update deleted_leads set deleted_at = deleted_at - make_interval(days => $1)", days
    )
    await shop.pool.execute(
        "update jobs set created_at = created_at - make_interval(days => $1),"
        " finished_at = finished_at - make_interval(days => $1)",
        days,
    )

"""Erasing people from what callers noted on their jobs, and from the events that tell of it."""

from datetime import timedelta
from typing import Any

import asyncpg
import orjson
import pytest
from cryptography.fernet import Fernet

from service.edges.secret_box import SecretBox
from service.flows.erase_people import erase_people
from service.flows.settle_lookups import settle_lookups
from service.flows.suppress_people import SuppressionList
from tests.flows.workshop import (
    PUBLICATION,
    TYPES,
    Workshop,
    missing,
    new_worker,
    open_workshop,
)

HOOK = "https://hooks.example.net/s"
PHONE = "+4915112345678"


@pytest.fixture
async def shop(pool: asyncpg.Pool) -> Workshop:
    """A workspace with credits."""
    return await open_workshop(pool)


async def add_person(shop: Workshop, email: str | None = None) -> tuple[int, str]:
    """Add a person with a number and a profile; return both ids."""
    row = await shop.pool.fetchrow(
        "insert into leads (workspace_id, first_name, last_name, company_domain, linkedin_url,"
        " phone, phone_e164, email, email_source)"
        " values ($1, 'Zdenka', 'Quillfeather', 'brightwater.example',"
        " 'https://www.linkedin.com/in/zdenka-%C3%B6', '+49 151 12345678', $2, $3,"
        " case when $3::text is not null then 'given' end)"
        " returning id, public_id",
        shop.workspace_id,
        PHONE,
        email,
    )
    return row["id"], row["public_id"]


async def told_metadata(shop: Workshop) -> Any:
    """Return what the event that tells of the only job's end has of its metadata."""
    (event,) = await shop.pool.fetch(
        "select payload from events where type in ('enrichment.completed', 'enrichment.failed')"
    )
    return orjson.loads(event["payload"])["data"].get("metadata")


async def erase(shop: Workshop, public_id: str) -> None:
    """Erase a person by id."""
    suppressions = SuppressionList(SecretBox([Fernet.generate_key().decode()]))
    await erase_people(
        shop.pool, shop.workspace_id, suppressions, PUBLICATION, public_ids=[public_id]
    )


@pytest.mark.parametrize(
    ("noted", "is_kept"),
    [
        (PHONE, False),
        ("+49 151 12345678", False),
        ("https://www.LinkedIn.com/in/Zdenka-%c3%b6", False),
        ("https://www.linkedin.com/in/zdenka-\u00f6", False),
        ("see linkedin.com/in/zdenka-\u00f6/", False),
        ("http://de.linkedin.com/in/zdenka-%C3%B6", False),
        ("+49 (0)151 1234-5678", False),
        ("(0151) 123 45 67 8", False),
        ("00491511234%205678", False),
        ("https://crm.example.net/?for=zd%C3%A9nka%40brightwater.example", False),
        ("Zde\u0301nka@Brightwater.example", False),
        ("their id", False),
        ("+4930123456", True),
        ("+49 151 1234 5679", True),
        ("https://www.linkedin.com/in/somebody-else", True),
        ("campaign 7", True),
    ],
)
async def test_metadata_that_names_them_goes(shop: Workshop, noted: str, *, is_kept: bool) -> None:
    """By number, address, profile or id, also from events, told and later; other notes stay."""
    _, public_id = await add_person(shop, "zd\u00e9nka@brightwater.example")
    others = await shop.add_leads(1)
    metadata = {"about": {"their id": public_id.upper()}.get(noted, noted)}
    await shop.accept(others, webhook_url=HOOK, metadata=metadata)

    await erase(shop, public_id)
    claims = await shop.claim(await new_worker(shop.pool))
    await settle_lookups(shop.pool, [missing(each) for each in claims], PUBLICATION)

    (job,) = await shop.pool.fetch("select metadata from jobs")
    assert [job["metadata"], await told_metadata(shop)] == [metadata if is_kept else None] * 2
    accepted = await shop.pool.fetchval(
        "select payload <> '' from events where type = 'enrichment.accepted'"
    )
    assert accepted == is_kept


@pytest.mark.parametrize("key", ["+49 (0)151 1234-5678", "zd%C3%A9nka%40brightwater.example"])
@pytest.mark.parametrize("job_type", ["email", "FIND_EMAIL"])
async def test_events_of_a_job_that_has_ended_lose_it(
    shop: Workshop, key: str, job_type: str
) -> None:
    """Whatever the API calls it in its events, and whether it stands in a key or in a value."""
    _, public_id = await add_person(shop, "zd\u00e9nka@brightwater.example")
    others = await shop.add_leads(1)
    await shop.accept(
        others,
        job_types=(TYPES[job_type],),
        webhook_url=HOOK,
        lead_events=True,
        metadata={key: "about"},
    )
    claims = await shop.claim(await new_worker(shop.pool))
    await settle_lookups(shop.pool, [missing(each) for each in claims], PUBLICATION)

    await erase(shop, public_id)

    left = await shop.pool.fetch("select type from events where payload <> ''")
    assert [event["type"] for event in left] == ["credits.refunded"]


async def test_what_comes_up_last_is_looked_for_in_every_job(shop: Workshop) -> None:
    """A number that only a later job tells of is taken off an earlier one."""
    person, public_id = await add_person(shop)
    (other,) = await shop.add_leads(1)
    await shop.accept([other], metadata={"about": "+33612345678"})
    await shop.pool.execute(
        "update jobs set created_at = created_at - $1::interval", timedelta(hours=1)
    )
    await shop.accept([person], job_types=(TYPES["phoneEnrichment"],), skip_filled=False)
    await shop.pool.execute(
        "update lookups set value = $2 where lead_id = $1", person, {"phone": "+33612345678"}
    )

    await erase(shop, public_id)

    assert await shop.pool.fetchval("select count(metadata) from jobs") == 0


async def test_the_event_of_a_job_that_an_erasure_ends_is_told_without_it(shop: Workshop) -> None:
    """Receivers learn that the job has ended, and nothing of whom it was about."""
    person, public_id = await add_person(shop, "zdenka@brightwater.example")
    await shop.accept(
        [person],
        webhook_url=HOOK,
        skip_filled=False,
        metadata={"about": "ZDENKA@brightwater.example"},
    )

    await erase(shop, public_id)

    assert await told_metadata(shop) is None

"""Erasing somebody who shares a mailbox, or a name at a company, with others who stay."""

from typing import Any, Final

import pytest

from service.flows.settle_lookups import settle_lookups
from tests.flows.test_erase_spellings import Scene, scene
from tests.flows.test_erase_twins import is_suppressed
from tests.flows.workshop import PUBLICATION, found, missing, new_worker

__all__ = ["scene"]

HOOK: Final = "https://hooks.example.net/s"
BOXES: Final = [
    f"{name}@firma.example"
    for name in (
        *("info", "kontakt", "vertrieb", "bonjour", "hallo", "info.de", "info-berlin"),
        "any.word",
    )
]
NAMED: Final = {"first_name": "John", "last_name": "Smith", "company_name": "Acme"}


async def public_id_of(scene: Scene, lead_id: int) -> str:
    """Return the id by which callers name a lead."""
    return str(await scene.shop.pool.fetchval("select public_id from leads where id = $1", lead_id))


@pytest.mark.parametrize("box", BOXES)
async def test_a_mailbox_found_for_colleagues_names_none_of_them(scene: Scene, box: str) -> None:
    """One of them goes; the others keep their leads, lookups and events, and may be looked up."""
    shop = scene.shop
    ids = await shop.add_leads(3)
    await shop.accept(ids, webhook_url=HOOK, lead_events=True)
    claims = await shop.claim(await new_worker(shop.pool))
    await settle_lookups(shop.pool, [found(each, box) for each in claims], PUBLICATION)

    erased = await scene.erase(public_ids=[await public_id_of(scene, ids[0])])

    told = await shop.pool.fetch(
        "select convert_from(payload, 'UTF8')::json as body from events"
        " where type = 'lead.enriched' and payload <> ''"
    )
    assert (erased.leads, erased.lookups) == (1, 1)
    assert {event["body"]["data"]["id"] for event in told} == set(ids[1:])
    assert not await is_suppressed(scene, {"email": box})


async def test_a_mailbox_found_for_a_deleted_colleague_names_nobody(scene: Scene) -> None:
    """What was looked up for somebody of another name stays, the lead being gone."""
    shop = scene.shop
    ids = await shop.add_leads(2)
    await shop.accept(ids)
    claims = await shop.claim(await new_worker(shop.pool))
    await settle_lookups(shop.pool, [found(each, BOXES[-1]) for each in claims], PUBLICATION)
    person = await public_id_of(scene, ids[0])
    await shop.pool.execute("delete from leads where id = $1", ids[1])

    erased = await scene.erase(public_ids=[person])

    assert (erased.leads, erased.lookups) == (1, 1)


async def test_a_mailbox_that_is_asked_for_takes_all_who_were_given_it(scene: Scene) -> None:
    """Whoever names the address of several leads means them."""
    box = BOXES[1]
    await scene.add(email=box, first_name="Ada", last_name="Ng")
    await scene.shop.pool.execute(
        "insert into leads (workspace_id, email, email_source, first_name, last_name)"
        " values ($1, $2, 'found', 'Bo', 'Li')",
        scene.shop.workspace_id,
        box,
    )

    erased = await scene.erase(emails=[box])

    assert erased.leads == 2
    assert await is_suppressed(scene, {"email": box})


async def test_an_address_of_one_name_is_followed(scene: Scene) -> None:
    """The same person as several leads, in another spelling of the name or without one."""
    shop = scene.shop
    ids = [
        await shop.pool.fetchval(
            "insert into leads (workspace_id, email, email_source, first_name, last_name)"
            " values ($1, 'ada@x.example', 'found', $2, $3) returning id",
            shop.workspace_id,
            *name,
        )
        for name in (("Ada", "Ng"), ("ADA", " ng"), (None, None), ("N/A", "N/A"))
    ]

    erased = await scene.erase(public_ids=[await public_id_of(scene, ids[0])])

    assert erased.leads == len(ids)
    assert await is_suppressed(scene, {"email": "ada@x.example"})


@pytest.mark.parametrize(
    ("other", "goes"),
    [
        ({}, True),
        ({"linkedin_url": "http://de.linkedin.com/in/U0/"}, True),
        ({"linkedin_url": "http://linkedin.com/in/u0", "email": "u1@m1.example"}, True),
        ({"linkedin_url": "N/A"}, True),
        ({"email": "info@acme.example"}, True),
        ({"linkedin_url": "https://linkedin.com/in/u1"}, False),
        ({"email": "u1@m1.example"}, False),
    ],
)
async def test_a_namesake_who_is_shown_to_be_another_stays(
    scene: Scene, other: dict[str, Any], *, goes: bool
) -> None:
    """By a profile or an own address of his, with every lookup; he may not be looked up, though."""
    shop = scene.shop
    _, public_id = await scene.add(
        **NAMED, email="u0@m0.example", linkedin_url="https://linkedin.com/in/u0"
    )
    source = "given" if "email" in other else None
    other_id = await shop.pool.fetchval(
        "insert into leads (workspace_id, first_name, last_name, company_name, email,"
        " email_source, linkedin_url) values ($1, 'John', 'Smith', 'Acme', $2, $3, $4)"
        " returning id",
        shop.workspace_id,
        other.get("email"),
        source,
        other.get("linkedin_url"),
    )
    await shop.accept([other_id], skip_filled=False)
    claims = await shop.claim(await new_worker(shop.pool))
    await settle_lookups(shop.pool, [missing(each) for each in claims], PUBLICATION)

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, erased.lookups) == ((2, 1) if goes else (1, 0))
    assert await is_suppressed(scene, NAMED)


async def test_a_namesake_s_earlier_lookup_says_nothing_of_him(scene: Scene) -> None:
    """It was accepted before his profile was known; his lead shows him to be another."""
    shop = scene.shop
    _, public_id = await scene.add(
        **NAMED, email="u0@m0.example", linkedin_url="https://linkedin.com/in/u0"
    )
    other_id = await shop.pool.fetchval(
        "insert into leads (workspace_id, first_name, last_name, company_name)"
        " values ($1, 'John', 'Smith', 'Acme') returning id",
        shop.workspace_id,
    )
    await shop.accept([other_id])
    await shop.pool.execute(
        "update leads set linkedin_url = 'https://linkedin.com/in/u1' where id = $1", other_id
    )

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, erased.lookups) == (1, 0)

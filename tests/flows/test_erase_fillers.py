"""Erasing somebody whose row has a placeholder in it: nobody else goes who has the same one."""

from dataclasses import replace
from typing import Final

import pytest

from service.domain.lead_input import LeadInput
from service.domain.outcome import OutcomeName
from service.domain.suppression import OPTED_OUT
from service.flows.create_list import create_list
from service.flows.import_leads import import_leads
from service.flows.settle_lookups import settle_lookups
from service.store.memory import remember
from tests.flows.test_erase_people import remembered
from tests.flows.test_erase_spellings import Scene, scene
from tests.flows.test_erase_twins import is_suppressed
from tests.flows.workshop import PUBLICATION, missing, new_worker

__all__ = ["scene"]

PEOPLE: Final = 5


async def bring_in(scene: Scene, header: str, row: str) -> None:
    """Import people whose rows differ in their number alone."""
    shop = scene.shop
    people = await create_list(shop.pool, shop.workspace_id, "people", "PEOPLE")
    lines = [f"{header}\n", *(f"{row.replace('#', str(n))}\n" for n in range(PEOPLE))]
    report = await import_leads(shop.pool, shop.workspace_id, people.id, lines)
    assert report.imported == PEOPLE


@pytest.mark.parametrize(
    "filler",
    [
        *("N/A", "-", "null", "unknown", "https://www.linkedin.com"),
        *("https://www.linkedin.com/in/", "https://www.linkedin.com/feed/"),
    ],
)
async def test_a_placeholder_for_a_profile_names_nobody(scene: Scene, filler: str) -> None:
    """One of many who have it goes, and whoever comes with it is not suppressed."""
    await bring_in(
        scene,
        "first_name,last_name,company_name,email,linkedin_url",
        f"First#,Last#,Company #,p#@c#.example,{filler}",
    )

    erased = await scene.erase(emails=["p0@c0.example"])

    assert erased.leads == 1
    assert not await is_suppressed(scene, {"linkedin_url": filler})


@pytest.mark.parametrize(
    "named",
    [
        *("N/A,N/A,N/A", "-,-,-", "Unknown,Unknown,Unknown", "NA,NA,Acme"),
        *("John,Smith,Self-employed", "John,Smith,Freelance", "Maria,Garcia,N/A"),
    ],
)
async def test_a_placeholder_for_a_name_or_a_company_names_nobody(scene: Scene, named: str) -> None:
    """Neither do those go who have no company, or no name, in the same words."""
    await bring_in(scene, "first_name,last_name,company_name,email", f"{named},p#@c#.example")

    erased = await scene.erase(emails=["p0@c0.example"])

    first, last, company = named.split(",")
    other = {"first_name": first, "last_name": last, "company_name": company}
    assert erased.leads == 1
    assert not await is_suppressed(scene, other)


async def test_a_vendor_s_refusal_of_one_suppresses_no_others(scene: Scene) -> None:
    """A 451 holds in all workspaces, so it must not hold for everybody with a placeholder."""
    shop = scene.shop
    lead_id, _ = await scene.add(email="p0@c0.example", linkedin_url="N/A")
    await shop.accept([lead_id], skip_filled=False)
    (claim,) = await shop.claim(await new_worker(shop.pool))
    refused = replace(missing(claim), outcome=OutcomeName.REJECTED_INPUT, reason=OPTED_OUT)

    await settle_lookups(shop.pool, [refused], PUBLICATION, scene.suppressions)

    assert await is_suppressed(scene, {"email": "p0@c0.example"})
    assert not await is_suppressed(scene, {"linkedin_url": "N/A"})


async def test_what_is_remembered_of_others_with_a_placeholder_stays(scene: Scene) -> None:
    """Nor is anything kept from being remembered of them afterwards."""
    other = replace(remembered(LeadInput(linkedin_url="N/A")), value={"email": "b@b.example"})
    async with scene.shop.pool.acquire() as connection:
        await remember(connection, [other])
    await scene.add(email="p0@c0.example", linkedin_url="N/A")

    erased = await scene.erase(emails=["p0@c0.example"])

    async with scene.shop.pool.acquire() as connection:
        assert await scene.suppressions.rememberable(connection, [other]) == [other]
    assert (erased.leads, erased.answers) == (1, 0)

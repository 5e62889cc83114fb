"""Erasing a person who is several leads: whoever is suppressed from then on is erased as well."""

from typing import Any, Final

import pytest

from providers.registry import all_providers
from service.domain.lead_input import LeadInput
from service.flows.audit import audit
from service.flows.settle_lookups import settle_lookups
from tests.flows.test_erase_people import LEASE, traces_of
from tests.flows.test_erase_spellings import Scene, scene
from tests.flows.workshop import PUBLICATION, found, missing, new_worker

__all__ = ["scene"]

EMAIL: Final = "zdenka@brightwater.example"
PERSON: Final = {
    "email": EMAIL,
    "first_name": "Zd\u00e9nka",
    "last_name": "Quillfeather",
    "company_domain": "brightwater.example",
    "linkedin_url": "https://www.linkedin.com/in/zdenka-%C3%B6-q1",
}
WORDS: Final = ("quillfeather", "zdenka")

BY_PROFILE: Final[list[dict[str, Any]]] = [
    {"linkedin_url": "https://www.linkedin.com/in/zdenka-%C3%B6-q1"},
    {"linkedin_url": "http://de.linkedin.com/in/Zdenka-%c3%96-Q1/?utm=2"},
    {"linkedin_url": "linkedin.com/in/zdenka-\u00f6-q1"},
    {"linkedin_url": "https://linkedin.com/in/ZDENKA-\u00d6-Q1"},
    {"linkedin_url": "https://linkedin.com/in/zdenka-o\u0308-q1"},
    {"linkedin_url": "https://linkedin.com/in/zdenka-o%CC%88-q1"},
    {"linkedin_url": "https://linkedin.com/in/zden%6Ba-%C3%B6-q1"},
    {"linkedin_url": "https://linkedin.com/in/%5Adenka-\u00d6-%71%31"},
    {"linkedin_url": "https://linkedin.com/in%2Fzdenka-\u00f6-q1%2f"},
]
BY_NAME: Final[list[dict[str, Any]]] = [
    {
        "first_name": first,
        "last_name": "QUILLFEATHER",
        "company_domain": "https://www.Brightwater.example/about",
    }
    for first in ("zd\u00e9nka", "ZD\u00c9NKA", "Zde\u0301nka")
]
OTHERS: Final[list[dict[str, Any]]] = [
    {"linkedin_url": "https://www.linkedin.com/in/zdenka-a-q1"},
    {"linkedin_url": "https://www.linkedin.com/company/zdenka-%C3%B6-q1"},
    {"first_name": "Zd\u00e9nka", "last_name": "Quillfeather", "company_domain": "else.example"},
    {"first_name": "Zd\u00e9nka", "last_name": "Quill", "company_domain": "brightwater.example"},
    {"first_name": "Zd\u00e9nka", "last_name": "Quillfeather"},
]


async def add(scene: Scene, lead: dict[str, Any]) -> tuple[int, str]:
    """Add a lead, its address as a given one if it has any."""
    row = await scene.shop.pool.fetchrow(
        "insert into leads (workspace_id, email_source, first_name, last_name, company_domain,"
        " linkedin_url, email)"
        " values ($1, case when $6::text is null then null else 'given' end, $2, $3, $4, $5, $6)"
        " returning id, public_id",
        scene.shop.workspace_id,
        *map(lead.get, ("first_name", "last_name", "company_domain", "linkedin_url", "email")),
    )
    return row["id"], row["public_id"]


async def is_suppressed(scene: Scene, lead: dict[str, Any]) -> bool:
    """Whether nobody may look up such a lead."""
    async with scene.shop.pool.acquire() as connection:
        asked = [(scene.shop.workspace_id, LeadInput.from_row(lead))]
        return bool(await scene.suppressions.find(connection, asked))


@pytest.mark.parametrize("twin", [*BY_PROFILE, *BY_NAME])
@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_twin_goes_with_everything_of_it(
    scene: Scene, twin: dict[str, Any], *, is_deleted: bool
) -> None:
    """With the same profile, or name and company, in any spelling; deleted or not."""
    _, public_id = await add(scene, PERSON)
    twin_id, _ = await add(scene, twin)
    await scene.shop.accept([twin_id], webhook_url="https://hooks.example.net/s", lead_events=True)
    (claim,) = await scene.shop.claim(await new_worker(scene.shop.pool))
    await settle_lookups(scene.shop.pool, [found(claim, "zdenka@second.example")], PUBLICATION)
    await scene.shop.pool.execute("delete from leads where id = $1 and $2", twin_id, is_deleted)

    erased = await scene.erase(public_ids=[public_id])

    assert await traces_of(scene.shop.pool, WORDS) == set()
    assert (erased.leads, erased.lookups) == (1 if is_deleted else 2, 1)
    assert await is_suppressed(scene, {"email": "zdenka@second.example"})
    assert (await audit(scene.shop.pool, all_providers(), LEASE)).clean


@pytest.mark.parametrize("other", OTHERS)
async def test_whoever_is_not_suppressed_stays(scene: Scene, other: dict[str, Any]) -> None:
    """Likeness is not enough: another letter of the profile, another company, another name."""
    _, public_id = await add(scene, PERSON)
    other_id, _ = await add(scene, other)
    await scene.shop.accept([other_id])

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, erased.lookups) == (1, 0)
    assert not await is_suppressed(scene, other)


async def test_an_erasure_by_address_finds_the_twin(scene: Scene) -> None:
    """The lead that has the address tells the profile that the twin has."""
    await add(scene, PERSON)
    await add(scene, BY_PROFILE[1])

    erased = await scene.erase(emails=[EMAIL])

    assert erased.leads == 2


async def test_a_former_name_finds_the_twin(scene: Scene) -> None:
    """What only an earlier lookup says of the person, who has another name now, is enough."""
    lead_id, public_id = await add(scene, {**PERSON, "last_name": "Earlier"})
    await add(scene, {**BY_NAME[0], "last_name": "Earlier"})
    await scene.shop.accept([lead_id], skip_filled=False)
    (claim,) = await scene.shop.claim(await new_worker(scene.shop.pool))
    await settle_lookups(scene.shop.pool, [missing(claim)], PUBLICATION)
    await scene.shop.pool.execute(
        "update leads set last_name = 'Quillfeather' where id = $1", lead_id
    )

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, await traces_of(scene.shop.pool, ["earlier"])) == (2, set())


async def test_a_shared_mailbox_suppresses_nobody(scene: Scene) -> None:
    """Colleagues who have the role address of the erased may be looked up as before."""
    shared = {"email": "info@brightwater.example"}
    _, public_id = await add(scene, {**PERSON, **shared})

    await scene.erase(public_ids=[public_id])

    assert not await is_suppressed(scene, shared)
    assert await is_suppressed(scene, BY_NAME[0])


async def test_a_twin_elsewhere_is_left_alone(scene: Scene) -> None:
    """Another workspace's lead of the same person is that workspace's to erase."""
    _, public_id = await add(scene, PERSON)
    other = await scene.shop.pool.fetchval(
        "insert into workspaces (public_id, name) values (leadfall_object_id(), 'other')"
        " returning id"
    )
    await scene.shop.pool.execute(
        "insert into leads (workspace_id, first_name, last_name, company_domain, linkedin_url)"
        " values ($1, $2, $3, $4, $5)",
        other,
        *(PERSON[name] for name in ("first_name", "last_name", "company_domain", "linkedin_url")),
    )

    erased = await scene.erase(public_ids=[public_id])

    assert erased.leads == 1
    assert await scene.shop.pool.fetchval("select count(*) from leads") == 1


SHARP: Final = {
    "email": "p@bright.example",
    "first_name": "Anna Maria",
    "last_name": "Wei\u00df",
    "company_domain": "bright.example",
    "linkedin_url": "https://www.linkedin.com/in/anna-wei\u00df-1",
}


LIKE_SHARP: Final[list[dict[str, Any]]] = [
    {"first_name": "Anna Maria", "last_name": "Weiss"},
    {"first_name": "ANNA MARIA", "last_name": "WEISS"},
    {"first_name": "Anna Maria", "last_name": "WEI\u1e9e"},
    {"first_name": "Anna  Maria", "last_name": "Wei\u00df"},
    {"first_name": "Anna\u00a0Maria", "last_name": "Wei\u00df "},
    {"first_name": " Anna\tMaria", "last_name": "Wei\u00df"},
    {"first_name": "Anna\u2028Maria", "last_name": "\u1680Wei\u00df\u205f"},
    {"linkedin_url": "https://www.linkedin.com/in/anna-weiss-1"},
    {"linkedin_url": "https://www.linkedin.com/in/ANNA-WEI%C3%9F-1"},
]


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("twin", LIKE_SHARP)
async def test_letters_and_blanks_that_count_as_one(
    scene: Scene, twin: dict[str, Any], *, is_first: bool
) -> None:
    """A sharp s and two, one blank and several: who is suppressed for them is erased as well."""
    twin = {**twin, "company_domain": None if "linkedin_url" in twin else "bright.example"}
    asked, other = (twin, SHARP) if is_first else (SHARP, twin)
    _, public_id = await add(scene, asked)
    await add(scene, other)

    erased = await scene.erase(public_ids=[public_id])

    assert await is_suppressed(scene, other)
    assert erased.leads == 2


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("twin", LIKE_SHARP)
async def test_they_count_as_one_where_the_lead_is_deleted(
    scene: Scene, twin: dict[str, Any], *, is_first: bool
) -> None:
    """All that tells of it then is what its lookup was accepted with."""
    twin = {**twin, "company_domain": None if "linkedin_url" in twin else "bright.example"}
    asked, other = (twin, SHARP) if is_first else (SHARP, twin)
    _, public_id = await add(scene, asked)
    other_id, _ = await add(scene, other)
    await scene.shop.accept([other_id], skip_filled=False)
    await scene.shop.pool.execute("delete from leads where id = $1", other_id)

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, erased.lookups) == (1, 1)

"""Erasing people whose addresses are spelled otherwise: the domain in Unicode or in ASCII."""

import json
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest
from cryptography.fernet import Fernet

from providers.registry import all_providers
from service.domain.claim import ToRemember
from service.domain.lead_input import LeadInput
from service.domain.outcome import OutcomeName
from service.domain.question import person_of
from service.edges.secret_box import SecretBox
from service.flows.audit import audit
from service.flows.erase_people import Erased, erase_people
from service.flows.settle_lookups import settle_lookups
from service.flows.suppress_people import SuppressionList
from service.store.memory import remember
from tests.flows.test_erase_people import LEASE, traces_of
from tests.flows.workshop import (
    PUBLICATION,
    TYPES,
    Workshop,
    found,
    missing,
    new_worker,
    open_workshop,
)

HOOK: Final = "https://hooks.example.net/s"
UNICODE: Final = "ada@m\u00fcller.example"
CAPITAL: Final = "ada@M\u00dcLLER.example"
ASCII: Final = "ada@xn--mller-kva.example"
# As a database without a locale lowers them, and as an answer in JSON or bytes may show them.
ANY: Final = (
    *("m\u00fcller", "m\u00dcller", "xn--mller"),
    *("m\\303\\274ller", "m\\303\\234ller", "m\\\\u00fcller", "m\\\\u00dcller"),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """A workspace, and what keeps who is suppressed."""

    shop: Workshop
    suppressions: SuppressionList

    async def add(self, **lead: Any) -> tuple[int, str]:
        """Add a lead with these columns; return both ids."""
        names = [f"{name}" for name in lead]
        row = await self.shop.pool.fetchrow(
            f"insert into leads (workspace_id, email_source, {', '.join(names)}) values"
            f" ($1, 'given', {', '.join(f'${n}' for n in range(2, len(names) + 2))})"
            " returning id, public_id",
            self.shop.workspace_id,
            *lead.values(),
        )
        return row["id"], row["public_id"]

    async def erase(self, **whom: Any) -> Erased:
        """Erase somebody."""
        return await erase_people(
            self.shop.pool, self.shop.workspace_id, self.suppressions, PUBLICATION, **whom
        )


@pytest.fixture
async def scene(pool: asyncpg.Pool) -> Scene:
    """An empty workspace."""
    box = SecretBox([Fernet.generate_key().decode()])
    return Scene(await open_workshop(pool), SuppressionList(box))


@pytest.mark.parametrize("asked", [UNICODE, CAPITAL, ASCII])
@pytest.mark.parametrize("kept", [UNICODE, CAPITAL, ASCII])
async def test_one_address_is_found_in_every_spelling(scene: Scene, kept: str, asked: str) -> None:
    """Whether a lead has it, a lookup found it, or metadata, memory or a receiver tells of it."""
    shop, pool = scene.shop, scene.shop.pool
    person, _ = await scene.add(email=kept)
    (other,) = await shop.add_leads(1)
    await shop.accept([person], webhook_url=HOOK, lead_events=True, skip_filled=False)
    await shop.accept(
        [other], job_types=(TYPES["email"],), skip_filled=False, metadata={"by": kept}
    )
    claims = await shop.claim(await new_worker(pool))
    ends = [found(each, kept) if each.lead_id == person else missing(each) for each in claims]
    await settle_lookups(pool, ends, PUBLICATION)
    async with pool.acquire() as connection:
        await remember(connection, [remembered(LeadInput(email=kept)), remembered_value(kept)])

    erased = await scene.erase(emails=[asked])

    assert await traces_of(pool, ANY) == set()
    assert (erased.leads, erased.lookups, erased.answers) == (1, 1, 2)
    assert (await audit(pool, all_providers(), LEASE)).clean


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (f"for {UNICODE}", ASCII),
        (f"for {CAPITAL}", ASCII),
        (json.dumps(UNICODE), UNICODE),
        (json.dumps(CAPITAL).upper().replace("U00", "u00"), ASCII),
        (f"for {ASCII}", UNICODE),
    ],
)
async def test_what_a_receiver_says_of_them_goes(scene: Scene, answer: str, asked: str) -> None:
    """An answer to an event about somebody else, in bytes or in JSON that escapes its letters."""
    shop, pool = scene.shop, scene.shop.pool
    await shop.accept(await shop.add_leads(1), webhook_url=HOOK)
    claims = await shop.claim(await new_worker(pool))
    await settle_lookups(pool, [missing(each) for each in claims], PUBLICATION)
    await pool.execute(
        "insert into attempts (event_id, endpoint_id, number, started_at, duration_ms, class,"
        " decision, answer, body_sha256) select event_id, endpoint_id, n, leadfall_now(), 1,"
        " 'receiver_fault', 'due', convert_to(answer, 'UTF8'), ''"
        " from deliveries, unnest($1::text[]) with ordinality as a(answer, n)",
        [answer, "for bo@m\u00fcllers.example"],
    )

    await scene.erase(emails=[asked])

    kept = await pool.fetch("select number from attempts where answer is not null")
    assert [row["number"] for row in kept] == [2]


@pytest.mark.parametrize(("kept", "asked"), [(UNICODE, ASCII), (ASCII, UNICODE)])
async def test_nothing_is_remembered_of_them_afterwards(
    scene: Scene, kept: str, asked: str
) -> None:
    """An answer that comes later is about a suppressed person, however it spells the address."""
    await scene.erase(emails=[asked])

    async with scene.shop.pool.acquire() as connection:
        answers = [remembered(LeadInput(email=kept))]
        rememberable = await scene.suppressions.rememberable(connection, answers)

    assert rememberable == []


@pytest.mark.parametrize(("kept", "asked"), [(UNICODE, ASCII), (ASCII, UNICODE)])
async def test_lookups_of_a_deleted_lead_are_found(scene: Scene, kept: str, asked: str) -> None:
    """A lead that is no more is known by its address in either spelling."""
    person, _ = await scene.add(email=kept)
    await scene.shop.accept([person], skip_filled=False)
    await scene.shop.pool.execute("delete from leads")

    erased = await scene.erase(emails=[asked])

    assert erased.lookups == 1
    assert await traces_of(scene.shop.pool, ANY) == set()


def remembered(lead: LeadInput) -> ToRemember:
    """Return an answer about a person, which names nobody."""
    return ToRemember(
        b"about", 0, "leadmagic", "find_phone", person_of(lead), OutcomeName.MISSING, None, 30
    )


def remembered_value(email: str) -> ToRemember:
    """Return an answer about somebody else, with this address."""
    lead, value = LeadInput(email="else@x.example"), {"email": email}
    return ToRemember(
        b"with", 0, "leadmagic", "find_email", person_of(lead), OutcomeName.FOUND, value, 30
    )

"""Erasing people: nothing of them is left anywhere, and amounts are."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest
from cryptography.fernet import Fernet

from providers.registry import all_providers
from service.domain.claim import Answer, Claim, Settlement, ToRemember
from service.domain.lead_input import LeadInput
from service.domain.outcome import OutcomeName
from service.domain.question import person_of
from service.edges.secret_box import SecretBox
from service.errors import SuppressionsUnreadable
from service.flows.audit import audit
from service.flows.erase_people import Erased, erase_people
from service.flows.recorder import Recorder
from service.flows.settle_lookups import settle_lookups
from service.flows.suppress_people import SuppressionList
from service.store.calls import Note
from service.store.deliveries import claim
from service.store.memory import remember
from tests.flows.workshop import PUBLICATION, TYPES, Workshop, missing, new_worker, open_workshop

HOOK = "https://hooks.example.net/s"
BOX = SecretBox([Fernet.generate_key().decode()])
LEASE = timedelta(seconds=5)
GIVEN = "Zdenka.Quillfeather@Brightwater.example"
FOUND = "z.quillfeather@found.example"
PERSON = ("quillfeather", "zdenka", "+4915112345678", "in/zdenka-q")
LEAD = LeadInput(
    first_name="Zdenka",
    last_name="Quillfeather",
    company_domain="brightwater.example",
    linkedin_url="https://www.linkedin.com/in/zdenka-q",
    email=GIVEN.lower(),
)

COLUMNS = """
    select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p') and not c.relispartition
      and c.relnamespace = 'public'::regnamespace
      and format_type(a.atttypid, a.atttypmod)
          = any(array['text', 'text[]', 'json', 'jsonb', 'bytea', 'character varying'])
"""


async def traces_of(pool: asyncpg.Pool, words: Sequence[str]) -> set[tuple[str, str, str]]:
    """Search every text, JSON and byte column of every table for words, in any case."""
    found = set()
    for column in await pool.fetch(COLUMNS):
        name = f'"{column["column"]}"'
        text = f"encode({name}, 'escape')" if column["type"] == "bytea" else f"{name}::text"
        for word in words:
            if await pool.fetchval(
                f"select exists (select from {column['table']}"
                f" where position($1 in lower({text})) > 0)",
                word,
            ):
                found.add((column["table"], column["column"], word))
    return found


@dataclass
class Scene:
    """A workspace in which one person has left traces of every sort beside another person."""

    shop: Workshop
    person: int
    person_public_id: str
    other: int
    suppressions: SuppressionList

    @property
    def pool(self) -> asyncpg.Pool:
        return self.shop.pool

    async def erase(self, **whom: Any) -> Erased:
        """Erase somebody of the workspace."""
        return await erase_people(
            self.pool, self.shop.workspace_id, self.suppressions, PUBLICATION, **whom
        )

    async def is_clean(self) -> bool:
        """Whether the audit finds nothing."""
        return (await audit(self.pool, all_providers(), LEASE)).clean


def settled(claim: Claim, person: int) -> Settlement:
    """Find an address for the person, and one for anybody else."""
    email = FOUND if claim.lead_id == person else "other@found.example"
    return Settlement(claim, OutcomeName.FOUND, {"email": email, "verdict": "deliverable"})


@pytest.fixture
async def scene(pool: asyncpg.Pool) -> Scene:
    """A finished job with a trace, events, an attempt and memory, and a job that is still open."""
    shop = await open_workshop(pool)
    (other,) = await shop.add_leads(1)
    person, public_id = await pool.fetchrow(
        "insert into leads (workspace_id, first_name, last_name, company_domain, linkedin_url,"
        " email, email_source, email_parses, email_verdict, phone, phone_e164, custom_fields)"
        " values ($1, 'Zdenka', 'Quillfeather', 'brightwater.example',"
        " 'https://www.linkedin.com/in/zdenka-q', $2, 'given', true, 'undeliverable',"
        " '+49 151 12345678', '+4915112345678', '{\"nick\": \"Zdenka\"}') returning id, public_id",
        shop.workspace_id,
        GIVEN.lower(),
    )
    await shop.accept([person, other], webhook_url=HOOK, lead_events=True, skip_filled=False)
    claims = await shop.claim(await new_worker(pool))
    await pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, outcome, value, question,"
        " intended_at, answered_at) select k.id, 0, 'leadmagic', 1, 'found', $1, 'q', now(), now()"
        " from lookups k where lead_id = $2",
        {"email": FOUND},
        person,
    )
    await settle_lookups(pool, [settled(each, person) for each in claims], PUBLICATION)
    await pool.execute(
        "insert into attempts (event_id, endpoint_id, number, started_at, duration_ms, class,"
        " decision, answer, body_sha256) select event_id, endpoint_id, 1, leadfall_now(), 1,"
        " 'receiver_fault', 'due', convert_to('thanks for ' || $1, 'UTF8'), '' from deliveries",
        FOUND,
    )
    async with pool.acquire() as connection:
        await remember(connection, [remembered(LEAD)])
    await shop.accept(
        [person, other],
        job_types=(TYPES["phoneEnrichment"],),
        price=20,
        webhook_url=HOOK,
        metadata={"asked_by": GIVEN},
        skip_filled=False,
    )
    return Scene(shop, person, public_id, other, SuppressionList(BOX))


def remembered(lead: LeadInput) -> ToRemember:
    """Return an answer about a person."""
    return ToRemember(
        b"question-" + (lead.email or "").encode(),
        0,
        "leadmagic",
        "find_email",
        person_of(lead),
        OutcomeName.FOUND,
        {"email": FOUND},
        30,
    )


@pytest.mark.parametrize("by", ["lead", "email", "email in another case", "found email"])
async def test_nothing_of_the_person_is_left_anywhere(scene: Scene, by: str) -> None:
    """No text, JSON or byte column of any table holds a name, an address, a number or a profile."""
    whom = {
        "lead": {"public_ids": [scene.person_public_id]},
        "email": {"emails": [GIVEN.lower()]},
        "email in another case": {"emails": [GIVEN.upper()]},
        "found email": {"emails": [FOUND]},
    }[by]
    await scene.pool.execute(
        "update leads set email = $2 where id = $1 and $3",
        scene.person,
        GIVEN.lower(),
        by.startswith("email"),
    )
    before = await traces_of(scene.pool, [*PERSON, FOUND])

    erased = await scene.erase(**whom)

    assert {"leads", "lookups", "calls", "events", "attempts", "remembered_answers", "jobs"} == {
        table for table, _, _ in before
    }
    assert await traces_of(scene.pool, [*PERSON, FOUND, GIVEN.lower()]) == set()
    assert (erased.leads, erased.lookups, erased.refunded, erased.answers) == (1, 2, 20, 1)
    assert await scene.is_clean()


async def test_no_hash_of_a_question_about_the_person_is_left(scene: Scene) -> None:
    """Whoever has a copy of the database could try likely people against it."""
    assert await scene.pool.fetchval("select count(question) from calls") > 0

    await scene.erase(public_ids=[scene.person_public_id])

    assert await scene.pool.fetchval("select count(question) from calls") == 0


async def test_the_other_person_keeps_everything(scene: Scene) -> None:
    """Only bodies that held the erased person go; the other one's event and rows stay."""
    await scene.erase(public_ids=[scene.person_public_id])

    kept = await scene.pool.fetch(
        "select convert_from(payload, 'UTF8')::json as body from events"
        " where type = 'lead.enriched' and payload <> ''"
    )
    assert [event["body"]["data"]["id"] for event in kept] == [scene.other]
    rows = await scene.pool.fetch(
        "select 1 from lookups where lead_id = $1 and input->>'first_name' = 'Nadia'", scene.other
    )
    assert len(rows) == 2


async def test_open_lookups_are_refunded_and_the_last_event_is_without_the_row(
    scene: Scene,
) -> None:
    """The unfinished job ends with the other lead's row alone, and tells once."""
    balance = await scene.shop.balance()

    await scene.erase(public_ids=[scene.person_public_id])
    assert balance + 20 == await scene.shop.balance()
    (claim_left,) = await scene.shop.claim(await new_worker(scene.pool))
    await settle_lookups(scene.pool, [missing(claim_left)], PUBLICATION)

    job = await scene.pool.fetchrow("select * from jobs where face = 'sendkit'")
    assert (job["rejected_count"], job["missing_count"], job["refunded"]) == (1, 1, 40)
    (event,) = await scene.pool.fetch(
        "select * from events where aggregateid = $1 and type like 'enrichment.c%'",
        job["public_id"],
    )
    assert len(orjson.loads(event["payload"])["data"]["results"]) == 1
    assert await scene.is_clean()


async def test_a_job_of_nobody_else_ends_at_once(scene: Scene) -> None:
    """When the erased person was the last one open, the job tells so in the same moment."""
    (alone,) = await scene.pool.fetch(
        "insert into leads (workspace_id, first_name, last_name, company_domain) values"
        " ($1, 'Ottoline', 'Grimsditch', 'x.example') returning id, public_id",
        scene.shop.workspace_id,
    )
    await scene.shop.accept([alone["id"]], webhook_url=HOOK)

    await scene.erase(public_ids=[alone["public_id"]])

    events = await scene.pool.fetch(
        "select convert_from(payload, 'UTF8')::json as body from events"
        " where type = 'enrichment.failed' and payload <> ''"
    )
    assert [event["body"]["data"]["results"] for event in events] == [[]]
    assert await traces_of(scene.pool, ["grimsditch"]) == set()
    assert await scene.is_clean()


async def test_due_deliveries_close_as_erased_and_are_never_sent(scene: Scene) -> None:
    """What was due, parked or just being sent is withdrawn; the event has no body any more."""
    erased = await scene.erase(public_ids=[scene.person_public_id])

    rows = await scene.pool.fetch(
        "select d.event_type, d.state, d.reason, e.payload from deliveries d"
        " join events e on e.id = d.event_id where d.state = 'withdrawn' order by 1"
    )
    assert [(row["event_type"], row["reason"], row["payload"]) for row in rows] == [
        ("enrichment.completed", "erased", b""),
        ("lead.enriched", "erased", b""),
    ]
    assert erased.deliveries == 2
    endpoint = await scene.pool.fetchval("select id from endpoints")
    async with scene.pool.acquire() as connection:
        claimed = await claim(connection, await new_worker(scene.pool), {endpoint: 10})
    assert [scene.other] == [orjson.loads(each.payload or b"")["data"]["id"] for each in claimed]


async def test_repeating_an_erasure_changes_nothing(scene: Scene) -> None:
    """The second one finds nobody; no refund and no event comes twice."""
    await scene.erase(public_ids=[scene.person_public_id], emails=[GIVEN])
    before = await scene.pool.fetch("select * from ledger order by id")

    again = await scene.erase(public_ids=[scene.person_public_id], emails=[GIVEN])

    assert again == Erased()
    assert before == await scene.pool.fetch("select * from ledger order by id")


async def test_an_erasure_that_was_broken_off_goes_on(scene: Scene) -> None:
    """Leads go last: whatever was done before a crash, repeating it leaves nothing."""
    await scene.pool.execute(
        "create function refuse() returns trigger language plpgsql"
        " as $$ begin raise exception 'broken off'; end $$;"
        "create trigger refuse before delete on leads execute function refuse()"
    )
    with pytest.raises(asyncpg.RaiseError):
        await scene.erase(public_ids=[scene.person_public_id])
    await scene.pool.execute("drop trigger refuse on leads")
    assert await scene.is_clean()

    erased = await scene.erase(public_ids=[scene.person_public_id])

    assert erased.leads == 1
    assert await traces_of(scene.pool, [*PERSON, FOUND]) == set()
    assert await scene.is_clean()


async def test_what_is_under_way_brings_nobody_back(scene: Scene) -> None:
    """A worker that held the lookup cannot settle it, nor write its answer, note or memory."""
    worker = await new_worker(scene.pool)
    claims = {each.lead_id: each for each in await scene.shop.claim(worker)}
    held = claims[scene.person]
    await scene.pool.execute(
        "insert into calls (lookup_id, step, provider, epoch, intended_at)"
        " values ($1, 0, 'leadmagic', $2, now())",
        held.lookup_id,
        held.epoch,
    )

    await scene.erase(public_ids=[scene.person_public_id])
    value = {"email": FOUND, "phone": "+4915112345678"}
    settling = Settlement(held, OutcomeName.FOUND, value)
    counted = await settle_lookups(scene.pool, [settling], PUBLICATION, scene.suppressions)
    late = Answer(
        held.lookup_id, 0, held.epoch, OutcomeName.FOUND, value, keep=remembered(held.lead)
    )
    note = Note(held.lookup_id, 1, held.epoch, "enrow", OutcomeName.FOUND, value=value)
    recorder = Recorder(scene.pool, LEASE, scene.suppressions)
    recorder.answers.add(late)
    recorder.notes.add(note)
    await recorder.drain()

    assert counted == 0
    assert await traces_of(scene.pool, [*PERSON, FOUND]) == set()
    assert await scene.is_clean()


async def test_erasing_while_workers_settle_ends_well(scene: Scene) -> None:
    """An erasure beside settles of the same jobs neither deadlocks nor loses a credit."""
    leads = await scene.shop.add_leads(40)
    await scene.shop.accept([*leads, scene.person])
    claims = await scene.shop.claim(await new_worker(scene.pool))

    results = await asyncio.gather(
        *(
            settle_lookups(scene.pool, list(map(missing, claims[n::6])), PUBLICATION)
            for n in range(6)
        ),
        scene.erase(public_ids=[scene.person_public_id]),
    )

    assert isinstance(results[-1], Erased)
    assert await traces_of(scene.pool, [*PERSON, FOUND]) == set()
    assert await scene.is_clean()


async def test_without_keys_nothing_is_done(scene: Scene) -> None:
    """An erasure that could not suppress the person refuses before it removes anything."""
    before = await traces_of(scene.pool, PERSON)

    with pytest.raises(SuppressionsUnreadable):
        await erase_people(
            scene.pool,
            scene.shop.workspace_id,
            SuppressionList(None),
            PUBLICATION,
            emails=[GIVEN],
        )

    assert before == await traces_of(scene.pool, PERSON)


async def test_another_workspace_is_left_alone(scene: Scene) -> None:
    """The same address in another workspace is another tenant's to erase."""
    neighbour = await open_workshop(scene.pool)
    await scene.pool.execute(
        "insert into leads (workspace_id, email, email_source) values ($1, $2, 'given')",
        neighbour.workspace_id,
        GIVEN.lower(),
    )

    await scene.erase(emails=[GIVEN])

    kept = await scene.pool.fetch(
        "select 1 from leads where workspace_id = $1", neighbour.workspace_id
    )
    assert len(kept) == 1
    assert await traces_of(scene.pool, [GIVEN.lower()]) == {
        ("leads", "email", GIVEN.lower()),
        ("leads", "search_text", GIVEN.lower()),
    }


async def test_expired_jobs_that_are_not_swept_yet_are_looked_through(scene: Scene) -> None:
    """Lookups on their way out are emptied like all others."""
    await scene.pool.execute(
        "insert into expired_jobs (id, public_id, workspace_id, face, type, kind, lookup_count,"
        " charged, refunded, created_at, finished_at, expired_at)"
        " select id, public_id, workspace_id, face, type, kind, lookup_count, charged, refunded,"
        " created_at, $1, now() from jobs where finished_at is not null",
        datetime(2020, 1, 1, tzinfo=UTC),
    )
    await scene.pool.execute("delete from jobs where finished_at is not null")

    erased = await scene.erase(public_ids=[scene.person_public_id])

    assert erased.lookups == 2
    assert await traces_of(scene.pool, [*PERSON, FOUND]) == set()


@pytest.mark.parametrize(
    "known",
    [
        {"first_name": "zdenka", "last_name": "Qui\u0301llfeather", "company_domain": "x.example"},
        {"linkedin_url": "https://www.linkedin.com/in/zdenka-q"},
        {"email": GIVEN},
    ],
)
async def test_what_was_remembered_for_others_goes_too(scene: Scene, known: dict[str, str]) -> None:
    """Of whom others know less or more, or write otherwise, nothing stays in memory."""
    await scene.pool.execute(
        "update leads set first_name = 'Zdenka', last_name = $2, company_domain = 'x.example'"
        " where id = $1",
        scene.person,
        "Qu\u00edllfeather",
    )
    answer = replace(remembered(LeadInput(**known)), value={"phone": "+4930123456"})
    async with scene.pool.acquire() as connection:
        await remember(connection, [answer])

    await scene.erase(public_ids=[scene.person_public_id])

    assert await scene.pool.fetchval("select count(*) from remembered_answers") == 0


async def test_an_answer_with_their_number_goes_too(scene: Scene) -> None:
    """It may have been given for somebody of whom this workspace knows nothing."""
    answer = replace(remembered(LeadInput(email="q@x.example")), value={"phone": "+4915112345678"})
    async with scene.pool.acquire() as connection:
        await remember(connection, [answer])

    await scene.erase(public_ids=[scene.person_public_id])

    assert await scene.pool.fetchval("select count(*) from remembered_answers") == 0

"""People on the suppression list: not looked up, not imported, not found by another way."""

import asyncio
import io
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from providers.registry import all_providers
from service import app
from service.domain.claim import Answer, Settlement, ToRemember
from service.domain.lead_input import LeadInput
from service.domain.outcome import OutcomeName
from service.domain.suppression import PersonHasher, SuppressionReason
from service.edges.secret_box import SecretBox
from service.errors import SuppressionsUnreadable
from service.flows.audit import audit
from service.flows.create_list import create_list
from service.flows.import_leads import BadRow, import_leads
from service.flows.keep_answers import keep_answers
from service.flows.reencrypt_secrets import reencrypt_secrets
from service.flows.settle_lookups import settle_lookups
from service.flows.suppress_people import SuppressionList
from service.settings import Settings
from service.store.calls import Intent, write_intents
from tests.flows.workshop import PUBLICATION, Workshop, new_worker, open_workshop

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
BOX = SecretBox([OLD])
LEASE = timedelta(seconds=30)
ADA = LeadInput(
    first_name="Ada",
    last_name="Ng",
    company_domain="x.example",
    linkedin_url="https://www.linkedin.com/in/ada-ng/",
    email="ada@x.example",
)
# Of José at x.example, with the pepper "pepper": what is on lists already must go on being found.
KEPT_OF_JOSE = "f3c1a79ecf1276fb5fd44649cfff67d81c5b8722b181eb52038fec432885f82f"


async def suppress(
    shop: Workshop, *leads: LeadInput, everywhere: bool = False, box: SecretBox = BOX
) -> SuppressionList:
    """Put people on the list."""
    suppressions = SuppressionList(box)
    workspace_id = 0 if everywhere else shop.workspace_id
    async with shop.pool.acquire() as connection:
        await suppressions.add(
            connection, [(workspace_id, lead) for lead in leads], SuppressionReason.OPT_OUT
        )
    return suppressions


async def finds(
    suppressions: SuppressionList, workspace_id: int, pool: asyncpg.Pool, lead: LeadInput
) -> bool:
    """Whether the list has somebody."""
    async with pool.acquire() as connection:
        return bool(await suppressions.find(connection, [(workspace_id, lead)]))


@pytest.mark.parametrize(
    ("lead", "is_suppressed"),
    [
        (LeadInput(email="ADA@X.example "), True),
        (LeadInput(first_name="ada", last_name=" NG", company_domain="X.example"), True),
        (LeadInput(linkedin_url="http://linkedin.com/in/Ada-Ng?utm=1"), True),
        (LeadInput(linkedin_url="https://de.linkedin.com/in/ada-ng"), True),
        (LeadInput(email="ada@y.example"), False),
        (LeadInput(first_name="Ada", last_name="Ng"), False),
        (LeadInput(first_name="Ada", last_name="Ng", company_domain="y.example"), False),
        (LeadInput(), False),
    ],
)
async def test_a_person_is_known_by_address_profile_or_name_and_company(
    pool: asyncpg.Pool, lead: LeadInput, *, is_suppressed: bool
) -> None:
    """Any one of the three is enough, in any spelling; a name alone is not."""
    shop = await open_workshop(pool)
    suppressions = await suppress(shop, ADA)

    assert is_suppressed == await finds(suppressions, shop.workspace_id, pool, lead)


@pytest.mark.parametrize("suppressed", ["Jos\u00e9", "Jose\u0301"])
@pytest.mark.parametrize("first_name", ["Jos\u00e9", "JOSE\u0301"])
async def test_an_accent_hides_nobody(pool: asyncpg.Pool, suppressed: str, first_name: str) -> None:
    """A name is the same however its accents are written, and known by what was kept earlier."""
    shop = await open_workshop(pool)
    jose = LeadInput(first_name=suppressed, last_name="Ng", company_domain="x.example")
    suppressions = await suppress(shop, jose)

    wanted = replace(jose, first_name=first_name)

    assert await finds(suppressions, shop.workspace_id, pool, wanted)
    assert [each.hex() for each in PersonHasher(b"pepper").hashes_of(wanted)] == [KEPT_OF_JOSE]


@pytest.mark.parametrize(
    "path", ["j%C3%B6rg-m", "j\u00f6rg-m", "JO%cc%88RG-M/", "J%C3%96rg-m?a=%FF"]
)
async def test_a_profile_is_one_however_it_is_encoded(pool: asyncpg.Pool, path: str) -> None:
    """Per-cent signs and the letters that they spell are the same, in any form and case."""
    shop = await open_workshop(pool)
    suppressions = await suppress(shop, LeadInput(linkedin_url=f"linkedin.com/in/{path}"))

    wanted = [
        LeadInput(linkedin_url=f"https://www.linkedin.com/in/{other}")
        for other in ("j%c3%b6rg-m", "J\u00f6rg-m", "jo\u0308rg-m")
    ]

    assert [await finds(suppressions, shop.workspace_id, pool, each) for each in wanted] == [
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (
            "https://www.linkedin.com/in/Ada-Ng/",
            "90adf03b6e2d82a756cda2f863ecc815a7bed3c4374d5b4b000a996a94f7aee9",
        ),
        (
            "https://www.linkedin.com/in/ada%FF",
            "7f391ff7ffe9718c9627955cb6983d27b1c7419c92cdc9f4bffc47fabfb3f029",
        ),
    ],
)
def test_hashes_of_other_profiles_stay(url: str, kept: str) -> None:
    """What was suppressed earlier is known by what was kept."""
    assert [
        each.hex() for each in PersonHasher(b"pepper").hashes_of(LeadInput(linkedin_url=url))
    ] == [kept]


async def test_a_suppression_holds_in_its_workspace_or_everywhere(pool: asyncpg.Pool) -> None:
    """One workspace's list is not another's; the operator's holds for all."""
    shop, neighbour = await open_workshop(pool), await open_workshop(pool)
    own = await suppress(shop, ADA)
    assert not await finds(own, neighbour.workspace_id, pool, ADA)

    await suppress(shop, ADA, everywhere=True)

    assert await finds(own, neighbour.workspace_id, pool, ADA)


async def test_only_keyed_hashes_are_kept(pool: asyncpg.Pool) -> None:
    """A hash cannot be made without the pepper, and the pepper is sealed."""
    shop = await open_workshop(pool)
    await suppress(shop, ADA)

    kept = {row["person"] for row in await pool.fetch("select person from suppressions")}
    sealed = await pool.fetchval("select ciphertext from peppers")

    assert kept.isdisjoint(PersonHasher(b"").hashes_of(ADA))
    assert kept.isdisjoint(PersonHasher(OLD.encode()).hashes_of(ADA))
    assert ADA.email.encode() not in sealed


async def test_the_list_outlives_the_operator_s_keys(pool: asyncpg.Pool) -> None:
    """After a rotation, with the old key gone, the same people are suppressed."""
    shop = await open_workshop(pool)
    await suppress(shop, ADA)

    *_, peppers = await reencrypt_secrets(pool, SecretBox([NEW, OLD]))

    assert (peppers.reencrypted, peppers.unreadable) == (1, 0)
    assert await finds(SuppressionList(SecretBox([NEW])), shop.workspace_id, pool, ADA)


@pytest.mark.parametrize("box", [None, SecretBox([NEW])], ids=["no keys", "another key"])
async def test_a_list_that_cannot_be_read_lets_nobody_through(
    pool: asyncpg.Pool, box: SecretBox | None
) -> None:
    """Whoever cannot tell who is on it refuses; with nobody on it, nothing is needed."""
    shop = await open_workshop(pool)
    blind = SuppressionList(box)
    assert not await finds(blind, shop.workspace_id, pool, ADA)
    await suppress(shop, ADA)

    with pytest.raises(SuppressionsUnreadable):
        await finds(blind, shop.workspace_id, pool, ADA)


async def test_it_is_lifted_by_what_it_was_made_with(pool: asyncpg.Pool) -> None:
    """Removing an address lifts what was suppressed under it."""
    shop = await open_workshop(pool)
    suppressions = await suppress(shop, LeadInput(email="ada@x.example"))

    async with pool.acquire() as connection:
        removed = await suppressions.remove(
            connection, shop.workspace_id, LeadInput(email="Ada@x.example")
        )

    assert removed
    assert not await finds(suppressions, shop.workspace_id, pool, ADA)


async def test_an_import_reports_the_row_as_suppressed(pool: asyncpg.Pool) -> None:
    """The row of a suppressed person is listed by line and reason; the others go in."""
    shop = await open_workshop(pool)
    suppressions = await suppress(shop, ADA)
    people = await create_list(pool, shop.workspace_id, "people")
    text = (
        "first_name,last_name,company_domain,email\nBo,Li,,\nAda,Ng,x.example,\n,,,Ada@X.example\n"
    )

    report = await import_leads(
        pool,
        shop.workspace_id,
        people.id,
        io.StringIO(text, newline=""),
        suppressions=suppressions,
    )

    reason = "this person must not be kept or looked up"
    assert (report.imported, report.errors) == (1, [BadRow(3, reason), BadRow(4, reason)])


async def test_a_worker_settles_suppressed_leads_as_rejected_and_refunds_them(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> None:
    """Charge and refund are both in the ledger, nobody was asked, and the job ends by itself."""
    shop = await open_workshop(pool)
    leads = await shop.add_leads(2)
    nadia = [
        LeadInput(first_name="Nadia", last_name=f"Okafor{n}", company_domain="brightwater.leadfall")
        for n in (1, 2)
    ]
    await suppress(shop, *nadia)
    await shop.accept(leads)
    settings = Settings(
        database_url=database_url, redis_url=redis_url, lease_s=1, secret_keys=(SecretStr(OLD),)
    )

    async with app.worker(settings):
        await until(pool, "exists (select from jobs where finished_at is not null)")

    rows = await pool.fetch("select outcome, reason, refunded from lookups")
    assert [tuple(row) for row in rows] == [("rejected_input", "suppressed", 3)] * 2
    entries = await pool.fetch("select kind, amount from ledger where kind <> 'grant' order by id")
    assert [tuple(entry) for entry in entries] == [("charge", -6), ("refund", 3), ("refund", 3)]
    assert await pool.fetchval("select count(*) from calls") == 0
    assert (await audit(pool, all_providers(), timedelta(seconds=5))).clean


async def until(pool: asyncpg.Pool, condition: str) -> None:
    """Wait until an SQL condition holds."""
    async with asyncio.timeout(20):
        while not await pool.fetchval(f"select {condition}"):
            await asyncio.sleep(0.02)


async def test_a_found_address_of_a_suppressed_person_is_not_told(pool: asyncpg.Pool) -> None:
    """Who opted out by address alone is not found by name either."""
    shop = await open_workshop(pool)
    suppressions = await suppress(shop, LeadInput(email="nadia@brightwater.leadfall"))
    await shop.accept(await shop.add_leads(1))
    (claim,) = await shop.claim(await new_worker(pool))
    found = Settlement(claim, OutcomeName.FOUND, {"email": "Nadia@brightwater.leadfall"})

    assert await settle_lookups(pool, [found], PUBLICATION, suppressions) == 1

    row = await pool.fetchrow("select outcome, value, reason, refunded from lookups")
    assert tuple(row) == ("rejected_input", None, "suppressed", 3)
    assert await pool.fetchval("select email from leads") is None
    assert await shop.balance() == 1_000


async def test_a_found_address_of_a_suppressed_person_is_kept_nowhere(pool: asyncpg.Pool) -> None:
    """Neither in the trace nor in memory, whoever was asked about."""
    shop = await open_workshop(pool)
    suppressions = await suppress(shop, LeadInput(email="nadia@brightwater.leadfall"))
    await shop.accept(await shop.add_leads(1))
    (claim,) = await shop.claim(await new_worker(pool))
    value = {"email": "Nadia@brightwater.leadfall"}
    keep = ToRemember(
        b"q" * 32, 0, "leadmagic", "find_email", b"p" * 32, OutcomeName.FOUND, value, 30.0
    )
    answers = [
        Answer(claim.lookup_id, step, claim.epoch, OutcomeName.FOUND, value, keep=keep)
        for step in (0, 1)
    ]
    async with pool.acquire() as connection:
        intents = [Intent(claim.lookup_id, step, "leadmagic", claim.epoch) for step in (0, 1)]
        await write_intents(connection, intents, LEASE)
        # Of the first it was not sure enough to end there.
        await keep_answers(connection, answers[:1], suppressions)
    found = Settlement(claim, OutcomeName.FOUND, value, answer=answers[1])

    assert await settle_lookups(pool, [found], PUBLICATION, suppressions) == 1

    calls = await pool.fetch("select outcome, value from calls")
    assert [tuple(row) for row in calls] == [("found", None)] * 2
    assert await pool.fetchval("select count(*) from remembered_answers") == 0


async def test_a_vendor_s_legal_refusal_suppresses_the_person_everywhere(
    pool: asyncpg.Pool,
) -> None:
    """After a 451 the person is on everybody's list, for that reason."""
    shop = await open_workshop(pool)
    suppressions = SuppressionList(BOX)
    await shop.accept(await shop.add_leads(1))
    (claim,) = await shop.claim(await new_worker(pool))
    refused = Settlement(claim, OutcomeName.REJECTED_INPUT, None, "opted_out", claim.price)

    await settle_lookups(pool, [refused], PUBLICATION, suppressions)

    neighbour = await open_workshop(pool)
    assert await finds(suppressions, neighbour.workspace_id, pool, claim.lead)
    kept = await pool.fetch("select distinct workspace_id, reason from suppressions")
    assert [tuple(row) for row in kept] == [(0, "legal")]

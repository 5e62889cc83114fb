"""Erasing a person whose address, profile or number stands within another one: that one stays."""

import json
from typing import Any, Final

import pytest

from service.domain.claim import Settlement
from service.domain.outcome import OutcomeName
from service.flows.settle_lookups import settle_lookups
from tests.flows.test_erase_spellings import Scene, scene
from tests.flows.workshop import PUBLICATION, TYPES, found, new_worker

__all__ = ["scene"]

HOOK: Final = "https://hooks.example.net/s"


async def tell(scene: Scene, lead_id: int, **job: Any) -> None:
    """Find a lead's own address, and tell a receiver of it."""
    shop = scene.shop
    await shop.accept(
        [lead_id], job_types=(TYPES["email"],), webhook_url=HOOK, skip_filled=False, **job
    )
    claims = await shop.claim(await new_worker(shop.pool))
    email = await shop.pool.fetchval("select email from leads where id = $1", lead_id)
    await settle_lookups(shop.pool, [found(each, email) for each in claims], PUBLICATION)


async def is_told(scene: Scene) -> bool:
    """Whether every event still has its body, each delivery is due, and the job its metadata."""
    row = await scene.shop.pool.fetchrow(
        "select (select bool_and(payload <> '') from events) as events,"
        " (select bool_and(state = 'due') from deliveries) as deliveries,"
        " (select bool_and(metadata is not null) from jobs) as jobs"
    )
    return all(row)


@pytest.mark.parametrize(
    ("gone", "other"),
    [
        ("a@x.example", "maria@x.example"),
        ("bo@x.example", "lobo@x.example"),
        ("info@x.example", "kinfo@x.example"),
        ("ada@x.co", "ada@x.com"),
        ("ada@x.co", "ada@x.co.uk"),
        ("ada@x.co", "ada@x.co-op.example"),
        ("ng@x.example", "ada.ng@x.example"),
        ("ng@x.example", "ada-ng@x.example"),
        ("ng@x.example", "ada+ng@x.example"),
        ("ng@x.example", "o'ng@x.example"),
        ("a@m\u00fcller.example", "\u00e9a@m\u00fcller.example"),
    ],
)
async def test_an_address_within_another_is_another(scene: Scene, gone: str, other: str) -> None:
    """Whose events, deliveries and notes stay as they are."""
    lead_id, _ = await scene.add(email=other)
    await tell(scene, lead_id, metadata={"crm": other, "mail": f"<{other}>"})

    erased = await scene.erase(emails=[gone])

    assert (erased.leads, erased.events, erased.deliveries) == (0, 0, 0)
    assert await is_told(scene)


@pytest.mark.parametrize("gone", ["ada", "-", "0", "ada-lovelace-1"])
async def test_a_profile_within_another_is_another(scene: Scene, gone: str) -> None:
    """A handle that another one begins or ends with names nobody else."""
    _, public_id = await scene.add(
        email="gone@gone.example", linkedin_url=f"https://linkedin.com/in/{gone}"
    )
    profile = "https://linkedin.com/in/ada-lovelace-1815"
    other, _ = await scene.add(email="other@o.example", linkedin_url=profile)
    await tell(scene, other, metadata={"profile": profile, "of": "spring 2026"})

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, erased.events, erased.deliveries) == (1, 0, 0)
    assert await is_told(scene)


@pytest.mark.parametrize("phone", ["+4930123456", "1234567", "0", "ext. 5", "123456712"])
async def test_a_number_within_another_is_another(scene: Scene, phone: str) -> None:
    """A longer row of digits, a time and a count are no numbers of theirs."""
    _, public_id = await scene.add(email="gone@gone.example", phone=phone)
    other, _ = await scene.add(email="other@o.example")
    notes = {"at": "2026-11-23 12:34:56.7123451", "n": "10001234567", "phone": "+49301234567"}
    await tell(scene, other, metadata=notes)

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, erased.events, erased.deliveries) == (1, 0, 0)
    assert await is_told(scene)


@pytest.mark.parametrize(
    ("note", "is_theirs"),
    [
        ("line\nada@x.co", True),
        ("<ada@x.co>", True),
        ("'ada@x.co'", True),
        ("to=ada@x.co&b=1", True),
        ("/ada@x.co/", True),
        ("Write to ada@x.co.", True),
        ("%3Cada@x.co%3E", True),
        ("mailto%3Aada%40x.co", True),
        ("\u5199\u4fe1\u7ed9ada@x.co\u8c22\u8c22", True),
        ("nada@x.co", False),
        ("%6Eada@x.co", False),
        ("ada@x.co%6D", False),
    ],
)
async def test_what_stands_around_an_address(scene: Scene, note: str, *, is_theirs: bool) -> None:
    """It is found among signs, escapes and in the midst of a line, and within no other one."""
    other, _ = await scene.add(email="other@o.example")
    await tell(scene, other, metadata={"note": note})

    await scene.erase(emails=["ada@x.co"])

    left = await scene.shop.pool.fetchval("select metadata from jobs")
    assert (left is None) == is_theirs
    assert await is_told(scene) != is_theirs


async def test_what_a_receiver_says_of_another_stays(scene: Scene) -> None:
    """An answer goes only where it names the erased, escaped as JSON or not, in any bytes."""
    other, _ = await scene.add(email="other@o.example")
    await tell(scene, other)
    answers = [
        b"for maria@x.example",
        json.dumps({"to": "maria@x.example"}).encode(),
        b"\xff\xfe maria@x.example",
        json.dumps("<\na@x.example>").encode(),
        b'{"to":"\\u003ca@x.example\\u003e"}',
        b"\xff\xfea@x.example\xff",
    ]
    await scene.shop.pool.execute(
        "insert into attempts (event_id, endpoint_id, number, started_at, duration_ms, class,"
        " decision, answer, body_sha256) select event_id, endpoint_id, n, leadfall_now(), 1,"
        " 'receiver_fault', 'due', answer, ''"
        " from deliveries, unnest($1::bytea[]) with ordinality as a(answer, n)",
        answers,
    )

    await scene.erase(emails=["a@x.example"])

    kept = await scene.shop.pool.fetch(
        "select distinct number from attempts where answer is not null order by number"
    )
    assert [row["number"] for row in kept] == [1, 2, 3]


async def test_an_event_that_names_the_erased_beside_others_goes(scene: Scene) -> None:
    """Likeness to another one hides nobody."""
    other, _ = await scene.add(email="maria@x.example")
    await tell(scene, other, metadata={"both": "maria@x.example, a@x.example"})

    erased = await scene.erase(emails=["a@x.example"])

    assert (erased.leads, erased.events, erased.deliveries) == (0, 2, 1)


async def test_a_number_that_colleagues_share_names_nobody(scene: Scene) -> None:
    """A switchboard's number on another lead, in its events and its notes, is no sign of them."""
    shop, switchboard = scene.shop, "+4930123456"
    _, public_id = await scene.add(
        email="gone@gone.example", phone=switchboard, phone_e164=switchboard
    )
    other, _ = await scene.add(email="colleague@gone.example", first_name="Maria")
    await shop.accept(
        [other],
        job_types=(TYPES["phoneEnrichment"],),
        webhook_url=HOOK,
        skip_filled=False,
        metadata={"desk": "+49 30 123456"},
    )
    claims = await shop.claim(await new_worker(shop.pool))
    value = {"phone": switchboard}
    await settle_lookups(
        shop.pool, [Settlement(each, OutcomeName.FOUND, value) for each in claims], PUBLICATION
    )

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, erased.events, erased.deliveries) == (1, 0, 0)
    assert await is_told(scene)


@pytest.mark.parametrize(
    ("gone", "theirs"),
    [
        (("+49 30 123456", "+4930123456"), ("+4930123456", "+4930123456")),
        (("+49 30 123456 ext. 12", "+4930123456"), ("030/123456", None)),
        (("030 123456", None), ("+49 (30) 12 34 56", "+4930123456")),
        (("+39 06 1234567", "+39061234567"), ("06-1234567", None)),
    ],
)
async def test_a_shared_number_that_is_written_otherwise_names_nobody(
    scene: Scene, gone: tuple[str, str | None], theirs: tuple[str, str | None]
) -> None:
    """With a country's code or without, in groups, with an extension: one switchboard."""
    _, public_id = await scene.add(email="gone@gone.example", phone=gone[0], phone_e164=gone[1])
    other, _ = await scene.add(email="other@gone.example", phone=theirs[0], phone_e164=theirs[1])
    await tell(scene, other, metadata={"desk": theirs[0]})

    erased = await scene.erase(public_ids=[public_id])

    assert (erased.leads, erased.events, erased.deliveries) == (1, 0, 0)
    assert await is_told(scene)

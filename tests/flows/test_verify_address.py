"""Verifying an address against a real name server and a real mail server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import pytest

from service.domain.verdict import EmailVerdict
from service.flows.controls import GREYLIST_RETRY_S
from service.flows.verify_address import BUSY_RETRY_S
from tests.flows.mail_verifier import SENDER, Verifier
from tests.flows.mail_world import ACCEPTED, LOOPBACK, MailWorld


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """A world with one ordinary domain, whose server knows jane, info and a few odd cases."""
    async with MailWorld() as world:
        world.domain(
            "acme.test",
            {
                "jane": ACCEPTED,
                "Jane.Doe": ACCEPTED,
                "info": ACCEPTED,
                "full": "452 4.2.2 Mailbox full",
                "over": "552 5.2.2 Over quota",
                "bounced": "550 5.7.1 Blocked by Spamhaus",
                "refused": "550-Message refused\r\n550 5.7.1 Recipient not found in allow list",
                "unsent": "553 5.1.8 Domain of sender address p@x.test does not exist",
                "vague": "550 Rejected",
                "moved": "551 User not local",
                "gone": "550 5.2.1 Mailbox disabled",
                "grey": ["450 4.7.1 Greylisted", ACCEPTED],
                "closing": ["421 4.3.2 Closing", ACCEPTED],
                "long": "250-2.1.5 first line\r\n250 2.1.5 last line",
            },
        )
        yield world


@pytest.fixture
async def verify(world: MailWorld) -> AsyncIterator[Verifier]:
    """A verifier in that world."""
    verifier = Verifier(world)
    yield verifier
    await verifier.prober.close()


@pytest.mark.parametrize(
    ("address", "status", "reason"),
    [
        ("jane@acme.test", "deliverable", "accepted_email"),
        (" Jane.Doe@ACME.test ", "deliverable", "accepted_email"),
        ("long@acme.test", "deliverable", "accepted_email"),
        ("info@acme.test", "risky", "role"),
        ("nobody@acme.test", "undeliverable", "no_mailbox"),
        ("moved@acme.test", "undeliverable", "no_mailbox"),
        ("gone@acme.test", "undeliverable", "no_mailbox"),
        ("full@acme.test", "risky", "mailbox_full"),
        ("over@acme.test", "risky", "mailbox_full"),
        ("bounced@acme.test", "unknown", "prober_blocked"),
        ("refused@acme.test", "unknown", "prober_blocked"),
        ("unsent@acme.test", "unknown", "prober_blocked"),
        ("vague@acme.test", "unknown", "unclear_reply"),
        ("grey@acme.test", "unknown", "greylisted"),
        ("jörg@acme.test", "unknown", "unclear_reply"),
        ("not an address", "undeliverable", "invalid_syntax"),
        ("jane@nowhere.test", "undeliverable", "no_such_domain"),
    ],
)
async def test_each_answer_gets_its_verdict(
    verify: Verifier, address: str, status: str, reason: str
) -> None:
    """What the domain and its mail host say decides status and reason."""
    verdict = await verify(address)

    assert (status, reason) == (verdict.status, verdict.reason)


async def test_no_mail_is_ever_sent(world: MailWorld, verify: Verifier) -> None:
    """A conversation consists of greeting, envelope and goodbye; there is never any DATA."""
    await verify("jane@acme.test")
    await verify.prober.close()

    assert {"EHLO", "MAIL", "RCPT", "RSET", "QUIT"} == {line[:4] for line in world.mail.heard}
    assert f"MAIL FROM:<{SENDER}>" in world.mail.heard


@pytest.mark.parametrize(
    ("domain", "records", "status", "reason"),
    [
        ("null.test", {("null.test", "MX"): ["0 ."]}, "undeliverable", "null_mx"),
        ("bare.test", {("bare.test", "TXT"): ['"no mail"']}, "undeliverable", "no_mail_host"),
        ("implicit.test", {("implicit.test", "A"): [LOOPBACK]}, "deliverable", "accepted_email"),
        ("lost.test", {("lost.test", "MX"): ["10 gone.test."]}, "unknown", "unreachable"),
    ],
)
async def test_the_route_decides_before_anybody_is_asked(
    world: MailWorld,
    verify: Verifier,
    *,
    domain: str,
    records: dict[tuple[str, str], list[str]],
    status: str,
    reason: str,
) -> None:
    """No MX falls back to the address record; a null MX ends it; a dead MX is no verdict."""
    world.names.records.update(records)
    world.mail.says["jane@implicit.test"] = ACCEPTED

    verdict = await verify(f"jane@{domain}")

    assert (status, reason) == (verdict.status, verdict.reason)


@pytest.mark.parametrize("failure", ["failing", "silent"])
async def test_a_silent_name_server_is_no_verdict(
    world: MailWorld, verify: Verifier, failure: str
) -> None:
    """Server failures and silence in the name system never make an address undeliverable."""
    getattr(world.names, failure).add("acme.test")

    assert EmailVerdict("unknown", "dns_silent") == await verify("jane@acme.test")


async def test_a_domain_that_takes_anything_is_risky(world: MailWorld, verify: Verifier) -> None:
    """A catch-all domain is found out once; its other addresses cost no further question."""
    world.domain("open.test", {"*": ACCEPTED})

    verdicts = [await verify("jane@open.test"), await verify("john@open.test")]

    assert [(one.status, one.reason) for one in verdicts] == [("risky", "catch_all")] * 2
    asked = world.mail.recipients()
    assert asked[0] == "jane@open.test"
    assert [len(address.partition("@")[0]) for address in asked[1:]] == [24]


@pytest.mark.parametrize("reply", ["552 5.2.2 Over quota", "452 4.2.2 Mailbox full"])
async def test_a_domain_without_room_for_anybody_says_nothing(
    world: MailWorld, verify: Verifier, reply: str
) -> None:
    """It says so of invented mailboxes as well, so no mailbox is known to be there."""
    world.domain("crowded.test", {"*": reply})

    verdict = await verify("jane@crowded.test")

    assert (verdict.status, verdict.reason) == ("unknown", "unclear_reply")


async def test_a_full_mailbox_is_told_from_those_a_domain_takes(
    world: MailWorld, verify: Verifier
) -> None:
    world.domain("any.test", {"full": "552 5.2.2 Over quota", "*": ACCEPTED})

    verdict = await verify("full@any.test")

    assert (verdict.status, verdict.reason) == ("risky", "mailbox_full")


async def test_an_inconclusive_control_is_not_remembered(
    world: MailWorld, verify: Verifier
) -> None:
    """While the invented address is greylisted nothing is known; later the verdict is firm."""
    world.domain("slow.test", {"jane": ACCEPTED, "*": ["451 4.7.1 Try later", "550 5.1.1 No"]})

    first = await verify("jane@slow.test")
    second = await verify("jane@slow.test")

    assert (
        first.status,
        first.reason,
        first.retry_after_s,
    ) == ("unknown", "greylisted", GREYLIST_RETRY_S)
    assert second.status == "deliverable"


async def test_one_repeat_gets_past_a_greylist(world: MailWorld, verify: Verifier) -> None:
    """The control waits on the greylist beside the address, and is the same mailbox each time."""
    greylisting = "450 4.7.1 Greylisted"
    world.domain(
        "grey.test",
        {"jane": [greylisting, ACCEPTED], "*": [greylisting, "550 5.1.1 No such user"]},
    )

    first = await verify("jane@grey.test")
    second = await verify("jane@grey.test")

    assert (first.reason, second.reason) == ("greylisted", "accepted_email")
    asked = world.mail.recipients()
    assert asked[:2] == asked[2:]
    assert len(set(asked)) == 2


async def test_a_greylist_is_met_at_the_same_exchanger_again(
    world: MailWorld, verify: Verifier
) -> None:
    """Exchangers of one preference share the questions, and seldom what they have heard."""
    world.domain("grey.test", {"*": "451 4.7.1 Greylisted"})
    world.names.records["grey.test", "MX"] = ["10 mx.grey.test.", "10 mx.acme.test."]
    addresses = [f"user{number}@grey.test" for number in range(20)]

    crowded = await asyncio.gather(*(verify(address) for address in addresses))
    alone = [await verify(address) for address in addresses]

    assert [one.exchange for one in crowded] == [one.exchange for one in alone]
    assert len({one.exchange for one in alone}) == 2


async def test_a_greylist_is_told_of_the_control_once(world: MailWorld, verify: Verifier) -> None:
    """Many addresses on one greylist cost one question about the invented mailbox."""
    world.domain("grey.test", {"*": "451 4.7.1 Greylisted"})

    await asyncio.gather(*(verify(f"user{number}@grey.test") for number in range(10)))

    assert len(world.mail.recipients()) == 11


async def test_verifiers_with_one_key_invent_the_same_mailbox(world: MailWorld) -> None:
    """A greylist that one process has met lets the control of the next one through."""
    world.domain("open.test", {"*": ACCEPTED})
    verifiers = [Verifier(world, key=key) for key in (b"ours", b"ours", b"theirs")]

    for verifier in verifiers:
        await verifier("jane@open.test")
        await verifier.prober.close()

    controls = [one for one in world.mail.recipients() if one != "jane@open.test"]
    assert (controls[0], 2) == (controls[1], len(set(controls)))


async def test_a_host_that_closes_is_busy(verify: Verifier) -> None:
    """421 is about the host at this moment, not a greylist about the address."""
    verdict = await verify("closing@acme.test")

    assert (verdict.reason, verdict.retry_after_s) == ("host_busy", BUSY_RETRY_S)


@pytest.mark.parametrize(
    ("address", "reason", "flags"),
    [
        ("info@acme.test", "role", (True, False, False)),
        ("info+eu@acme.test", "no_mailbox", (True, False, False)),
        ("jane@mailinator.com", "disposable", (False, True, False)),
        ("jane@gmail.com", "accepted_email", (False, False, True)),
        ("jane@acme.test", "accepted_email", (False, False, False)),
    ],
)
async def test_a_verdict_carries_the_class_of_the_address(
    *,
    world: MailWorld,
    verify: Verifier,
    address: str,
    reason: str,
    flags: tuple[bool, bool, bool],
) -> None:
    """Role, disposable and free are said of every address, whatever decided the verdict."""
    world.domain("mailinator.com", {"jane": ACCEPTED})
    world.domain("gmail.com", {"jane": ACCEPTED})

    verdict = await verify(address)

    assert (reason, flags) == (verdict.reason, (verdict.role, verdict.disposable, verdict.free))


async def test_the_control_is_asked_once_however_many_ask_at_once(
    world: MailWorld, verify: Verifier
) -> None:
    """Twenty addresses of one new domain share one question about an invented address."""
    world.domain("busy.test", {f"user{n}": ACCEPTED for n in range(20)})

    verdicts = await asyncio.gather(*(verify(f"user{n}@busy.test") for n in range(20)))

    assert {"deliverable"} == {verdict.status for verdict in verdicts}
    assert len(world.mail.recipients()) == 21


@pytest.mark.parametrize(
    ("postmaster", "status", "reason"),
    [
        (ACCEPTED, "undeliverable", "no_mailbox"),
        ("550 5.4.1 Access denied", "unknown", "directory_block"),
        ("450 4.7.1 Greylisted", "unknown", "directory_block"),
    ],
)
async def test_a_directory_block_needs_a_control_that_passes(
    world: MailWorld, verify: Verifier, postmaster: str, status: str, reason: str
) -> None:
    """5.4.1 means "no such mailbox" only where the same domain takes mail for somebody else."""
    world.domain("edge.test", {"*": "550 5.4.1 Access denied", "postmaster": postmaster})

    verdict = await verify("jane@edge.test")

    assert (status, reason) == (verdict.status, verdict.reason)


@pytest.mark.parametrize(
    ("banner", "sender_reply", "status", "reason"),
    [
        ("554 5.7.1 Go away", "250 Ok", "unknown", "prober_blocked"),
        ("521 This host takes no mail", "250 Ok", "undeliverable", "domain_refuses"),
        ("421 4.7.0 Try again later", "250 Ok", "unknown", "host_busy"),
        ("", "250 Ok", "unknown", "timeout"),
        ("HTTP/1.1 400 Bad Request", "250 Ok", "unknown", "unreachable"),
        ("220 " + "x" * 10_000, "250 Ok", "unknown", "unreachable"),
        ("220 mail.test", "550 5.7.1 Sender refused", "unknown", "prober_blocked"),
        ("220 mail.test", "451 4.3.0 Not now", "unknown", "greylisted"),
    ],
)
async def test_a_host_that_does_not_hear_us_out_gives_no_false_verdict(
    world: MailWorld, verify: Verifier, *, banner: str, sender_reply: str, status: str, reason: str
) -> None:
    """A refusal before the recipient is about us or about the host, never about the mailbox."""
    world.mail.banner = banner
    world.mail.sender_reply = sender_reply

    verdict = await verify("jane@acme.test")

    assert (status, reason) == (verdict.status, verdict.reason)


@pytest.mark.parametrize("hang_up", ["politely", "abruptly"])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("sender_reply", "reason", "retry_after_s"),
    [
        ("421 4.7.0 Too many connections", "host_busy", BUSY_RETRY_S),
        ("450 4.7.1 Greylisted", "greylisted", GREYLIST_RETRY_S),
        ("451 4.3.0 Try again later", "greylisted", GREYLIST_RETRY_S),
        ("550 5.7.1 Go away", "prober_blocked", None),
        ("250 Ok", "no_mailbox", None),
    ],
)
async def test_a_refusal_counts_though_the_host_hangs_up_behind_it(
    *,
    world: MailWorld,
    verify: Verifier,
    sender_reply: str,
    reason: str,
    retry_after_s: float | None,
    extensions: tuple[str, ...],
    hang_up: Literal["politely", "abruptly"],
) -> None:
    """What was said before the connection ended is the answer, however commands were sent."""
    world.mail.sender_reply = sender_reply
    world.mail.extensions = extensions
    world.mail.hang_up_on_refusal = hang_up

    verdict = await verify("nobody@acme.test")

    assert (verdict.reason, verdict.retry_after_s) == (reason, retry_after_s)


async def test_a_refusal_counts_though_the_host_falls_silent_behind_it(
    world: MailWorld, verify: Verifier
) -> None:
    """A reply that never comes takes nothing back of the one before it."""
    world.mail.sender_reply = "550 5.7.1 Go away"
    world.mail.hang_up_on_refusal = "never"

    assert (await verify("nobody@acme.test")).reason == "prober_blocked"


async def test_an_international_domain_is_asked_for_in_ascii(
    world: MailWorld, verify: Verifier
) -> None:
    """A domain with an umlaut is looked up and written in its ASCII form."""
    world.domain("xn--mller-kva.test", {"jane": ACCEPTED})

    assert (await verify("jane@müller.test")).status == "deliverable"


async def test_a_name_is_looked_up_once(world: MailWorld, verify: Verifier) -> None:
    """Fifty questions about one domain ask the name server once for each record."""
    await asyncio.gather(*(verify(f"user{n}@acme.test") for n in range(50)))

    assert {1} == set(world.names.asked.values())

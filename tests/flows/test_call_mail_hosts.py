"""How mail hosts are called: few connections, kept in use, guarded, encrypted on demand."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from service.domain.verdict import EmailVerdict
from service.edges.dial_guard import EgressPolicy
from service.edges.dns import Resolver
from service.edges.mail_exchanger import Courtesy
from service.edges.port_watch import SILENT_HOSTS_MAX
from service.edges.smtp import SmtpProber
from service.flows.controls import Controls
from service.flows.verify_address import verify_address
from tests.flows.mail_verifier import SENDER, Verifier
from tests.flows.mail_world import ACCEPTED, LOOPBACK, MailWorld
from tests.log_lines import logged


@pytest.fixture
async def world() -> AsyncIterator[MailWorld]:
    """A world with one domain, whose server knows jane."""
    async with MailWorld() as world:
        world.domain("acme.test", {"jane": ACCEPTED})
        yield world


@pytest.fixture
async def verify(world: MailWorld) -> AsyncIterator[Verifier]:
    """A verifier in that world."""
    verifier = Verifier(world)
    yield verifier
    await verifier.prober.close()


async def test_one_conversation_serves_many_questions(world: MailWorld, verify: Verifier) -> None:
    """The connection to a mail host stays in use, with a reset between two envelopes."""
    await verify("jane@acme.test")
    await verify("nobody@acme.test")

    assert world.mail.session_count == 1
    assert world.mail.heard.count("RSET") == 2


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("hang_up_after", [1, 2, 3])
async def test_a_host_that_hangs_up_is_called_again(
    world: MailWorld, verify: Verifier, extensions: tuple[str, ...], hang_up_after: int
) -> None:
    """A host that ends a conversation between two questions has said nothing about the second."""
    world.mail.extensions = extensions
    world.mail.hang_up_after = hang_up_after

    verdicts = [await verify(f"{name}@acme.test") for name in ("jane", "x1", "x2", "x3")]

    assert ["deliverable", *["undeliverable"] * 3] == [verdict.status for verdict in verdicts]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
async def test_a_host_that_has_heard_enough_is_called_again(
    world: MailWorld, verify: Verifier, extensions: tuple[str, ...]
) -> None:
    """Many hosts end a conversation at its twentieth unknown recipient; that is about it alone."""
    world.mail.extensions = extensions
    world.mail.recipients_max = 2

    verdicts = [await verify(f"user{number}@acme.test") for number in range(5)]

    assert {verdict.reason for verdict in verdicts} == {"no_mailbox"}
    assert world.mail.session_count == 3


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("stray", ["421 4.4.2 Idle for too long", "500 What?"])
async def test_a_stray_reply_is_not_taken_for_the_next_one(
    world: MailWorld, verify: Verifier, extensions: tuple[str, ...], stray: str
) -> None:
    """Where a host says what nobody asked, each further reply would be to an earlier command."""
    world.mail.extensions = extensions
    world.mail.stray = stray

    verdicts = [await verify(f"user{number}@acme.test") for number in range(3)]

    assert {verdict.reason for verdict in verdicts} == {"no_mailbox"}


async def test_a_host_is_asked_by_one_at_a_time(world: MailWorld, verify: Verifier) -> None:
    """However many ask at once, a mail host sees one connection, kept in use."""
    await asyncio.gather(*(verify(f"user{n}@acme.test") for n in range(50)))

    assert (world.mail.open_count_max, world.mail.session_count) == (1, 1)


async def test_a_conversation_has_a_bounded_number_of_questions(world: MailWorld) -> None:
    """After so many recipients the conversation ends politely and a new one begins."""
    verifier = Verifier(world, courtesy=Courtesy(interval_s=0.0, recipients_max=3, sessions_max=1))

    await asyncio.gather(*(verifier(f"user{number}@acme.test") for number in range(7)))
    await verifier.prober.close()

    assert (world.mail.session_count, world.mail.heard.count("QUIT")) == (3, 3)


async def test_an_idle_conversation_is_ended(world: MailWorld) -> None:
    """A conversation nobody uses is closed after its idle time, without anybody asking."""
    verifier = Verifier(world, courtesy=Courtesy(interval_s=0.0, idle_s=0.01))

    await verifier("jane@acme.test")

    await world.mail.everybody_left()
    assert world.mail.heard[-1] == "QUIT"


async def test_a_host_whose_turn_never_comes_is_busy(world: MailWorld) -> None:
    """A question that spends half its time waiting for a turn ends, worth asking again."""
    world.domain("crowd.test", mx="mx.acme.test")
    verifier = Verifier(world, courtesy=Courtesy(sessions_max=1, interval_s=3.0))

    async def ask(name: str) -> EmailVerdict:
        return await verify_address(
            f"{name}@crowd.test",
            resolver=verifier.resolver,
            prober=verifier.prober,
            controls=verifier.controls,
            deadline_s=0.4,
        )

    verdicts = await asyncio.gather(ask("a"), ask("b"), ask("c"))
    await verifier.prober.close()

    assert sorted(one.reason for one in verdicts) == ["host_busy", "no_mailbox", "timeout"]


async def test_a_private_mail_host_is_never_dialled(world: MailWorld) -> None:
    """Without an allowance, a mail host on a private address is refused before a socket opens."""
    opened: list[int] = []

    def spy(family: int, kind: int, protocol: int) -> socket.socket:
        opened.append(family)
        return socket.socket(family, kind, protocol)

    resolver = Resolver([world.dns_server])
    prober = SmtpProber(
        resolver=resolver,
        policy=EgressPolicy(),
        helo="leadfall.test",
        sender=SENDER,
        port=world.smtp_port,
        open_socket=spy,
    )
    world.names.records["mx.acme.test", "A"] = ["93.184.215.14", LOOPBACK]

    verdict = await verify_address(
        "jane@acme.test", resolver=resolver, prober=prober, controls=Controls()
    )

    assert (verdict.status, verdict.reason, opened) == ("unknown", "egress_refused", [])


async def test_the_next_exchanger_is_asked_when_the_first_is_away(
    world: MailWorld, verify: Verifier
) -> None:
    """An exchanger that cannot be reached sends the question to the next preference."""
    world.names.records["acme.test", "MX"] = ["20 mx.acme.test.", "10 away.acme.test."]
    world.names.records["away.acme.test", "A"] = ["127.0.0.2"]

    verdict = await verify("jane@acme.test")

    assert (verdict.status, verdict.exchange) == ("deliverable", "mx.acme.test")


async def test_a_host_that_refuses_connections_is_unreachable(world: MailWorld) -> None:
    """A mail host with nobody at its port is no verdict, and is left alone for a while."""
    with socket.create_server((LOOPBACK, 0)) as server:
        nobodys_port = server.getsockname()[1]
    verifier = Verifier(world, smtp_port=nobodys_port)

    verdicts = [await verifier("jane@acme.test"), await verifier("john@acme.test")]

    assert [(one.status, one.reason) for one in verdicts] == [("unknown", "unreachable")] * 2


async def test_a_shut_port_is_told_once(world: MailWorld) -> None:
    """Where nothing leaves on the mail port, one line says so and no further host is dialled."""
    dials: list[int] = []

    def barred(family: int, _kind: int, _protocol: int) -> socket.socket:
        dials.append(family)
        raise OSError(errno.EHOSTUNREACH, "no route")

    names = [f"shut{number}.test" for number in range(SILENT_HOSTS_MAX + 5)]
    for name in names:
        world.domain(name, {"jane": ACCEPTED})
    verifier = Verifier(world, open_socket=barred)

    with logged() as lines:
        reasons = [(await verifier(f"jane@{name}")).reason for name in names]

    # The one behind those that raise the doubt is the trial.
    assert reasons == ["unreachable"] * (SILENT_HOSTS_MAX + 1) + ["port_blocked"] * 4
    assert len(dials) == SILENT_HOSTS_MAX + 1
    assert [("warning", world.smtp_port)] == [
        (line["level"], line["port"]) for line in lines("smtp_port.found_shut")
    ]
    assert verifier.prober.port_shut


async def test_a_machine_without_ipv6_has_no_shut_port(world: MailWorld) -> None:
    """That hosts with nothing but an IPv6 address cannot be reached says nothing of the port."""

    def open_ipv4_only(family: int, kind: int, protocol: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.ENETUNREACH, "no route")
        return socket.socket(family, kind, protocol)

    names = [f"six{number}.test" for number in range(SILENT_HOSTS_MAX + 2)]
    for name in names:
        world.domain(name)
        del world.names.records[f"mx.{name}", "A"]
        world.names.records[f"mx.{name}", "AAAA"] = ["2606:4700::1111"]
    verifier = Verifier(world, open_socket=open_ipv4_only)

    reasons = {(await verifier(f"jane@{name}")).reason for name in names}
    verdict = await verifier("jane@acme.test")
    await verifier.prober.close()

    assert (reasons, verdict.status) == ({"unreachable"}, "deliverable")
    assert not verifier.prober.port_shut


async def test_an_open_port_is_not_told(world: MailWorld, verify: Verifier) -> None:
    """As long as mail hosts are reached there is nothing to say about the port."""
    with logged() as lines:
        await verify("jane@acme.test")

    assert (lines("smtp_port.found_open"), verify.prober.port_shut) == ([], False)


async def test_questions_to_a_host_keep_their_distance(world: MailWorld) -> None:
    """Two questions to one host begin at least the courtesy's interval apart, whoever asks."""
    verifier = Verifier(world, courtesy=Courtesy(sessions_max=5, interval_s=0.05))
    loop = asyncio.get_running_loop()
    began_at = loop.time()

    await asyncio.gather(*(verifier(f"user{number}@acme.test") for number in range(5)))
    await verifier.prober.close()

    assert loop.time() - began_at >= 4 * 0.05


async def test_a_probe_ends_at_its_deadline(world: MailWorld) -> None:
    """However long each step of a dialogue may take, the whole question has one deadline."""
    world.mail.banner = ""
    verifier = Verifier(world, step_timeout_s=60.0)

    async with asyncio.timeout(10):
        verdict = await verify_address(
            "jane@acme.test",
            resolver=verifier.resolver,
            prober=verifier.prober,
            controls=verifier.controls,
            deadline_s=0.1,
        )
    await verifier.prober.close()

    assert (verdict.status, verdict.reason) == ("unknown", "timeout")


async def test_encryption_is_used_where_it_is_demanded(
    world: MailWorld, verify: Verifier, tmp_path: Path
) -> None:
    """A host that insists on STARTTLS gets it, and the question is asked again inside."""
    world.mail.tls = own_certificate(tmp_path)

    verdict = await verify("jane@acme.test")

    assert verdict.status == "deliverable"
    assert "STARTTLS" in world.mail.heard


@pytest.mark.parametrize("reply", ["500 Syntax error", "502 5.5.2 Command not recognized"])
async def test_a_host_that_knows_no_extensions_is_greeted_the_old_way(
    world: MailWorld, verify: Verifier, reply: str
) -> None:
    """A host that does not know EHLO is asked with HELO in the same conversation."""
    world.mail.hello_reply = reply

    verdict = await verify("jane@acme.test")

    assert (verdict.status, world.mail.session_count) == ("deliverable", 1)
    assert world.mail.heard[:3] == [
        "EHLO leadfall.test",
        "HELO leadfall.test",
        f"MAIL FROM:<{SENDER}>",
    ]


@pytest.mark.parametrize("reply", ["550 5.7.1 Go away", "554 No", "504 Not with this name"])
async def test_a_host_that_refuses_the_greeting_is_not_urged(
    world: MailWorld, verify: Verifier, reply: str
) -> None:
    """A refusal of EHLO that does not say that it is unknown is about whoever asks."""
    world.mail.hello_reply = reply

    verdict = await verify("jane@acme.test")

    assert (verdict.reason, world.mail.heard[:1]) == ("prober_blocked", ["EHLO leadfall.test"])
    assert "HELO leadfall.test" not in world.mail.heard


@pytest.mark.parametrize("extensions", [("SMTPUTF8", "PIPELINING"), ("SMTPUTF8",)])
async def test_a_local_part_beyond_ascii_needs_a_host_that_can(
    world: MailWorld, verify: Verifier, extensions: tuple[str, ...]
) -> None:
    """An internationalised local part is asked about where the host announces SMTPUTF8."""
    world.mail.extensions = extensions
    world.mail.says["jörg@acme.test"] = ACCEPTED

    verdict = await verify("jörg@acme.test")

    assert verdict.status == "deliverable"


def own_certificate(folder: Path) -> ssl.SSLContext:
    """Return a server context with a self-signed certificate for another name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere.test")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context

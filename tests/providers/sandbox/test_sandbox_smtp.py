"""The mail server, spoken to with aiosmtplib."""

import asyncio
from collections.abc import AsyncIterator
from itertools import product
from string import ascii_lowercase

import aiosmtplib
import pytest

from providers.sandbox.pace import Pace
from providers.sandbox.server import Sandbox
from providers.sandbox.smtp import GREYLIST_S
from providers.sandbox.truth import Mailbox, mailbox_at


@pytest.fixture
async def smtp(sandbox: Sandbox) -> AsyncIterator[aiosmtplib.SMTP]:
    client = aiosmtplib.SMTP(
        hostname="127.0.0.1", port=sandbox.smtp_port, start_tls=False, timeout=5
    )
    await client.connect()
    await client.ehlo(hostname="prober.leadfall")
    await client.mail("probe@prober.leadfall")
    yield client
    client.close()


async def ask(client: aiosmtplib.SMTP, address: str) -> str:
    """Return code and text of the reply to RCPT, refusal or not."""
    try:
        reply = await client.rcpt(address)
    except aiosmtplib.SMTPRecipientRefused as refused:
        return f"{refused.code} {refused.message}"
    return f"{reply.code} {reply.message}"


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        ("nadia.onlybuiltin@brightwater.leadfall", "250 2.1.5"),
        ("Nadia.OnlyBuiltin@Brightwater.Leadfall", "250 2.1.5"),
        ("nadia.onlynobody@brightwater.leadfall", "550 5.1.1"),
        ("q8w7e6r5t4y3u2i1o0pa@brightwater.leadfall", "550 5.1.1"),
        ("q8w7e6r5t4y3u2i1o0pa@quillstone.leadfall", "250 2.1.5"),
        ("nadia.onlybuiltin@slowpost.leadfall", "451 4.7.1"),
        ("nadia.onlybuiltin@ironwall.leadfall", "550 5.7.1"),
        ("nadia.onlybuiltin@nomail.leadfall", "550 5.1.2"),
        ("nadia.onlybuiltin@example.com", "550 5.1.2"),
        ("nadia", "501 5.1.3"),
    ],
)
async def test_a_recipient_is_judged_by_its_domain(
    smtp: aiosmtplib.SMTP, address: str, reply: str
) -> None:
    assert reply == (await ask(smtp, address))[:9]


async def test_a_full_mailbox_exists_and_says_so(smtp: aiosmtplib.SMTP) -> None:
    addresses = (
        f"anna.{''.join(name)}son@brightwater.leadfall"
        for name in product(ascii_lowercase, repeat=2)
    )
    address = next(one for one in addresses if mailbox_at(one) is Mailbox.FULL)

    assert (await ask(smtp, address))[:9] == "552 5.2.2"


async def test_a_greylisted_recipient_is_accepted_when_asked_again(
    sandbox: Sandbox, smtp: aiosmtplib.SMTP
) -> None:
    address = "nadia.onlybuiltin@slowpost.leadfall"
    first = await ask(smtp, address)

    async with asyncio.timeout(5):
        while (await ask(smtp, address))[:3] != "250":
            pass

    assert first[:3] == "451"
    assert Pace(sandbox.addresses.time_scale).real_s(GREYLIST_S) < 5


async def test_a_hanging_server_closes_only_after_its_patience(smtp: aiosmtplib.SMTP) -> None:
    assert (await ask(smtp, "a.b@stuckpost.leadfall"))[:3] == "421"


async def test_one_session_asks_about_several_recipients(smtp: aiosmtplib.SMTP) -> None:
    await smtp.rset()
    await smtp.noop()
    await smtp.mail("probe@prober.leadfall")

    assert (await ask(smtp, "nadia.onlybuiltin@brightwater.leadfall"))[:3] == "250"
    assert str((await smtp.quit()).code) == "221"


async def test_data_is_refused_and_booked_as_a_violation(
    sandbox: Sandbox, smtp: aiosmtplib.SMTP
) -> None:
    await smtp.rcpt("nadia.onlybuiltin@brightwater.leadfall")

    with pytest.raises(aiosmtplib.SMTPDataError):
        await smtp.data(b"Subject: no\r\n\r\nno\r\n")

    assert sandbox.books.summary()["violations"] == {"smtp.data": 1}


@pytest.mark.parametrize(
    ("commands", "codes"),
    [
        ("RCPT TO:<a@b.leadfall>", [503]),
        ("MAIL FROM:<a@b.leadfall>", [503]),
        ("HELO me|MAIL FROM:a@b", [250, 501]),
        ("EHLO", [501]),
        ("VRFY a|STARTTLS|QUIT", [252, 500, 221]),
        ("HELO me|MAIL FROM:<a@b.leadfall>|RCPT TO:<c.d@opendoor.leadfall>", [250, 250, 250]),
    ],
)
async def test_commands_sent_at_once_are_answered_in_order(
    sandbox: Sandbox, commands: str, codes: list[int]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.smtp_port)
    await reader.readline()
    writer.write("".join(f"{command}\r\n" for command in commands.split("|")).encode())

    replies = [await reader.readline() for _ in codes]

    assert codes == [int(reply[:3]) for reply in replies]
    writer.close()
    await writer.wait_closed()

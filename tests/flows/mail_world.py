"""A small world of mail on loopback: one name server and one mail host that plays them all."""

import asyncio
import re
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, Self, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

LOOPBACK = "127.0.0.1"
SILENT_ADDRESS = "127.0.0.9"
NO_SUCH_USER = "550 5.1.1 No such user"
ACCEPTED = "250 2.1.5 Ok"

_ADDRESS = re.compile(r"<([^>]*)>")


@contextmanager
def open_silence(port: int) -> Iterator[str]:
    """Keep a port at an address from answering whoever connects; yield the address.

    A queue of connections that nobody takes is full, and what comes then is dropped.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((SILENT_ADDRESS, port))
        listener.listen(0)
        for _ in range(2):
            caller = stack.enter_context(socket.socket())
            caller.settimeout(0)
            caller.connect_ex((SILENT_ADDRESS, port))
        yield SILENT_ADDRESS


class NameServer(asyncio.DatagramProtocol):
    """Answers from `records`; a name in `failing` gets a server failure, in `silent` nothing."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self.asked: Counter[tuple[str, str]] = Counter()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        if name in self.silent or self.transport is None:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.records:
            texts = self.records[name, kind]
            answer.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", kind, texts))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@dataclass(slots=True)
class MailServer:
    """Speaks just enough SMTP; what it says to a recipient is looked up in `says`.

    Attributes:
        says: Reply to RCPT TO by address; then by `*@domain`; else "no such user". A list is used
            up one by one, its last entry stays.
        extensions: What EHLO announces.
        hello_reply: The reply to EHLO instead of them, if not empty.
        banner: The first line; an empty one is never sent.
        sender_reply: The reply to MAIL FROM.
        hang_up_on_refusal: Hang up behind a refusal of a sender or a recipient; `abruptly` with
            what was sent meanwhile unread, so that the connection is reset; `never` to fall silent
            instead.
        recipients_max: Close a conversation with 421 behind so many recipients.
        stray: Said once, unasked, behind the first reply to a recipient, with nothing hung up.
        hang_up_after: Hang up without a word after so many recipients in one conversation.
        tls: When set, STARTTLS is announced, and demanded before MAIL FROM.
        kept_back: By address, what has to happen before RCPT TO is answered.
        heard: Every command that came in, in order.
    """

    says: dict[str, str | list[str]] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 1000")
    hello_reply: str = ""
    banner: str = "220 mail.test ESMTP"
    sender_reply: str = "250 2.1.0 Ok"
    hang_up_on_refusal: Literal["", "politely", "abruptly", "never"] = ""
    recipients_max: int = 1_000_000
    stray: str = ""
    hang_up_after: int = 1_000_000
    tls: ssl.SSLContext | None = None
    kept_back: dict[str, asyncio.Event] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    session_count: int = 0
    open_count: int = 0
    open_count_max: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.session_count += 1
        self.open_count += 1
        self.open_count_max = max(self.open_count, self.open_count_max)
        try:
            with suppress(ConnectionError):
                await self._converse(reader, writer)
        finally:
            self.open_count -= 1
            writer.close()

    def recipients(self) -> list[str]:
        """Return the addresses that were asked about, in order."""
        return [found[1] for line in self.heard if (found := re.match(r"RCPT TO:<(.*?)>", line))]

    async def everybody_left(self) -> None:
        """Wait until no conversation is open."""
        async with asyncio.timeout(5):
            while self.open_count:
                await asyncio.sleep(0.005)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.banner:
            writer.write(f"{self.banner}\r\n".encode())
        encrypted = False
        recipient_count = 0
        while line := (await reader.readline()).decode():
            command = line.rstrip("\r\n")
            self.heard.append(command)
            verb = command[:4].upper()
            recipient_count += verb == "RCPT"
            if recipient_count > self.hang_up_after:
                return
            if recipient_count > self.recipients_max:
                writer.write(b"421 4.7.0 Error: too many errors\r\n")
                return
            if verb == "RCPT" and (event := self.kept_back.get(_ADDRESS.findall(command)[0])):
                await event.wait()
            reply = self._reply(verb, command, encrypted=encrypted)
            writer.write(f"{reply}\r\n".encode())
            if verb == "RCPT" and self.stray:
                writer.write(f"{self.stray}\r\n".encode())
                self.stray = ""
            if self.hang_up_on_refusal and verb in {"MAIL", "RCPT"} and reply >= "4":
                await self._hang_up(reader, writer)
                return
            if verb == "STAR" and self.tls is not None:
                await writer.start_tls(self.tls)
                encrypted = True
            if verb == "QUIT":
                return

    async def _hang_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        if self.hang_up_on_refusal == "never":
            await reader.read()
        if self.hang_up_on_refusal == "abruptly":
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _reply(self, verb: str, command: str, *, encrypted: bool) -> str:
        if verb == "EHLO" and self.hello_reply:
            return self.hello_reply
        if verb == "EHLO":
            names = self.extensions + (("STARTTLS",) if self.tls and not encrypted else ())
            lines = ["mail.test", *names]
            return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)
        if verb == "MAIL" and self.tls is not None and not encrypted:
            return "530 5.7.0 Must issue a STARTTLS command first"
        if verb == "MAIL":
            return self.sender_reply
        if verb == "RCPT":
            return self._says(_ADDRESS.findall(command)[0])
        return "221 Bye" if verb == "QUIT" else "250 Ok"

    def _says(self, address: str) -> str:
        key = address if address in self.says else "*@" + address.rpartition("@")[2]
        replies = self.says.get(key, NO_SUCH_USER)
        if isinstance(replies, str):
            return replies
        return replies.pop(0) if len(replies) > 1 else replies[0]


class MailWorld:
    """The two servers, started; `dns_server` and `smtp_port` are where to find them."""

    def __init__(self) -> None:
        self.names = NameServer()
        self.mail = MailServer()
        self.dns_server = ""
        self.smtp_port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self.names, local_addr=(LOOPBACK, 0)
        )
        host, port = transport.get_extra_info("sockname")
        self.dns_server = f"{host}:{port}"
        self._server = await asyncio.start_server(self.mail.serve, LOOPBACK, 0)
        self.smtp_port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        assert self.names.transport is not None
        self.names.transport.close()
        self._server.close()
        await self.mail.everybody_left()
        await self._server.wait_closed()

    def domain(
        self,
        name: str,
        says: Mapping[str, str | list[str]] | None = None,
        *,
        mx: str = "",
        address: str = LOOPBACK,
    ) -> None:
        """Add a domain whose mail the mail server takes; `says` is by local part."""
        host = mx or f"mx.{name}"
        self.names.records[name, "MX"] = [f"10 {host}."]
        self.names.records[host, "A"] = [address]
        for local, reply in (says or {}).items():
            self.mail.says[f"{local}@{name}"] = reply

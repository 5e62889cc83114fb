"""What hostile owners write: hosts of URLs, addresses of names, and name servers that lie."""

# ruff: noqa: S104 - addresses to be refused, none to listen on

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset

HOSTS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
    "0", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[fe80::1%25lo]", "[fd00:ec2::254]",
    "169.254.169.254", "168.63.129.16", "100.100.100.200", "①②⑦.⓪.⓪.①", "127。0。0。1",
    "localhost", "localhost.", "printer.local", "metadata.google.internal", "user@hooks.example",
    "good.example@bad.example", "hooks.example:6379", "hooks.example:5432", "hooks.example:22",
]  # fmt: skip
PRIVATE = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254",
    "168.63.129.16", "172.16.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "203.0.113.7", "224.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip

NO_TIME_S = 0
"""The time to live of every answer: it is not to be believed any longer than it takes to read."""


@dataclass
class LyingNames(asyncio.DatagramProtocol):
    """A name server that follows a script.

    Attributes:
        aliases: the name that a name is only another word for.
        addresses: what a name answers, one list for each time it is asked, the last one for ever.
        exchangers: the mail exchangers of a domain.
        asked: how often each name was asked for its IPv4 addresses.
    """

    aliases: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    exchangers: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    server: str = ""
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)
        host, port = transport.get_extra_info("sockname")
        self.server = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name = query.question[0].name
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        for each in self._records(name, kind):
            answer.answer.append(each)
        assert self.transport is not None
        self.transport.sendto(answer.to_wire(), addr)

    def _records(self, name: dns.name.Name, kind: str) -> list[dns.rrset.RRset]:
        text = name.to_text(omit_final_dot=True).lower()
        if kind == "MX" and text in self.exchangers:
            return [_record(name, kind, f"10 {self.exchangers[text]}.")]
        if text in self.aliases:
            other = dns.name.from_text(self.aliases[text])
            return [_record(name, "CNAME", str(other)), *self._records(other, kind)]
        if kind == "A":
            self.asked[text] += 1
        said = self.addresses.get(text, [()])
        now = said.pop(0) if kind == "A" and len(said) > 1 else said[0]
        wanted = [each for each in now if (":" in each) == (kind == "AAAA")]
        return [_record(name, kind, *wanted)] if wanted and kind in {"A", "AAAA"} else []


def _record(name: dns.name.Name, kind: str, *texts: str) -> dns.rrset.RRset:
    return dns.rrset.from_text(name, NO_TIME_S, "IN", kind, *texts)


@asynccontextmanager
async def lying_names() -> AsyncIterator[LyingNames]:
    """Run a name server."""
    loop = asyncio.get_running_loop()
    transport, names = await loop.create_datagram_endpoint(LyingNames, local_addr=("127.0.0.1", 0))
    try:
        yield names
    finally:
        transport.close()

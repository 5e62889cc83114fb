"""A DNS server, over UDP and TCP, for the made-up domains and the hosts their mail goes to.

Every mail host is at 127.0.0.1; the SMTP server tells domains apart by the recipient.
"""

import asyncio
from contextlib import suppress
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from providers.sandbox.books import Books
from providers.sandbox.domains import Domain, Records, domain_at, is_mail_host

TTL_S: Final = 60
MAIL_HOST_ADDRESS: Final = "127.0.0.1"
IDLE_S_MAX: Final = 10.0
_UDP_BYTES_MAX: Final = 512
_PORT_TRIES_MAX: Final = 20


class DNSServer:
    """Answers A, AAAA, MX and TXT; everything else about a name that exists is empty."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self, host: str, port: int = 0) -> int:
        """Listen on one port for both protocols, a free one if 0 is given; return it."""
        loop = asyncio.get_running_loop()
        for _ in range(_PORT_TRIES_MAX):
            self._tcp = await asyncio.start_server(self._serve_tcp, host, port)
            bound = int(self._tcp.sockets[0].getsockname()[1])
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=(host, bound)
                )
            except OSError:
                self._tcp.close()
                if port:
                    raise
            else:
                return bound
        raise OSError("no port is free for UDP and TCP at once")

    async def stop(self) -> None:
        """Close both sockets and every connection."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            for writer in self._connections:
                writer.close()
            await self._tcp.wait_closed()

    def answer(self, wire: bytes) -> dns.message.Message | None:
        """Return the answer to a query, or None where the world stays silent."""
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError):
            return None
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            return None
        question = query.question[0]
        answer = dns.message.make_response(query, recursion_available=True)
        rcode, rrset = _look_up(question.name, question.rdtype)
        if rcode is None:
            self._books.tally("dns", _type_text(question.rdtype), "silent")
            return None
        answer.set_rcode(rcode)
        answer.flags |= dns.flags.AA
        if rrset is not None:
            answer.answer.append(rrset)
        self._books.tally("dns", _type_text(question.rdtype), dns.rcode.to_text(rcode).lower())
        return answer

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                while True:
                    async with asyncio.timeout(IDLE_S_MAX):
                        size = int.from_bytes(await reader.readexactly(2), "big")
                        wire = await reader.readexactly(size)
                    answer = self.answer(wire)
                    if answer is not None:
                        reply = answer.to_wire()
                        writer.write(len(reply).to_bytes(2, "big") + reply)
                        await writer.drain()
        finally:
            self._connections.discard(writer)
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DNSServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a datagram endpoint has no other

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._server.answer(data)
        if answer is not None and self._transport is not None:
            size_max = max(_UDP_BYTES_MAX, answer.payload)
            self._transport.sendto(answer.to_wire(max_size=size_max), addr)


Lookup = tuple[dns.rcode.Rcode | None, dns.rrset.RRset | None]


def _look_up(name: dns.name.Name, rdtype: dns.rdatatype.RdataType) -> Lookup:
    """Return the code and the records; no code at all means that nobody answers."""
    text = name.to_text(omit_final_dot=True).lower()
    domain = domain_at(text)
    if domain is not None:
        match domain.records:
            case Records.NONE:
                return dns.rcode.NXDOMAIN, None
            case Records.FAILING:
                return dns.rcode.SERVFAIL, None
            case Records.SILENT:
                return None, None
    if domain is None and not is_mail_host(text):
        return dns.rcode.NXDOMAIN, None
    values = _values(text, domain, rdtype)
    if not values:
        return dns.rcode.NOERROR, None
    rrset = dns.rrset.from_text_list(name, TTL_S, dns.rdataclass.IN, rdtype, values)
    return dns.rcode.NOERROR, rrset


def _values(text: str, domain: Domain | None, rdtype: dns.rdatatype.RdataType) -> list[str]:
    if rdtype == dns.rdatatype.A:
        return [MAIL_HOST_ADDRESS] if is_mail_host(text) else []
    if domain is None:
        return []
    if rdtype == dns.rdatatype.TXT:
        return [f'"{domain.spf}"'] if domain.spf is not None else []
    if rdtype == dns.rdatatype.MX:
        if domain.records is Records.NULL_EXCHANGER:
            return ["0 ."]
        return [f"{10 * (n + 1)} {host}." for n, host in enumerate(domain.exchangers)]
    return []


def _type_text(rdtype: dns.rdatatype.RdataType) -> str:
    return dns.rdatatype.to_text(rdtype).lower()

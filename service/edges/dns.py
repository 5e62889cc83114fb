"""Questions to the domain name system: where a domain's mail goes, and where a host lives."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, NamedTuple

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver
import idna
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from service.domain.expiring_map import ExpiringMap
from service.edges.single_flight import SingleFlight

DNS_PORT: Final = 53
QUESTION_TIMEOUT_S: Final = 5.0
PROBE_S_MAX: Final = 1.5
"""For a question whose answer only tells whether name servers answer at all."""
QUESTIONS_MAX: Final = 100
"""Questions in progress at once; each holds a socket."""
ANSWERS_MAX: Final = 50_000
"""Answers remembered."""
TTL_S_MIN: Final = 10.0
TTL_S_MAX: Final = 3_600.0
NOTHING_TTL_S: Final = 60.0
"""How long "there is no such record" is believed."""
SILENCE_TTL_S: Final = 5.0
"""How long a domain whose servers did not answer is left alone."""
EXCHANGES_MAX: Final = 20
DOMAIN_CHARACTERS_MAX: Final = 253


class DNSUnanswered(OSError):  # noqa: N818 - said of the question, not of the program
    """Nobody answered in time, or the answer was a server's failure."""


class RouteStatus(StrEnum):
    """Whether, and why not, mail for a domain has somewhere to go."""

    EXCHANGES = "exchanges"
    IMPLICIT = "implicit"
    NULL_MX = "null_mx"
    NO_SUCH_DOMAIN = "no_such_domain"
    NO_MAIL_HOST = "no_mail_host"
    UNKNOWN = "unknown"


class Exchange(NamedTuple):
    """One mail exchanger of a domain; the lowest preference is asked first."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class MailRoute:
    """Where mail for a domain goes.

    Attributes:
        domain: The domain in its ASCII form.
        status: `exchanges` and `implicit` have somewhere to go, the others have not.
        exchanges: Best preference first, equal ones by name; empty unless there is a way.
    """

    domain: str
    status: RouteStatus
    exchanges: tuple[Exchange, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all exchangers, best first."""
        return tuple(exchange.host for exchange in self.exchanges)

    @property
    def best_hosts(self) -> tuple[str, ...]:
        """The names of the exchangers that share the best preference."""
        best = self.exchanges[0].preference if self.exchanges else 0
        return tuple(one.host for one in self.exchanges if one.preference == best)


class _Answer(NamedTuple):
    """The records of one question; `exists` is False when the name itself does not exist."""

    records: tuple[str, ...]
    exists: bool = True
    silent: bool = False


class Resolver:
    """Ask, remember within bounds, and ask only once what many want to know at the same time."""

    def __init__(
        self, servers: Sequence[str] = (), *, timeout_s: float = QUESTION_TIMEOUT_S
    ) -> None:
        """Use `servers`, each `ip` or `ip:port`, or the system's when there are none.

        Raises:
            ValueError: a server is neither; the message names it.
        """
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [read_server(server) for server in servers]
        self._resolver.lifetime = timeout_s
        self._resolver.timeout = min(timeout_s, self._resolver.timeout)
        self._answers: ExpiringMap[tuple[str, str], _Answer] = ExpiringMap(ANSWERS_MAX)
        self._flights: SingleFlight[tuple[str, str], _Answer] = SingleFlight()
        self._slots = asyncio.Semaphore(QUESTIONS_MAX)

    async def mail_exchangers(self, domain: str) -> MailRoute:
        """Return where mail for `domain` goes, following RFC 5321 section 5.1 and RFC 7505.

        Silence and server failures are the status `unknown`, never an exception.
        """
        name = ascii_domain(domain)
        if name is None:
            return MailRoute(domain, RouteStatus.NO_SUCH_DOMAIN)
        answer = await self._ask(name, "MX")
        if answer.silent:
            return MailRoute(name, RouteStatus.UNKNOWN)
        if not answer.exists:
            return MailRoute(name, RouteStatus.NO_SUCH_DOMAIN)
        if answer.records:
            return _route(name, answer.records)
        return await self._implicit_route(name)

    async def addresses(self, host: str) -> list[str]:
        """Return the addresses of `host`, IPv4 first; an empty list when it has none.

        Raises:
            DNSUnanswered: no address is known because nobody answered.
        """
        name = ascii_domain(host)
        if name is None:
            return []
        answers = await asyncio.gather(self._ask(name, "A"), self._ask(name, "AAAA"))
        found = [record for answer in answers for record in answer.records]
        if not found and any(answer.silent for answer in answers):
            raise DNSUnanswered("the name servers did not answer")
        return found

    async def answers(self, name: str) -> bool:
        """Tell whether anybody answers for `name` now, and be it that there is no such name.

        What is remembered does not count, and nothing of this is remembered.
        """
        answer, _ = await self._send(name, "A", lifetime_s=PROBE_S_MAX)
        return not answer.silent

    async def texts(self, domain: str) -> list[str]:
        """Return the TXT records of `domain`, each joined to one string; empty when unknown."""
        name = ascii_domain(domain)
        return [] if name is None else list((await self._ask(name, "TXT")).records)

    async def _implicit_route(self, name: str) -> MailRoute:
        try:
            found = await self.addresses(name)
        except DNSUnanswered:
            return MailRoute(name, RouteStatus.UNKNOWN)
        if not found:
            return MailRoute(name, RouteStatus.NO_MAIL_HOST)
        return MailRoute(name, RouteStatus.IMPLICIT, (Exchange(0, name),))

    async def _ask(self, name: str, kind: str) -> _Answer:
        known = self._answers.get((name, kind))
        if known is not None:
            return known
        return await self._flights.run((name, kind), lambda: self._question(name, kind))

    async def _question(self, name: str, kind: str) -> _Answer:
        async with self._slots:
            answer, ttl_s = await self._send(name, kind)
        self._answers.put((name, kind), answer, ttl_s=ttl_s)
        return answer

    async def _send(
        self, name: str, kind: str, *, lifetime_s: float = math.inf
    ) -> tuple[_Answer, float]:
        try:
            answer = await self._resolver.resolve(
                f"{name}.",
                kind,
                raise_on_no_answer=False,
                search=False,
                lifetime=min(lifetime_s, self._resolver.lifetime),
            )
        except dns.resolver.NXDOMAIN:
            return _Answer((), exists=False), NOTHING_TTL_S
        except (dns.exception.DNSException, OSError):
            return _Answer((), silent=True), SILENCE_TTL_S
        if answer.rrset is None:
            return _Answer(()), NOTHING_TTL_S
        records = tuple(_record_text(record) for record in answer.rrset)
        return _Answer(records), min(max(answer.rrset.ttl, TTL_S_MIN), TTL_S_MAX)


def ascii_domain(domain: str) -> str | None:
    """Return the lower-case ASCII form of `domain` without a final dot, or None if it has none."""
    name = domain.strip().removesuffix(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    labels = name.split(".")
    fits = len(name) <= DOMAIN_CHARACTERS_MAX and all(0 < len(label) < 64 for label in labels)  # noqa: PLR2004 - RFC 1035
    clean = not any(character in name for character in "\\ \t\r\n\0@/")
    return name if fits and clean else None


def read_server(server: str) -> dns.nameserver.Nameserver:
    """Return the name server that `ip`, `ip:port` or `[ip]:port` stands for.

    Raises:
        ValueError: it stands for none; the message names it.
    """
    host, separator, port_text = server.strip().rpartition(":")
    if not separator or (":" in host and not host.startswith("[")):
        host, port_text = server.strip(), str(DNS_PORT)
    try:
        address = str(ip_address(host.strip("[]")))
        return dns.nameserver.Do53Nameserver(address, int(port_text))
    except ValueError:
        raise ValueError(f"LEADFALL_DNS__SERVERS: {server!r} is not ip or ip:port") from None


def _record_text(record: object) -> str:
    match record:
        case MX():
            return f"{record.preference} {record.exchange.to_text(omit_final_dot=True).lower()}"
        case TXT():
            return b"".join(record.strings).decode("utf-8", "replace")
        case _:
            return str(record)


def _route(name: str, records: Sequence[str]) -> MailRoute:
    exchanges = sorted(
        Exchange(int(preference), host)
        for preference, _, host in (record.partition(" ") for record in records)
    )
    named = tuple(one for one in exchanges if one.host not in {"", "."})
    if not named:
        return MailRoute(name, RouteStatus.NULL_MX)
    return MailRoute(name, RouteStatus.EXCHANGES, named[:EXCHANGES_MAX])

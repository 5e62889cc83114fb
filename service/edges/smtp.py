"""Asking mail exchangers about recipients, through the dial guard and within courtesy's bounds."""

import asyncio
import errno
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, assert_never
from zlib import crc32

import structlog

from service.domain.smtp_reply import ReplyMeaning, SmtpReply
from service.edges.dial_guard import EgressPolicy, dial
from service.edges.dns import MailRoute, Resolver
from service.edges.host_leases import HostLeases
from service.edges.mail_exchanger import Courtesy, MailExchanger, NotDialled
from service.edges.port_watch import Passage, PortWatch
from service.edges.smtp_session import Introduction, SessionRefused, SmtpSession

_log = structlog.get_logger()

SMTP_PORT: Final = 25
STEP_TIMEOUT_S: Final = 10.0
DIAL_TIMEOUT_S: Final = 5.0
HOSTS_MAX: Final = 256
"""Mail hosts held at a time; with the sessions of each, the bound on open connections."""
DIALOGUES_MAX: Final = 100
EXCHANGES_TRIED_MAX: Final = 3
ADDRESSES_TRIED_MAX: Final = 2
TURN_SHARE: Final = 0.5
"""The share of a probe's time it may spend waiting for its turn at a host."""

UNHEARD: Final = frozenset(
    {
        ReplyMeaning.UNREACHABLE,
        ReplyMeaning.TIMEOUT,
        ReplyMeaning.EGRESS_REFUSED,
        ReplyMeaning.TRY_LATER,
    }
)
"""Ends of a dialogue before the recipient that are worth asking the next exchanger about."""

# What a firewall on the way says in a mail host's stead.
_WAY_BARRED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EHOSTUNREACH, errno.ENETUNREACH})

OpenSocket = Callable[[int, int, int], socket.socket]


class SmtpProber:
    """Ask whether a mail host takes mail for a recipient; it never sends any.

    At most one owner; close it when done. Safe for any number of concurrent probes.

    Args:
        leases: by which processes agree who converses with a host; None for this process alone.
    """

    def __init__(
        self,
        *,
        resolver: Resolver,
        policy: EgressPolicy,
        helo: str,
        sender: str,
        port: int = SMTP_PORT,
        step_timeout_s: float = STEP_TIMEOUT_S,
        dial_timeout_s: float = DIAL_TIMEOUT_S,
        courtesy: Courtesy | None = None,
        leases: HostLeases | None = None,
        open_socket: OpenSocket = socket.socket,
    ) -> None:
        self._resolver = resolver
        self._policy = policy
        self._introduction = Introduction(helo, sender, step_timeout_s)
        self._port = port
        self._dial_timeout_s = dial_timeout_s
        self._courtesy = courtesy or Courtesy()
        self._leases = leases
        self._open_socket = open_socket
        self._watch = PortWatch()
        self._hosts: OrderedDict[str, MailExchanger] = OrderedDict()
        self._dialogues = asyncio.Semaphore(DIALOGUES_MAX)
        self._farewells: set[asyncio.Task[None]] = set()

    async def probe(
        self, route: MailRoute, address: str, *, deadline_s: float, since_s: float | None = None
    ) -> SmtpReply:
        """Return what the domain's mail exchangers say about `address`.

        `address` is in its envelope spelling (ASCII domain). Never takes longer than `deadline_s`,
        and never raises for anything the other side does.

        Args:
            since_s: since when the lead is looked at, on the monotonic clock; None for now. At a
                mail host with a line the lead that is looked at longest goes first.

        Raises:
            ValueError: the address could smuggle commands.
        """
        try:
            async with asyncio.timeout(deadline_s):
                return await self._probe(
                    route,
                    address,
                    wait_s=deadline_s * TURN_SHARE,
                    since_s=time.monotonic() if since_s is None else since_s,
                )
        except TimeoutError:
            return SmtpReply(ReplyMeaning.TIMEOUT, "recipient")

    @property
    def port_shut(self) -> bool:
        """Whether nothing gets out on the mail port, so that every question ends `port_blocked`."""
        return self._watch.shut

    async def close(self) -> None:
        """End every conversation."""
        hosts = list(self._hosts.values())
        self._hosts.clear()
        await asyncio.gather(*(host.close() for host in hosts), *self._farewells)
        if self._leases is not None:
            await self._leases.close()

    async def _probe(
        self, route: MailRoute, address: str, *, wait_s: float, since_s: float
    ) -> SmtpReply:
        reply = SmtpReply(ReplyMeaning.UNREACHABLE, "connect")
        for host in _in_order(route, address):
            reply = await self._exchanger(host).ask(address, wait_s=wait_s, since_s=since_s)
            if reply.code is not None:
                # A conversation that is kept in use shows the port open as a new one does.
                self._note_reached(host)
            if reply.stage == "recipient" or reply.meaning not in UNHEARD:
                break
        return reply

    def _exchanger(self, host: str) -> MailExchanger:
        exchanger = self._hosts.get(host)
        if exchanger is None:
            self._make_room()
            exchanger = MailExchanger(
                host, self._open_session, self._courtesy, self._dialogues, self._leases
            )
            self._hosts[host] = exchanger
        self._hosts.move_to_end(host)
        return exchanger

    def _make_room(self) -> None:
        """Let the host go that nobody has asked for longest; a host in use always stays."""
        if len(self._hosts) < HOSTS_MAX:
            return
        host = next((name for name, one in self._hosts.items() if not one.asker_count), None)
        if host is not None:
            farewell = asyncio.create_task(self._hosts.pop(host).close())
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    async def _open_session(self, host: str) -> SmtpSession:
        addresses = await self._addresses(host)
        match self._watch.admit():
            case Passage.OPEN:
                connection = await self._dial(host, addresses)
            case Passage.TRIAL:
                connection = await self._try_port(host, addresses)
            case Passage.IN_DOUBT:
                raise NotDialled(ReplyMeaning.PORT_IN_DOUBT)
            case Passage.SHUT:
                raise NotDialled(ReplyMeaning.PORT_BLOCKED)
            case other:
                assert_never(other)
        return await SmtpSession.open(connection, host=host, introduction=self._introduction)

    async def _try_port(self, host: str, addresses: Sequence[str]) -> socket.socket:
        """Dial a host on trial: the port is shut if it stays silent, and every witness with it.

        Takes hardly longer than the dial. One that is cut off, or that fails for another reason
        than silence, tells nothing.
        """
        silent = False
        calls = [asyncio.create_task(self._call(witness)) for witness in self._watch.witnesses]
        try:
            return await self._dial(host, addresses)
        except OSError as problem:
            if calls:
                await asyncio.wait(calls)
            silent = _is_barred(problem)
            raise
        finally:
            for call in calls:
                call.cancel()
            if self._watch.end_trial(silent=silent):
                _log.warning(
                    "smtp_port.found_shut",
                    port=self._port,
                    hint="outgoing mail connections are blocked here; other providers are asked",
                )

    async def _call(self, host: str) -> None:
        """Call a host that was reached before; if it answers, that is noted."""
        with suppress(OSError, SessionRefused):
            async with asyncio.timeout(self._dial_timeout_s):
                await self._exchanger(host).call(self._open_unasked)

    async def _open_unasked(self, host: str) -> SmtpSession:
        connection = await self._dial(host, await self._addresses(host))
        return await SmtpSession.open(connection, host=host, introduction=self._introduction)

    async def _addresses(self, host: str) -> Sequence[str]:
        addresses = await self._resolver.addresses(host)
        for address in addresses:
            # One private answer discredits the name, even if that one would not be dialled.
            self._policy.check_address(address, self._port, host=host)
        if not addresses:
            raise OSError("the mail host has no address")
        return addresses

    async def _dial(self, host: str, addresses: Sequence[str]) -> socket.socket:
        problems: list[OSError] = []
        for address in addresses[:ADDRESSES_TRIED_MAX]:
            try:
                async with asyncio.timeout(self._dial_timeout_s):
                    connection = await dial(
                        self._policy, address, self._port, host=host, open_socket=self._open_socket
                    )
            except OSError as problem:
                if not _is_without_ipv6(address, problem):
                    problems.append(problem)
            else:
                self._note_reached(host)
                return connection
        if not problems:
            raise OSError("this machine reaches no IPv6 address")
        raise self._failure(host, problems)

    def _failure(self, host: str, problems: Sequence[OSError]) -> OSError:
        """Return the problem that tells most: a refusal proves that something was reached."""
        answered = [problem for problem in problems if not _is_barred(problem)]
        if not answered:
            self._watch.stayed_silent(host)
            return problems[0]
        if any(isinstance(problem, ConnectionRefusedError) for problem in answered):
            self._note_reached(host)
        return answered[0]

    def _note_reached(self, host: str) -> None:
        if self._watch.reached(host):
            _log.info("smtp_port.found_open", port=self._port)


def _in_order(route: MailRoute, address: str) -> list[str]:
    """Return the hosts to try: by preference, and among equals always the same for an address.

    That shares the questions out, and one that a greylist puts off is repeated where it was heard.
    """
    ordered = sorted(
        route.exchanges,
        key=lambda one: (one.preference, crc32(f"{address} {one.host}".encode())),
    )
    return [exchange.host for exchange in ordered[:EXCHANGES_TRIED_MAX]]


def _is_barred(problem: OSError) -> bool:
    return isinstance(problem, TimeoutError) or problem.errno in _WAY_BARRED


def _is_without_ipv6(address: str, problem: OSError) -> bool:
    """Tell whether a dial failed for what this machine lacks; most networks have IPv4 alone."""
    return ":" in address and problem.errno == errno.ENETUNREACH

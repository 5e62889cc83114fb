"""Asking mail exchangers about recipients, through the dial guard and within courtesy's bounds."""

import asyncio
import socket
import time
from collections import OrderedDict
from typing import Final
from zlib import crc32

from service.domain.smtp_reply import ReplyMeaning, SmtpReply
from service.edges.dial_guard import EgressPolicy
from service.edges.dns import MailRoute, Resolver
from service.edges.host_leases import HostLeases
from service.edges.mail_exchanger import Courtesy, MailExchanger
from service.edges.mail_port import DIAL_TIMEOUT_S, MailPort, OpenSocket
from service.edges.smtp_session import Introduction, SessionRefused, SmtpSession

SMTP_PORT: Final = 25
STEP_TIMEOUT_S: Final = 10.0
HOSTS_MAX: Final = 256
"""Mail hosts held at a time; with the sessions of each, the bound on open connections."""
DIALOGUES_MAX: Final = 100
EXCHANGES_TRIED_MAX: Final = 3
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
        self._introduction = Introduction(helo, sender, step_timeout_s)
        self._port = MailPort(
            port,
            resolver=resolver,
            policy=policy,
            dial_timeout_s=dial_timeout_s,
            open_socket=open_socket,
            call=self._call,
        )
        self._courtesy = courtesy or Courtesy()
        self._leases = leases
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
        return self._port.shut

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
                self._port.note_reached(host)
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
        return await self._introduce(await self._port.dial(host), host)

    async def _open_unasked(self, host: str) -> SmtpSession:
        return await self._introduce(await self._port.dial_unasked(host), host)

    async def _introduce(self, connection: socket.socket, host: str) -> SmtpSession:
        return await SmtpSession.open(connection, host=host, introduction=self._introduction)

    async def _call(self, witness: str, wait_s: float) -> bool:
        """Call a host that was reached before, in a conversation like any other."""
        try:
            return await self._exchanger(witness).call(self._open_unasked, wait_s=wait_s)
        except (OSError, SessionRefused):
            return True


def _in_order(route: MailRoute, address: str) -> list[str]:
    """Return the hosts to try: by preference, and among equals always the same for an address.

    That shares the questions out, and one that a greylist puts off is repeated where it was heard.
    """
    ordered = sorted(
        route.exchanges,
        key=lambda one: (one.preference, crc32(f"{address} {one.host}".encode())),
    )
    return [exchange.host for exchange in ordered[:EXCHANGES_TRIED_MAX]]

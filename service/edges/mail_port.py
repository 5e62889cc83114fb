"""Dialling mail hosts through the guard, as long as the mail port is not shut."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, assert_never

import structlog

from service.domain.smtp_reply import ReplyMeaning
from service.edges.dial_guard import EgressPolicy, dial
from service.edges.dns import Resolver
from service.edges.port_watch import Passage, PortWatch

_log = structlog.get_logger()

DIAL_TIMEOUT_S: Final = 5.0
ADDRESSES_TRIED_MAX: Final = 2

# What a firewall on the way says in a mail host's stead.
_WAY_BARRED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EHOSTUNREACH, errno.ENETUNREACH})

OpenSocket = Callable[[int, int, int], socket.socket]


class NotDialled(OSError):  # noqa: N818 - said of this machine's network
    """The mail port is shut or in doubt, so nobody was called; `meaning` says which."""

    def __init__(self, meaning: ReplyMeaning) -> None:
        super().__init__(meaning)
        self.meaning = meaning


class MailPort:
    """The way out to mail hosts, which most clouds and home networks bar.

    Args:
        call: calls a host that was reached before, within the bounds of courtesy, and tells
            whether it did: its turn must come within so many seconds. It dials with `dial_unasked`
            and raises nothing for a host that cannot be reached.
    """

    def __init__(
        self,
        port: int,
        *,
        resolver: Resolver,
        policy: EgressPolicy,
        dial_timeout_s: float,
        open_socket: OpenSocket,
        call: Callable[[str, float], Awaitable[bool]],
    ) -> None:
        self._port = port
        self._resolver = resolver
        self._policy = policy
        self._dial_timeout_s = dial_timeout_s
        self._open_socket = open_socket
        self._call = call
        self._watch = PortWatch()

    @property
    def shut(self) -> bool:
        """Whether nothing gets out at present."""
        return self._watch.shut

    def note_reached(self, host: str) -> None:
        """Take note that a host answered: in a new conversation, or in one kept in use."""
        if self._watch.reached(host):
            _log.info("smtp_port.found_open", port=self._port)

    async def dial(self, host: str) -> socket.socket:
        """Return a connection to a mail host, if dialling is worth its wait.

        Raises:
            NotDialled: it is not.
            OSError: the host could not be reached, or must not be.
        """
        addresses = await self._addresses(host)
        match self._watch.admit():
            case Passage.OPEN:
                return await self._dial(host, addresses)
            case Passage.TRIAL:
                return await self._try(host, addresses)
            case Passage.IN_DOUBT:
                raise NotDialled(ReplyMeaning.PORT_IN_DOUBT)
            case Passage.SHUT:
                raise NotDialled(ReplyMeaning.PORT_BLOCKED)
            case other:
                assert_never(other)

    async def dial_unasked(self, host: str) -> socket.socket:
        """Return a connection to a mail host, whatever is known of the port.

        Raises:
            OSError: the host could not be reached, or must not be.
        """
        return await self._dial(host, await self._addresses(host))

    async def _try(self, host: str, addresses: Sequence[str]) -> socket.socket:
        """Dial a host on trial: the port is shut if it stays silent, and every witness with it.

        Takes hardly longer than the dial, and never longer than two. One that is cut off, that
        fails for another reason than silence, or with a witness that could not be called in time,
        tells nothing.
        """
        silent = False
        others = [witness for witness in self._watch.witnesses if witness != host]
        calls = [asyncio.create_task(self._summon(witness)) for witness in others]
        try:
            return await self._dial(host, addresses)
        except OSError as problem:
            self._watch.called(host)
            if calls and self._watch.doubted:
                await asyncio.wait(calls, timeout=ADDRESSES_TRIED_MAX * self._dial_timeout_s)
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

    async def _summon(self, witness: str) -> None:
        if await self._call(witness, self._dial_timeout_s):
            self._watch.called(witness)

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
                self.note_reached(host)
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
            self.note_reached(host)
        return answered[0]


def _is_barred(problem: OSError) -> bool:
    return isinstance(problem, TimeoutError) or problem.errno in _WAY_BARRED


def _is_without_ipv6(address: str, problem: OSError) -> bool:
    """Tell whether a dial failed for what this machine lacks; most networks have IPv4 alone."""
    return ":" in address and problem.errno == errno.ENETUNREACH

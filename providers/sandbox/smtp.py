"""A mail server for every made-up domain: it judges recipients, and takes no mail."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from providers.sandbox.books import Books
from providers.sandbox.domains import Reception, domain_at
from providers.sandbox.pace import Pace
from providers.sandbox.truth import Mailbox, mailbox_at

GREYLIST_S: Final = 60.0  # vendor time
HANG_S: Final = 600.0  # vendor time
IDLE_S_MAX: Final = 60.0
LINE_BYTES_MAX: Final = 2_000
COMMANDS_MAX: Final = 1_000
SESSIONS_MAX: Final = 1_000
SEEN_MAX: Final = 100_000

_HOST: Final = "mx.sandbox.leadfall"
_REPLIES: Final = {
    Mailbox.OPEN: "250 2.1.5 Recipient OK",
    Mailbox.FULL: "552 5.2.2 Mailbox full",
    Mailbox.ABSENT: "550 5.1.1 No such user",
}
_PATH: Final = re.compile(r"(?:from|to):\s*<([^<>\s]*)>(?:\s.*)?", re.IGNORECASE)


@dataclass(slots=True)
class _Session:
    greeted: bool = False
    sender: str | None = field(default=None, repr=False)


class SMTPServer:
    """EHLO, HELO, MAIL, RCPT, RSET, NOOP, VRFY and QUIT; DATA is refused and booked as a breach."""

    def __init__(self, pace: Pace, books: Books) -> None:
        self._pace = pace
        self._books = books
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._first_seen_s: dict[str, float] = {}

    async def start(self, host: str, port: int = 0) -> int:
        """Listen on the port, a free one if 0 is given; return it."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=LINE_BYTES_MAX)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the socket and every session."""
        if self._server is None:
            return
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._tasks) >= SESSIONS_MAX:
            writer.write(b"421 4.3.2 Too many sessions\r\n")
            writer.close()
            return
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, TimeoutError, ValueError):
                await self._converse(reader, writer)
        except asyncio.CancelledError:
            # Stopping cancels sessions; streams would report a cancelled one as an error.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session()
        writer.write(f"220 {_HOST} ESMTP\r\n".encode())
        for _ in range(COMMANDS_MAX):
            async with asyncio.timeout(IDLE_S_MAX):
                await writer.drain()
                line = await reader.readline()
            if not line:
                return
            verb, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
            verb = verb.upper()
            reply = self._reply(session, verb, argument)
            if reply is None:
                await self._hang(reader)
                reply = "421 4.4.2 Timeout"
            if verb != "EHLO":
                self._books.tally("smtp", verb.lower()[:8], reply[:9].strip())
            writer.write(f"{reply}\r\n".encode())
            if verb == "QUIT" or reply.startswith("421"):
                await writer.drain()
                return
        writer.write(b"421 4.7.0 Too many commands\r\n")

    def _reply(self, session: _Session, verb: str, argument: str) -> str | None:
        """Return the reply to one command, or None for a server that has stopped answering."""
        known: dict[str, Callable[[_Session, str], str | None]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "RSET": self._rset,
            "DATA": self._data,
        }
        if verb in known:
            return known[verb](session, argument)
        fixed = {"NOOP": "250 2.0.0 OK", "QUIT": "221 2.0.0 Bye", "VRFY": "252 2.5.2 Try RCPT"}
        return fixed.get(verb, "500 5.5.2 Command not recognized")

    def _ehlo(self, session: _Session, argument: str) -> str:
        session.greeted, session.sender = bool(argument), None
        if not argument:
            return "501 5.5.4 Name missing"
        lines = (
            _HOST,
            "SIZE 10485760",
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        )
        *first, last = lines
        return "".join(f"250-{line}\r\n" for line in first) + f"250 {last}"

    def _helo(self, session: _Session, argument: str) -> str:
        session.greeted, session.sender = bool(argument), None
        return f"250 {_HOST}" if argument else "501 5.5.4 Name missing"

    def _mail(self, session: _Session, argument: str) -> str:
        path = _PATH.fullmatch(argument)
        if not session.greeted or session.sender is not None:
            return "503 5.5.1 Bad sequence of commands"
        if path is None:
            return "501 5.5.4 Syntax: MAIL FROM:<address>"
        session.sender = path[1]
        return "250 2.1.0 Sender OK"

    def _rset(self, session: _Session, _argument: str) -> str:
        session.sender = None
        return "250 2.0.0 OK"

    def _data(self, _session: _Session, _argument: str) -> str:
        self._books.violate("smtp.data")
        return "554 5.7.0 No mail is taken here"

    def _rcpt(self, session: _Session, argument: str) -> str | None:
        if session.sender is None:
            return "503 5.5.1 MAIL first"
        path = _PATH.fullmatch(argument)
        if path is None or "@" not in path[1]:
            return "501 5.1.3 Syntax: RCPT TO:<address>"
        return self._judge(path[1].lower())

    def _judge(self, address: str) -> str | None:
        """Return what the recipient's domain says of the address."""
        domain = domain_at(address.rpartition("@")[2])
        if domain is None or not domain.takes_mail:
            return "550 5.1.2 No mail for this domain here"
        match domain.reception:
            case Reception.HANGING:
                return None
            case Reception.REFUSING:
                return "550 5.7.1 Refused by policy: client host blocked"
            case Reception.GREYLISTING if self._is_greylisted(address):
                return "451 4.7.1 Greylisted, try again later"
            case Reception.CATCH_ALL:
                return _REPLIES[Mailbox.OPEN]
            case _:
                return _REPLIES[mailbox_at(address)]

    def _is_greylisted(self, address: str) -> bool:
        if len(self._first_seen_s) >= SEEN_MAX:
            self._first_seen_s.clear()
        now_s = self._pace.now_s()
        return now_s - self._first_seen_s.setdefault(address, now_s) < GREYLIST_S

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        """Stay silent until the client gives up, or for `HANG_S`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.real_s(HANG_S)):
                while await reader.read(LINE_BYTES_MAX):
                    pass

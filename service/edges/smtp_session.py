"""One SMTP conversation with one mail host, for asking about recipients; never any DATA."""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from service.domain.smtp_reply import (
    ReplyMeaning,
    SmtpReply,
    Stage,
    enhanced_code,
    read_refusal,
    read_reply,
)

LINE_BYTES_MAX: Final = 4_096
REPLY_LINES_MAX: Final = 100
GOODBYE_TIMEOUT_S: Final = 1.0

_REPLY_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r?\n", re.DOTALL)
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f<>]")

_FIRST_REFUSAL: Final = 400
# What a host without extensions says to EHLO; RFC 5321 has it asked with HELO then.
_NOT_UNDERSTOOD: Final = frozenset({500, 502})


class DialogueBroken(OSError):  # noqa: N818 - said of the other side
    """The other side hung up, or sent what no mail server says, or not at that time."""


class SessionRefused(Exception):  # noqa: N818 - a refusal is an answer
    """The host would not come as far as a recipient; `reply` says what it said."""

    def __init__(self, reply: SmtpReply) -> None:
        super().__init__(reply.meaning)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Introduction:
    """How the prober presents itself, and how long it waits for each answer.

    Attributes:
        helo: The name given at EHLO or HELO; should match the PTR record of the sending address.
        sender: The envelope sender; should be an address that works.
        step_timeout_s: Deadline of each single step of the dialogue.
    """

    helo: str
    sender: str
    step_timeout_s: float


class SmtpSession:
    """A conversation past the greeting; each recipient gets an envelope of its own.

    Not safe for two askers at once.
    """

    def __init__(
        self,
        host: str,
        introduction: Introduction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.host = host
        self.asked_count = 0
        self._introduction = introduction
        self._reader = reader
        self._writer = writer
        self._extensions: frozenset[str] = frozenset()
        self._encrypted = False
        self._envelope_open = False

    @classmethod
    async def open(
        cls, connection: socket.socket, *, host: str, introduction: Introduction
    ) -> "SmtpSession":
        """Take over a connected socket and come as far as a successful EHLO or HELO.

        Raises:
            SessionRefused: the host refused.
            DialogueBroken: the host hung up or does not speak SMTP.
            TimeoutError: a step took too long.
        """
        try:
            reader, writer = await asyncio.open_connection(sock=connection, limit=LINE_BYTES_MAX)
        except BaseException:
            connection.close()
            raise
        session = cls(host, introduction, reader, writer)
        try:
            async with asyncio.timeout(introduction.step_timeout_s):
                session._require(await session._reply(), "banner")
            await session._hello()
        except BaseException:
            session.close()
            raise
        return session

    async def ask(self, recipient: str) -> SmtpReply:
        """Return what the host says about `recipient`, an address in its envelope spelling.

        Encrypts the conversation first if the host demands it.

        Raises:
            ValueError: the address could smuggle commands.
            DialogueBroken: the host hung up or is out of step; the session is of no more use.
            TimeoutError: a step took too long; the session is of no more use.
        """
        if _UNSAFE.search(recipient):
            raise ValueError("not an envelope address")
        reply = await self._ask(recipient)
        if reply.meaning is ReplyMeaning.TLS_REQUIRED and self._can_encrypt:
            await self._encrypt()
            reply = await self._ask(recipient)
        return reply

    @property
    def usable(self) -> bool:
        """Whether the host has not hung up meanwhile."""
        return not (self._reader.at_eof() or self._writer.is_closing())

    async def quit(self) -> None:
        """Say goodbye, without insisting, and close."""
        if self.usable:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                    self._writer.write(b"QUIT\r\n")
                    await self._reply()
        self.close()

    def close(self) -> None:
        """Close the connection at once."""
        self._writer.close()

    @property
    def _can_encrypt(self) -> bool:
        return "STARTTLS" in self._extensions and not self._encrypted and self.usable

    async def _ask(self, recipient: str) -> SmtpReply:
        suffix = ""
        if not recipient.isascii():
            if "SMTPUTF8" not in self._extensions:
                return SmtpReply(ReplyMeaning.UNKNOWN, "sender", self.host)
            suffix = " SMTPUTF8"
        resets = self._envelope_open
        commands = [
            *(["RSET"] if resets else []),
            f"MAIL FROM:<{self._introduction.sender}>{suffix}",
            f"RCPT TO:<{recipient}>",
        ]
        self.asked_count += 1
        self._envelope_open = True
        replies = await self._commands(commands)
        code, text = replies[-1]
        if resets and replies[0][0] >= _FIRST_REFUSAL:
            # Nobody refuses a reset: this was said before, and each reply is to an earlier command.
            raise DialogueBroken("the host said what nobody asked")
        if len(replies) < len(commands) or replies[-2][0] >= _FIRST_REFUSAL:
            code, text = next(reply for reply in replies if reply[0] >= _FIRST_REFUSAL)
            return self._answer(code, text, "sender", read_refusal(code, text))
        return self._answer(code, text, "recipient", read_reply(code, text))

    async def _commands(self, commands: Sequence[str]) -> list[tuple[int, str]]:
        """Return the replies up to the first refusal, or all of them if sent in one go."""
        if "PIPELINING" in self._extensions:
            return await self._commands_at_once(commands)
        replies: list[tuple[int, str]] = []
        for command in commands:
            async with asyncio.timeout(self._introduction.step_timeout_s):
                self._send(command)
                replies.append(await self._reply())
            if replies[-1][0] >= _FIRST_REFUSAL:
                break
        return replies

    async def _commands_at_once(self, commands: Sequence[str]) -> list[tuple[int, str]]:
        """Return the replies to all commands, or those up to a refusal that ended in silence."""
        replies: list[tuple[int, str]] = []
        try:
            async with asyncio.timeout(self._introduction.step_timeout_s):
                self._send(*commands)
                for _ in commands:
                    replies.append(await self._reply())  # noqa: PERF401 - some may be all there is
        except OSError:
            if all(code < _FIRST_REFUSAL for code, _ in replies):
                raise
            # A later reply would be taken for one to a later command.
            self.close()
        return replies

    async def _hello(self) -> None:
        reply = await self._greet("EHLO")
        extended = reply[0] not in _NOT_UNDERSTOOD
        if not extended:
            reply = await self._greet("HELO")
        self._require(reply, "hello")
        lines = reply[1].split("\n")[1:] if extended else []
        self._extensions = frozenset(line.split(" ", 1)[0].upper() for line in lines)

    async def _greet(self, verb: Literal["EHLO", "HELO"]) -> tuple[int, str]:
        async with asyncio.timeout(self._introduction.step_timeout_s):
            self._send(f"{verb} {self._introduction.helo}")
            return await self._reply()

    async def _encrypt(self) -> None:
        async with asyncio.timeout(self._introduction.step_timeout_s):
            self._send("STARTTLS")
            self._require(await self._reply(), "hello")
            try:
                await self._writer.start_tls(_mail_tls(), server_hostname=self.host)
            except ssl.SSLError:
                raise DialogueBroken("the encryption could not be agreed on") from None
        self._encrypted = True
        self._envelope_open = False
        await self._hello()

    def _send(self, *commands: str) -> None:
        self._writer.write("".join(f"{command}\r\n" for command in commands).encode())

    async def _reply(self) -> tuple[int, str]:
        """Return the code and the joined lines of the next reply."""
        texts: list[str] = []
        for _ in range(REPLY_LINES_MAX):
            try:
                line = await self._reader.readline()
            except ValueError:
                raise DialogueBroken("a line was too long") from None
            read = _REPLY_LINE.fullmatch(line)
            if read is None:
                raise DialogueBroken("the host hung up or does not speak SMTP")
            code, separator, text = read.groups()
            texts.append((text or b"").decode("utf-8", "replace").strip())
            if separator != b"-":
                return int(code), "\n".join(texts)
        raise DialogueBroken("a reply had too many lines")

    def _require(self, reply: tuple[int, str], stage: Stage) -> None:
        code, text = reply
        if code >= _FIRST_REFUSAL:
            raise SessionRefused(self._answer(code, text, stage, read_refusal(code, text)))

    def _answer(self, code: int, text: str, stage: Stage, meaning: ReplyMeaning) -> SmtpReply:
        return SmtpReply(meaning, stage, self.host, code, enhanced_code(code, text))


def _mail_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    # Mail hosts rarely hold a certificate for the name in the MX record, and RFC 3207 leaves it to
    # the client; nothing but the question itself is at stake here.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

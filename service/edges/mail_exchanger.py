"""Everything held for one mail host: its conversations, its pace, and when it was last out."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from service.domain.smtp_reply import ReplyMeaning, SmtpReply
from service.edges.dial_guard import DialRefused
from service.edges.host_leases import HostLease, HostLeases
from service.edges.line import Line
from service.edges.mail_port import NotDialled
from service.edges.smtp_session import SessionRefused, SmtpSession

OpenSession = Callable[[str], Awaitable[SmtpSession]]


@dataclass(frozen=True, slots=True)
class Courtesy:
    """How gently one mail host is treated.

    Attributes:
        sessions_max: Conversations of this process with one host at a time.
        recipients_max: Recipients asked about in one conversation.
        interval_s: Pause between the beginnings of two questions to one host.
        idle_s: How long a conversation is kept without a question.
        out_s: How long a host that could not be reached is left alone.
    """

    sessions_max: int = 1
    recipients_max: int = 50
    interval_s: float = 0.05
    idle_s: float = 5.0
    out_s: float = 30.0


SERVICE_CLOSING: Final = 421
"""The reply with which a host ends a conversation, whatever was asked."""

# Before every question.
_AT_ONCE_S: Final = -math.inf


class MailExchanger:
    """One mail host; hands each question to a conversation that is free, or opens one.

    With leases, only one process at a time converses with the host. Whoever waits for it too long
    is told that it is busy. The host is left to another process after a turn, with every
    conversation ended before, or when nothing is asked here any more.
    """

    def __init__(
        self,
        host: str,
        open_session: OpenSession,
        courtesy: Courtesy,
        dialogues: asyncio.Semaphore,
        leases: HostLeases | None = None,
    ) -> None:
        """Share `dialogues`, the bound on conversations in use, with every other host."""
        self.host = host
        self.asker_count = 0
        self._open_session = open_session
        self._courtesy = courtesy
        self._dialogues = dialogues
        self._lease = None if leases is None else HostLease(leases, host, self)
        self._slots = Line(courtesy.sessions_max)
        self._in_use = 0
        self._idle: list[tuple[SmtpSession, asyncio.TimerHandle]] = []
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._departures: set[asyncio.Task[None]] = set()
        self._next_at_s = 0.0
        self._out_until_s = 0.0
        self._out_reply: SmtpReply | None = None

    async def ask(self, recipient: str, *, wait_s: float, since_s: float) -> SmtpReply:
        """Return what the host says about `recipient`.

        Waits at most `wait_s` seconds for its turn; `busy` says that the turn never came.

        Args:
            since_s: since when the lead is looked at, on the monotonic clock: the first is asked
                about first, so that what takes several questions is done before its time is over.
        """
        self.asker_count += 1
        try:
            try:
                async with asyncio.timeout(wait_s):
                    await self._begin(since_s)
            except TimeoutError:
                return SmtpReply(ReplyMeaning.BUSY, "connect", self.host)
            try:
                return await self._ask(recipient)
            finally:
                self._end()
        finally:
            self.asker_count -= 1

    async def call(self, open_session: OpenSession, *, wait_s: float) -> bool:
        """Call the host anew; the conversation is kept for a question.

        False if it was not called: it was out lately, or its turn did not come within `wait_s`
        seconds.

        Raises:
            OSError: the host could not be reached.
            SessionRefused: the host would not talk.
        """
        self.asker_count += 1
        try:
            try:
                async with asyncio.timeout(wait_s):
                    await self._begin(_AT_ONCE_S)
            except TimeoutError:
                return False
            try:
                if self._out_now is not None:
                    return False
                self._end_idle()
                await self._until_hung_up()
                self._keep(await open_session(self.host))
                return True
            finally:
                self._end()
        finally:
            self.asker_count -= 1

    def look_around(self) -> None:
        """Leave the host to others when nobody here talks to it."""
        lease = self._lease
        if lease is None or self.asker_count:
            return
        if not self._idle or lease.is_wanted or not lease.is_held:
            self._start(self._leave())

    async def close(self) -> None:
        """Close every conversation."""
        if self._departures:
            await asyncio.wait(self._departures)
        await self._part()

    async def _begin(self, since_s: float) -> None:
        """Wait for a turn here, and for the host to be this process's."""
        await self._slots.acquire(since_s)
        try:
            if self._lease is not None and self._out_now is None:
                if not self._lease.is_held:
                    # Its conversations are of an earlier turn; the host may be another's now.
                    self._end_idle()
                await self._lease.take()
        except BaseException:
            self._slots.release()
            raise
        self._in_use += 1

    def _end(self) -> None:
        """Let the next question begin, here or at another process."""
        self._in_use -= 1
        if self._lease is not None and self._in_use == 0 and self._lease.is_due:
            # The place is given back when the host was left.
            self._start(self._step_down())
        else:
            self._slots.release()

    async def _leave(self) -> None:
        await self._slots.acquire(_AT_ONCE_S)
        await self._step_down()

    async def _step_down(self) -> None:
        try:
            await self._part()
        finally:
            self._slots.release()

    async def _part(self) -> None:
        self._end_idle()
        await self._until_hung_up()
        if self._lease is not None:
            await self._lease.give_up(pause_s=self._next_at_s - time.monotonic())

    async def _until_hung_up(self) -> None:
        if self._goodbyes:
            await asyncio.wait(self._goodbyes)

    @property
    def _out_now(self) -> SmtpReply | None:
        return self._out_reply if time.monotonic() < self._out_until_s else None

    def _end_idle(self) -> None:
        for session, timer in self._idle:
            timer.cancel()
            self._say_goodbye(session)
        self._idle.clear()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._departures.add(task)
        task.add_done_callback(self._departures.discard)

    async def _ask(self, recipient: str) -> SmtpReply:
        if (out := self._out_now) is not None:
            return out
        async with self._dialogues:
            await self._pace()
            session = self._take_idle()
            reply = None if session is None else await self._converse(session, recipient)
            # A host that hung up on an idle conversation has said nothing about the recipient.
            if session is None or reply is None or _has_ended(session, reply):
                reply = await self._ask_afresh(recipient)
            return reply

    async def _ask_afresh(self, recipient: str) -> SmtpReply:
        # The host still counts a conversation to which goodbye was said and not answered.
        await self._until_hung_up()
        try:
            session = await self._open_session(self.host)
        except SessionRefused as refused:
            return refused.reply
        except NotDialled as problem:
            return SmtpReply(problem.meaning, "connect", self.host)
        except DialRefused:
            return self._remember_out(ReplyMeaning.EGRESS_REFUSED)
        except TimeoutError:
            return self._remember_out(ReplyMeaning.TIMEOUT)
        except OSError:
            return self._remember_out(ReplyMeaning.UNREACHABLE)
        reply = await self._converse(session, recipient)
        return reply or SmtpReply(ReplyMeaning.UNKNOWN, "recipient", self.host)

    async def _converse(self, session: SmtpSession, recipient: str) -> SmtpReply | None:
        """Return the host's reply, or None if it hung up."""
        whole = False
        try:
            reply = await session.ask(recipient)
            whole = True
        except SessionRefused as refused:
            return refused.reply
        except TimeoutError:
            return SmtpReply(ReplyMeaning.TIMEOUT, "recipient", self.host)
        except OSError:
            return None
        finally:
            if not whole:
                session.close()
        spent = session.asked_count >= self._courtesy.recipients_max
        blocked = reply.meaning is ReplyMeaning.BLOCKED_PROBER
        if spent or blocked or reply.code == SERVICE_CLOSING or not session.usable:
            self._say_goodbye(session)
        else:
            self._keep(session)
        return reply

    async def _pace(self) -> None:
        now_s = time.monotonic()
        start_at_s = max(now_s, self._next_at_s)
        self._next_at_s = start_at_s + self._courtesy.interval_s
        if start_at_s > now_s:
            await asyncio.sleep(start_at_s - now_s)

    def _take_idle(self) -> SmtpSession | None:
        while self._idle:
            session, timer = self._idle.pop()
            timer.cancel()
            if session.usable:
                return session
            session.close()
        return None

    def _keep(self, session: SmtpSession) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._courtesy.idle_s, self._expire, session)
        self._idle.append((session, timer))

    def _expire(self, session: SmtpSession) -> None:
        self._idle = [entry for entry in self._idle if entry[0] is not session]
        self._say_goodbye(session)

    def _say_goodbye(self, session: SmtpSession) -> None:
        goodbye = asyncio.create_task(session.quit())
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)

    def _remember_out(self, meaning: ReplyMeaning) -> SmtpReply:
        reply = SmtpReply(meaning, "connect", self.host)
        self._out_reply = reply
        self._out_until_s = time.monotonic() + self._courtesy.out_s
        return reply


def _has_ended(session: SmtpSession, reply: SmtpReply) -> bool:
    """Tell whether the host ended the conversation for what was asked before in it."""
    return reply.code == SERVICE_CLOSING or (reply.stage == "sender" and not session.usable)

"""What domains say about addresses that nobody asked for, which gives their other answers sense."""

import base64
import hashlib
import secrets
from typing import Final, NamedTuple, Protocol

from service.domain.expiring_map import ExpiringMap
from service.domain.smtp_reply import ReplyMeaning, SmtpReply
from service.edges.dns import MailRoute
from service.edges.single_flight import SingleFlight
from service.edges.smtp import SmtpProber

GREYLIST_RETRY_S: Final = 300.0
"""In the mail hosts' own time, which a sandbox runs faster."""
CONTROL_BYTES: Final = 15
"""Of an invented name before it is written in 24 letters and digits."""
ANNOUNCE_DEADLINE_S: Final = 10.0
CONTROLS_MAX: Final = 50_000
CONTROL_TTL_S: Final = 24 * 3_600.0

# What a control question must end in to say something about the domain rather than the moment.
CONCLUSIVE: Final = frozenset(
    {ReplyMeaning.ACCEPTED, ReplyMeaning.NO_MAILBOX, ReplyMeaning.DIRECTORY_BLOCK}
)


class ControlReplies(Protocol):
    """Where all processes keep what domains said; it may forget anything at any time."""

    async def read(self, domain: str, control: str) -> SmtpReply | None:
        """Return what the domain said, no older than `CONTROL_TTL_S`; None if nobody knows."""

    async def keep(self, domain: str, control: str, reply: SmtpReply) -> None:
        """Keep what the domain said just now."""


class _Question(NamedTuple):
    control: str
    local: str
    deadline_s: float
    since_s: float


class Controls:
    """Asks each domain about addresses that nobody asked for, once in a day.

    Only conclusive answers are remembered; this process never has a question in progress twice.
    """

    def __init__(self, *, key: bytes | None = None, replies: ControlReplies | None = None) -> None:
        """Invent names with `key`: whoever shares it asks each domain for the same one.

        A greylist opens only for a recipient it has seen before, so a name must not change from
        one try to the next. Without a key there is one for this object alone.
        """
        self._key = hashlib.sha256(secrets.token_bytes() if key is None else key).digest()
        self._replies = replies
        self._known: ExpiringMap[tuple[str, str], SmtpReply] = ExpiringMap(CONTROLS_MAX)
        self._flights: SingleFlight[tuple[str, str], SmtpReply] = SingleFlight()
        self._announced: ExpiringMap[str, bool] = ExpiringMap(CONTROLS_MAX)

    async def invented(
        self, prober: SmtpProber, route: MailRoute, *, deadline_s: float, since_s: float
    ) -> SmtpReply:
        """Return what the domain says to a mailbox that cannot exist; accepted is catch-all.

        Args:
            prober: asks it.
            route: of the domain.
            deadline_s: seconds the question may take.
            since_s: since when the lead is looked at, as for `SmtpProber.probe`.
        """
        question = _Question("invented", self._invented_name(route.domain), deadline_s, since_s)
        return await self._ask(question, prober, route)

    async def announce(self, prober: SmtpProber, route: MailRoute, *, since_s: float) -> None:
        """Have a domain that greylists see the invented mailbox, once in a while.

        When the address in question gets through at the next try, so does its control.
        """
        if self._announced.get(route.domain):
            return
        self._announced.put(route.domain, value=True, ttl_s=GREYLIST_RETRY_S)
        await self.invented(prober, route, deadline_s=ANNOUNCE_DEADLINE_S, since_s=since_s)

    async def postmaster(
        self, prober: SmtpProber, route: MailRoute, *, deadline_s: float, since_s: float
    ) -> SmtpReply:
        """Return what the domain says to the one mailbox that RFC 5321 makes it have."""
        question = _Question("postmaster", "postmaster", deadline_s, since_s)
        return await self._ask(question, prober, route)

    async def is_catch_all(self, domain: str) -> bool | None:
        """Tell whether `domain` takes mail for anything; None as long as nobody found out."""
        reply = await self._recall(domain, "invented")
        return None if reply is None else reply.meaning is ReplyMeaning.ACCEPTED

    async def _ask(self, question: _Question, prober: SmtpProber, route: MailRoute) -> SmtpReply:
        control = question.control
        known = await self._recall(route.domain, control)
        if known is not None:
            return known

        async def probe() -> SmtpReply:
            reply = await prober.probe(
                route,
                f"{question.local}@{route.domain}",
                deadline_s=question.deadline_s,
                since_s=question.since_s,
            )
            if reply.meaning in CONCLUSIVE and reply.stage == "recipient":
                self._known.put((route.domain, control), reply, ttl_s=CONTROL_TTL_S)
                if self._replies is not None:
                    await self._replies.keep(route.domain, control, reply)
            return reply

        return await self._flights.run((route.domain, control), probe)

    async def _recall(self, domain: str, control: str) -> SmtpReply | None:
        known = self._known.get((domain, control))
        if known is None and self._replies is not None:
            return await self._replies.read(domain, control)
        return known

    def _invented_name(self, domain: str) -> str:
        digest = hashlib.blake2b(domain.encode(), key=self._key, digest_size=CONTROL_BYTES)
        return base64.b32encode(digest.digest()).decode().lower()

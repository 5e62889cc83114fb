"""Decides what becomes of a delivery after an attempt, and what that means for its receiver."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from random import Random
from typing import Final, Literal

from service.domain.attempt_class import (
    HINTS,
    OURS,
    SENTENCES,
    SLOWS_DOWN,
    WAITS_LONGER,
    AttemptClass,
    class_of_status,
)

JITTER_MAX: Final = 1.2
OVERLOAD_S_MIN: Final = 60.0
RETRY_AFTER_S_MAX: Final = 86_400.0
OUR_FAULT_S_MIN: Final = 5.0
OUR_FAULT_S_MAX: Final = 300.0

_SECONDS: Final = re.compile(r"[0-9]{1,9}")


DeliveryState = Literal["delivered", "due", "exhausted", "aborted", "parked"]
Pace = Literal["raise", "keep", "halve"]


class DisableReason(StrEnum):
    """Why an endpoint was switched off without its owner asking for it here."""

    GONE = "gone"
    ASKED = "asked_by_receiver"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Hold:
    """Send nothing to the endpoint for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Disable:
    """Switch the endpoint off and park what is due to it."""

    reason: DisableReason


Effect = Hold | Disable | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What of an HTTP answer matters to the decision.

    Attributes:
        retry_after: the header as it came.
        wish: the header `webhook-delivery`, by which a receiver asks to be left alone.
    """

    status: int
    retry_after: str | None = None
    wish: str | None = None


@dataclass(frozen=True, slots=True)
class Chance:
    """Where a delivery stands when an attempt ends.

    Attributes:
        attempt: number of the attempt that has just ended, from 1.
        retry_count_max: attempts allowed after the first.
        schedule_s: pause before each attempt after the first; the last one repeats.
        jitter: factor from 1.0 to 1.2 for every pause, so that none is shorter than promised.
        unsent_claim_count: how often our own faults have kept it from being sent.
        elapsed_s: since the first attempt of this schedule began.
    """

    attempt: int
    retry_count_max: int
    schedule_s: Sequence[float]
    now: datetime
    jitter: float = 1.0
    unsent_claim_count: int = 0
    elapsed_s: float = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the end of the schedule: when its last attempt is made at the latest."""
        return max(sum(self.schedule_s) * JITTER_MAX - self.elapsed_s, 0.0)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the delivery and of its endpoint.

    Attributes:
        delay_s: pause before it is due again; 0 unless `state` is `due`.
        counts_attempt: whether this used one of the delivery's attempts.
        pace: whether the endpoint may be sent more at once, as much, or half.
        retry_after: what was made of that header, if it came.
        reason: one sentence that may be shown to the endpoint's owner.
    """

    state: DeliveryState
    attempt_class: AttemptClass
    reason: str
    delay_s: float = 0.0
    effect: Effect = None
    counts_attempt: bool = True
    pace: Pace = "keep"
    retry_after: Literal["honoured", "ignored"] | None = None

    @property
    def blames_receiver(self) -> bool:
        """Whether this counts toward switching a failing endpoint off."""
        return self.counts_attempt and self.state in {"due", "exhausted"}


def draw_jitter(random: Random) -> float:
    """Return a factor from 1.0 to 1.2."""
    return random.uniform(1.0, JITTER_MAX)


def parse_retry_after(text: str, now: datetime | None) -> float | None:
    """Return the seconds a `Retry-After` asks for, at most 24 h, or None if it cannot be read.

    A date in the past asks for nothing: 0. Without `now` no date can be read.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), RETRY_AFTER_S_MAX)
    asked = parse_http_date(text)
    if asked is None or now is None:
        return None
    return min(max((asked - now).total_seconds(), 0.0), RETRY_AFTER_S_MAX)


def parse_http_date(text: str) -> datetime | None:
    """Return the moment a header such as `Date` names, or None if it cannot be read."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def decide(happened: Answer | AttemptClass, chance: Chance) -> Decision:
    """Decide about a delivery whose attempt has just ended."""
    if isinstance(happened, Answer):
        return _decide_answered(happened, chance)
    if happened in OURS:
        pause_s = OUR_FAULT_S_MIN * 2.0 ** min(chance.unsent_claim_count, 10)
        delay_s = min(pause_s, OUR_FAULT_S_MAX) * chance.jitter
        reason = f"{SENTENCES[happened]}; next try in {delay_s:.0f} s"
        return Decision("due", happened, reason, delay_s, counts_attempt=False)
    if happened is AttemptClass.URL_REFUSED:
        return Decision("aborted", happened, SENTENCES[happened])
    return _retry(happened, SENTENCES[happened], chance)


def _decide_answered(answer: Answer, chance: Chance) -> Decision:
    attempt_class = class_of_status(answer.status)
    said = f"the receiver answered {answer.status}"
    if answer.status in HINTS:
        said += f": {HINTS[answer.status]}"
    elif attempt_class is AttemptClass.REDIRECT:
        said += ": it wants to be asked elsewhere; update the URL, redirects are not followed"
    wish = (answer.wish or "").strip().lower()
    if attempt_class is AttemptClass.SUCCESS:
        effect = Disable(DisableReason.ASKED) if wish == "disable" else None
        return Decision("delivered", attempt_class, said, effect=effect, pace="raise")
    if wish == "disable":
        said += " and asked for no further deliveries"
        return Decision("parked", attempt_class, said, effect=Disable(DisableReason.ASKED))
    if wish == "abort-message":
        return Decision("aborted", attempt_class, f"{said} and asked not to get this event again")
    if attempt_class is AttemptClass.GONE:
        said += ": it is gone for good"
        return Decision("parked", attempt_class, said, effect=Disable(DisableReason.GONE))
    return _retry(attempt_class, said, chance, answer.retry_after)


def _retry(
    attempt_class: AttemptClass, said: str, chance: Chance, retry_after: str | None = None
) -> Decision:
    asked_s = None if retry_after is None else parse_retry_after(retry_after, chance.now)
    if asked_s is not None:
        # No receiver can put off its deliveries for ever; the schedule's own pauses go on.
        asked_s = min(asked_s, chance.left_s)
    overload_s = OVERLOAD_S_MIN if attempt_class in WAITS_LONGER else 0.0
    # Jitter lengthens what was asked for, but not beyond what a receiver may ask for.
    wish_s = min((asked_s or 0.0) * chance.jitter, RETRY_AFTER_S_MAX, chance.left_s)
    pause_s = max(overload_s * chance.jitter, wish_s)
    holds = attempt_class is AttemptClass.THROTTLED or (
        attempt_class is AttemptClass.UNAVAILABLE and asked_s
    )
    effect = Hold(pause_s) if holds else None
    read: Literal["honoured", "ignored"] | None = None
    if retry_after is not None:
        read = "ignored" if asked_s is None else "honoured"
    pace: Pace = "halve" if attempt_class in SLOWS_DOWN else "keep"
    if chance.attempt > chance.retry_count_max or not chance.schedule_s:
        reason = f"{said}; that was the last attempt"
        return Decision(
            "exhausted", attempt_class, reason, effect=effect, pace=pace, retry_after=read
        )
    scheduled_s = chance.schedule_s[min(chance.attempt, len(chance.schedule_s)) - 1]
    delay_s = max(scheduled_s * chance.jitter, pause_s)
    reason = f"{said}; next attempt in {delay_s:.0f} s"
    if asked_s and asked_s >= scheduled_s:
        reason += f" because Retry-After asked for {asked_s:.0f} s"
    return Decision("due", attempt_class, reason, delay_s, effect, pace=pace, retry_after=read)

"""The gate that every request to a vendor passes: whether it may go at all, and when.

One per provider, key and operation. It never sends anything and never repeats anything.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter, Histogram

from providers.contract import (
    BrokenAnswer,
    CredentialsRejected,
    OutOfCredit,
    RequestRefused,
    Throttled,
    VendorDown,
    VendorFault,
)
from service.domain.breaker import Breaker, BreakerRule
from service.domain.fair_queue import UNCLAIMED, Queue
from service.domain.pacing import EASE, HALVE, LatencyWatch
from service.domain.retry_budget import RetryBudget
from service.domain.silence import Silence
from service.flows.gate_line import GateShut, LineTooLong
from service.flows.note_outage import Credential, Outages
from service.flows.request_budget import RequestBudget

__all__ = ["Gate", "GateShut", "LineTooLong", "Subject"]

_log = structlog.get_logger()

THROTTLED_S_DEFAULT: Final = 5.0
# A header that asks for more is taken for a mistake.
THROTTLED_S_MAX: Final = 86_400.0
BREAKER: Final = "breaker"
_WAIT_BUCKETS_S: Final = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_shut = Counter("leadfall_gate_shuts_total", "Times a gate was shut.", ["provider", "why"])
_waited = Histogram(
    "leadfall_gate_wait_seconds",
    "Time a request waited for a place and for the rate.",
    ["provider"],
    buckets=_WAIT_BUCKETS_S,
)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a fault says about the vendor.

    Attributes:
        alive: whether its side works, for the breaker; None says nothing either way.
        slows: what the limit of requests under way is multiplied by.
        unusable: the key cannot be used until somebody acts.
    """

    alive: bool | None = None
    slows: float = 1.0
    unusable: bool = False


_MEANINGS: Final[Mapping[type[VendorFault], _Meaning]] = {
    Throttled: _Meaning(slows=HALVE),
    VendorDown: _Meaning(alive=False, slows=EASE),
    BrokenAnswer: _Meaning(alive=False, slows=EASE),
    RequestRefused: _Meaning(alive=True),
    CredentialsRejected: _Meaning(unusable=True),
    OutOfCredit: _Meaning(unusable=True),
}
_NOTHING: Final = _Meaning()


class Subject(NamedTuple):
    """What a gate is for: a key of a provider and one thing it is used for."""

    credential: Credential
    operation: str


class Gate:
    """Decides about the requests of this process for one subject.

    Attributes:
        gathered: calls that wait to pass it together.
        retries: pays for repeats of requests that certainly did not reach the vendor; shared by
            all gates of the provider.
    """

    def __init__(
        self,
        subject: Subject,
        budget: RequestBudget,
        outages: Outages,
        retries: RetryBudget,
        *,
        time_scale: float,
    ) -> None:
        self.subject = subject
        self.retries = retries
        self.gathered = 0
        self._budget = budget
        self._outages = outages
        self._time_scale = time_scale
        self._breaker = Breaker(BreakerRule().scaled(time_scale))
        self._latency = LatencyWatch()
        self._silence = Silence()
        self._waited = _waited.labels(subject.credential.provider)

    def shut_for_s(self) -> float:
        """Return for how many more seconds the gate is shut; 0 when it is open."""
        if self._is_calm:
            return self._budget.shut_for_s()
        self._outages.want(self.subject.credential)
        return max(
            self._outages.shut_for_s(self.subject.credential),
            self._budget.shut_for_s(),
            self._breaker.shut_for_s(_now_s()),
        )

    def note_wanted(self) -> float:
        """Note that somebody would wait for the gate while it is shut.

        Returns:
            For how many seconds the vendor, throttled or down, has answered nobody here. A worker
            that has no share of the rate waits for the others, and not for the vendor.
        """
        now_s, lasts_s = _now_s(), 0.0
        for shut_for_s, silence in (
            (self._budget.held_for_s(), self._budget.silence),
            (self._breaker.shut_for_s(now_s), self._silence),
        ):
            if shut_for_s > 0:
                silence.note_shut(shut_for_s, now_s)
                lasts_s = max(lasts_s, silence.lasts_s(now_s))
        return lasts_s

    def note_put_off(self) -> float:
        """Note that a request was not taken, and that somebody will want it again.

        Returns:
            For how many seconds the vendor has answered nobody here.
        """
        now_s = _now_s()
        self._silence.note_shut(self.shut_for_s(), now_s)
        return self._silence.lasts_s(now_s)

    @property
    def why(self) -> str:
        """The slug of what keeps the gate shut; empty when it is open."""
        if self.is_unusable:
            return self._outages.why(self.subject.credential)
        if self._budget.shut_for_s() > 0:
            return self._budget.why
        return BREAKER if self._breaker.shut_for_s(_now_s()) > 0 else ""

    def together_s(self, batch_max: int) -> float:
        """Return about when one who comes now would pass, seconds, gathered with others."""
        return self._budget.interval_s * (1 + self.gathered // batch_max)

    def line_s(self, queue: Queue) -> float:
        """Return about how many seconds one who comes now would stand in line."""
        return self._budget.line_s(queue, self._latency.recent_s)

    @property
    def is_unusable(self) -> bool:
        """Whether the key is refused or out of credit, which no moment of waiting will mend."""
        return self._outages.shut_for_s(self.subject.credential) > 0

    @asynccontextmanager
    async def pass_through(
        self, queue: Queue = UNCLAIMED, *, line_s: float = math.inf
    ) -> AsyncIterator[float]:
        """Hold a place among the requests under way, entered when the vendor's rate allows.

        Where others wait as well, sync callers are first and workspaces take turns.

        Yields for how many seconds it waited. Send at once after entering: what is lost in between
        brings requests closer together.

        Args:
            line_s: for how many seconds this may stand in line.

        Raises:
            GateShut: it is shut, or was shut while this waited; nothing was sent.
            LineTooLong: it stood in line for `line_s`; nothing was sent.
        """
        began_s = _now_s()
        await self._enter(queue, line_s)
        try:
            tries_key, tries_vendor = self._admit()
            try:
                waited_s = _now_s() - began_s
                self._waited.observe(waited_s)
                yield waited_s
            finally:
                if tries_key:
                    self._outages.release(self.subject.credential)
                if tries_vendor:
                    self._breaker.release()
        finally:
            self._budget.leave()

    def note_success(self, latency_s: float) -> None:
        """Note an answer of whatever outcome.

        Args:
            latency_s: seconds from the sending, which was after the gate was passed.
        """
        now_s = _now_s()
        began_s = now_s - latency_s
        self._silence.note_answer()
        self._budget.silence.note_answer()
        in_flight = self._budget.in_flight
        self._breaker.note(ok=True, began_s=began_s, now_s=now_s)
        self._outages.note_success(self.subject.credential, began_s)
        self.retries.note_success()
        if self._latency.note(latency_s):
            in_flight.adapting.decrease(EASE, began_s=began_s, now_s=now_s)
        else:
            in_flight.adapting.increase(in_flight.count)

    def note_fault(self, fault: VendorFault, latency_s: float) -> None:
        """Note that a request gave no answer, and shut the gate where that follows.

        Args:
            fault: a deadline that passed is `VendorDown()`.
            latency_s: seconds from the sending, which was after the gate was passed.
        """
        now_s = _now_s()
        began_s = now_s - latency_s
        meaning = _MEANINGS.get(type(fault), _NOTHING)
        if meaning.slows < 1:
            self._budget.in_flight.adapting.decrease(meaning.slows, began_s=began_s, now_s=now_s)
        if meaning.alive is not None and self._breaker.note(
            ok=meaning.alive, began_s=began_s, now_s=now_s
        ):
            self._tell_shut(BREAKER, self._breaker.shut_for_s(now_s))
        if isinstance(fault, Throttled):
            usual_s = THROTTLED_S_DEFAULT if fault.usual_wait_s is None else fault.usual_wait_s
            asked_s = fault.retry_after_s
            self._hold(fault.slug, usual_s * self._time_scale if asked_s is None else asked_s)
        elif isinstance(fault, VendorDown) and fault.retry_after_s is not None:
            self._hold(fault.slug, fault.retry_after_s)
        if meaning.unusable:
            self._outages.note_fault(self.subject.credential, fault.slug)
            self._tell_shut(fault.slug, self._outages.shut_for_s(self.subject.credential))
        self._budget.in_flight.recheck()

    def _hold(self, why: str, seconds: float) -> None:
        if self._budget.shut_for_s() == 0:
            self._tell_shut(why, seconds)
        self._budget.hold(min(seconds, THROTTLED_S_MAX))

    def _tell_shut(self, why: str, seconds: float) -> None:
        provider = self.subject.credential.provider
        _shut.labels(provider, why).inc()
        _log.info(
            "gate.shut",
            provider=provider,
            operation=self.subject.operation,
            why=why,
            seconds=round(seconds, 3),
        )

    @property
    def _is_calm(self) -> bool:
        """Whether neither an outage nor the breaker has a say, as is usual."""
        return self._breaker.is_closed and self._outages.are_none

    async def _enter(self, queue: Queue, line_s: float) -> None:
        if math.isinf(line_s):
            await self._budget.enter(self._require_open, queue)
            return
        try:
            async with asyncio.timeout(line_s):
                await self._budget.enter(self._require_open, queue)
        except TimeoutError:
            raise LineTooLong from None

    def _require_open(self) -> None:
        shut_for_s = self.shut_for_s()
        if shut_for_s > 0:
            raise GateShut(self.why, shut_for_s)

    def _admit(self) -> tuple[bool, bool]:
        """Let one request in; return whether it is the probe of the key, and of the vendor.

        Of what is half open it is the probe until it has shown something.
        """
        self._require_open()
        if self._is_calm:
            return False, False
        credential = self.subject.credential
        self._outages.admit(credential)
        self._breaker.admit(_now_s())
        # Nobody else is let in while a probe is under way: if there is one now, it is this one.
        return self._outages.is_probing(credential), self._breaker.is_probing


def _now_s() -> float:
    return asyncio.get_running_loop().time()

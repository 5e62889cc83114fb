"""The dispatcher: finds what is due, sends it within its caps, and writes what came of it."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Final
from uuid import UUID

import structlog

from service.dispatcher import metrics
from service.dispatcher.canary import Canary
from service.dispatcher.hints import Hints
from service.dispatcher.listener import listen
from service.dispatcher.replay_feed import IDLE_S as REPLAY_IDLE_S
from service.dispatcher.replay_feed import feed
from service.dispatcher.slots import Slot, Slots
from service.domain.carried_clock import CarriedClock
from service.domain.check import Check
from service.edges.receiver_http import ReceiverHTTP
from service.edges.secret_box import SecretBox
from service.flows.batching import Batcher
from service.flows.deliver_events import (
    FAILURES_BEFORE_HOLD,
    Sent,
    SignedFor,
    Terms,
    claim_deliveries,
    complete_deliveries,
    send_delivery,
)
from service.settings import DispatcherSettings
from service.store.connection import Pool
from service.store.deliveries import (
    ClaimKey,
    ReadyEndpoint,
    Visit,
    close_unwanted,
    find_ready,
    oldest_due_age,
    read_backlog,
    reclaim,
    release,
    release_forgotten,
)
from service.store.secrets import Signer
from service.tasks import end_tasks

ENDPOINTS_PER_TURN: Final = 500
COMPLETIONS_MAX: Final = 256
COMPLETION_LINGER_S: Final = 0.003
COMPLETION_FLIGHTS_MAX: Final = 2
"""Batches written at once: what ends while one is written need not wait for it with its slots."""
CLAIM_ROOM: Final = 0.5
"""The share of the slots that is free before the loop claims again: small claims cost more."""
CLAIM_LINGER_S: Final = 0.003
"""Where fewer come free, they wait no longer than this for others."""
CLOSED_PER_TURN_MAX: Final = 5_000
RECLAIMED_PER_TURN_MAX: Final = 1_000
BACKLOG_INTERVAL_S: Final = 15.0
SWEEP_INTERVAL_S_MAX: Final = 1.0
"""How often, at least, the loop turns and looks for claims of the dead."""
SLOW_AFTER_S: Final = 1.0
"""A request that takes longer than this waits aside, so that others get its turn."""
STOP_MARGIN_S: Final = 5.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of the loop did.

    Attributes:
        more: another turn is worth while at once.
    """

    claimed: int = 0
    closed: int = 0
    reclaimed: int = 0
    released: int = 0
    more: bool = False


class Dispatcher:
    """Delivers until it is stopped; any number of them may run on one database.

    Args:
        process_id: row of this process in `processes`, whose heartbeat somebody else writes.
        listen_url: where notices come from; None polls only.
        lease_s: a process whose heartbeat is older than this has lost its claims.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        http: ReceiverHTTP,
        box: SecretBox,
        settings: DispatcherSettings,
        process_id: UUID,
        lease_s: float,
        listen_url: str | None = None,
        random: Random | None = None,
    ) -> None:
        self._pool = pool
        self._http = http
        self._box = box
        self._settings = settings
        self._owner = process_id
        self._lease_s = lease_s
        self._sweep_interval_s = min(lease_s / 4, SWEEP_INTERVAL_S_MAX)
        self._listen_url = listen_url
        self._random = Random() if random is None else random  # noqa: S311 - jitter
        self._terms = Terms(settings.deadline_s, settings.retry_schedule_s)
        self._canary = Canary(http, settings.canary_url, interval_s=settings.canary_interval_s)
        self._clock = CarriedClock()
        self._slots = Slots(settings, self._clock.now_s)
        self._completions: Batcher[Sent, str | None] = Batcher(
            lambda batch: complete_deliveries(pool, process_id, batch),
            batch_max=COMPLETIONS_MAX,
            linger_s=COMPLETION_LINGER_S,
            flights_max=COMPLETION_FLIGHTS_MAX,
        )
        self._held: dict[ClaimKey, asyncio.Task[None]] = {}
        self._taken: dict[ClaimKey, Slot] = {}
        self._wake = asyncio.Event()
        self._waking: asyncio.TimerHandle | None = None
        self._hints = Hints()
        self._looked_at_s = float("-inf")
        self._cursor = 0
        self._swept_at_s = self._counted_at_s = float("-inf")
        self._short = False
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self.beat = time.monotonic()
        """When the loop last turned, in monotonic seconds."""

    def checks(self) -> tuple[Check, ...]:
        """Return what only this process knows about its health."""
        return self._canary.checks()

    async def start(self) -> None:
        """Begin to deliver; a second call does nothing."""
        if self._tasks:
            return
        self._stopping = False
        self._tasks = [asyncio.create_task(self._run(), name="dispatcher")]
        if self._listen_url is not None:
            listening = listen(self._listen_url, self._hear)
            self._tasks.append(asyncio.create_task(listening, name="dispatcher-listener"))
        idle_s = min(self._settings.poll_interval_s, REPLAY_IDLE_S)
        feeding = feed(self._pool, lambda: self._hear(""), idle_s=idle_s)
        self._tasks.append(asyncio.create_task(feeding, name="dispatcher-replays"))
        self._tasks.append(asyncio.create_task(self._canary.run(), name="dispatcher-canary"))
        _log.info("dispatcher.started", process_id=str(self._owner))

    async def stop(self) -> None:
        """Claim nothing more, wait for what is in flight, write what came of it.

        Takes hardly longer than the deadline of one request. Harmless when not started.
        """
        if not self._tasks:
            return
        self._stopping = True
        self._wake.set()
        loop_task = self._tasks[0]
        await asyncio.wait([loop_task], timeout=STOP_MARGIN_S)
        await end_tasks(self._tasks)
        await self._finish_in_flight()
        self._tasks = []
        _log.info("dispatcher.stopped", process_id=str(self._owner))

    async def run_once(self) -> Turn:
        """Look once at the next endpoints, claim what may be sent and begin to send it.

        Not for two callers at once: a started dispatcher calls it by itself.
        """
        reclaimed, released = await self._sweep()
        ready, closed = self._hinted(), 0
        if not ready:
            visit = await self._look()
            ready = visit.ready
            if visit.unwanted_ids:
                async with self._pool.acquire() as connection:
                    closed = await close_unwanted(
                        connection, visit.unwanted_ids, count_max=CLOSED_PER_TURN_MAX
                    )
        shares = self._slots.allot(ready)
        sizes = {
            Signer(each.workspace_id, each.id, each.hidden): len(shares[each.id])
            for each in ready
            if each.id in shares
        }
        # More may be ready than the slots allow: then a slot that comes free must wake the loop.
        self._short = self._slots.free == 0 or any(
            each.ready_count >= self._settings.endpoint_concurrency
            or each.ready_count > len(shares.get(each.id, ()))
            for each in ready
        )
        claimed = await self._claim(shares, sizes) if shares else 0
        more = self._slots.free > 0 and (self._cursor != 0 or closed == CLOSED_PER_TURN_MAX)
        turn = Turn(claimed, closed, reclaimed, released, more)
        if closed or reclaimed or released:
            _log.info("dispatcher.tidied", closed=closed, reclaimed=reclaimed, released=released)
        return turn

    async def _run(self) -> None:
        while not self._stopping:
            self.beat = time.monotonic()
            self._wake.clear()
            try:
                turn = await self.run_once()
                await self._count_backlog()
            except Exception:  # noqa: BLE001 - the edge of the loop: the next may fare better
                _log.exception("dispatcher.turn_failed")
                turn = Turn()
            if not (turn.more or self._stopping):
                await self._wait()

    async def _wait(self) -> None:
        jitter = self._random.uniform(0.8, 1.2)
        wait_s = min(self._settings.poll_interval_s * jitter, self._sweep_interval_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()

    def _hear(self, notice: str) -> None:
        self._hints.hear(notice)
        self._wake.set()

    def _hinted(self) -> Sequence[ReadyEndpoint]:
        """Return the endpoints that notices name, where they tell all there is to know.

        Nobody tells of what a look left over, nor of what is due again after a while.
        """
        # Together, or what is told in between would be looked for once more.
        self._wake.clear()
        told = self._hints.take()
        is_late = time.monotonic() - self._looked_at_s >= self._settings.poll_interval_s
        return () if told is None or is_late or self._short or self._cursor else told

    async def _look(self) -> Visit:
        self._looked_at_s = time.monotonic()
        async with self._pool.acquire() as connection:
            visit = await find_ready(
                connection,
                after=self._cursor,
                endpoints_max=ENDPOINTS_PER_TURN,
                due_max=self._settings.endpoint_concurrency,
                patience=FAILURES_BEFORE_HOLD,
            )
        self._clock.observe(visit.now)
        self._hints.know(visit.ready)
        self._cursor = visit.last_id if visit.visited_count == ENDPOINTS_PER_TURN else 0
        return visit

    async def _claim(self, shares: dict[int, list[Slot]], sizes: dict[Signer, int]) -> int:
        claimed: list[SignedFor] = []
        try:
            claimed = await claim_deliveries(self._pool, self._box, self._owner, sizes)
            if self._stopping:
                unsent = [each.delivery.key for each in claimed]
                claimed = []
                async with self._pool.acquire() as connection:
                    await release(connection, self._owner, unsent)
            loop = asyncio.get_running_loop()
            keys = [each.delivery.claim_key for each in claimed]
            # One timer for all: most of them will have ended long before.
            loop.call_later(SLOW_AFTER_S, self._move_aside, keys)
            for key, each in zip(keys, claimed, strict=True):
                slot = shares[each.delivery.endpoint_id].pop()
                host = (each.delivery.host, each.delivery.port)
                if host != slot.host:
                    # Its URL was changed since a look: this says nothing of the old one.
                    slot = replace(slot, host=host)
                    self._hints.forget(slot.endpoint_id)
                self._taken[key] = slot
                self._held[key] = loop.create_task(self._deliver(key, each, slot))
        finally:
            for unused in shares.values():
                for slot in unused:
                    self._slots.give_back(slot)
        metrics.in_flight.set(self._slots.in_flight)
        return len(claimed)

    async def _deliver(self, key: ClaimKey, signed_for: SignedFor, slot: Slot) -> None:
        try:
            sent = await send_delivery(
                signed_for,
                self._http,
                self._clock,
                self._terms,
                self._random,
                is_egress_down=self._canary.is_silent,
            )
            self._slots.learn(slot, sent.decision.attempt_class, sent.decision.pace)
            if sent.decision.state != "delivered":
                self._hints.forget(slot.endpoint_id)
            metrics.count_sent(sent)
            # The slot is held until the result is written: what a crash can make us send twice
            # is never more than what was in flight.
            if await self._completions.add(sent) is None:
                metrics.fenced.inc()
        except Exception as error:  # noqa: BLE001 - the edge of the job: the sweep releases it
            _log.error(
                "delivery.unsettled",
                event_id=str(signed_for.delivery.event_id),
                error=type(error).__name__,
            )
        finally:
            del self._held[key]
            self._slots.give_back(self._taken.pop(key))
            metrics.in_flight.set(self._slots.in_flight)
            if self._short:
                self._wake_for_room()

    def _wake_for_room(self) -> None:
        """Wake the loop as soon as a claim is worth while, and a little later in any case."""
        if self._slots.free >= self._settings.concurrency * CLAIM_ROOM:
            self._wake.set()
        elif self._waking is None:
            loop = asyncio.get_running_loop()
            self._waking = loop.call_later(CLAIM_LINGER_S, self._end_linger)

    def _end_linger(self) -> None:
        self._waking = None
        self._wake.set()

    def _move_aside(self, keys: Sequence[ClaimKey]) -> None:
        slow = [key for key in keys if key in self._taken]
        for key in slow:
            self._taken[key] = self._slots.move_aside(self._taken[key])
        if slow and self._short:
            self._wake_for_room()

    async def _sweep(self) -> tuple[int, int]:
        """Take back claims of the dead, and our own whose commit we were not told of."""
        now_s = time.monotonic()
        if now_s - self._swept_at_s < self._sweep_interval_s:
            return 0, 0
        async with self._pool.acquire() as connection:
            reclaimed = await reclaim(
                connection, self._owner, lease_s=self._lease_s, count_max=RECLAIMED_PER_TURN_MAX
            )
            known = [(event_id, endpoint_id) for event_id, endpoint_id, _ in self._held]
            released = await release_forgotten(connection, self._owner, known)
        self._swept_at_s = now_s
        metrics.reclaimed.inc(reclaimed)
        return reclaimed, released

    async def _count_backlog(self) -> None:
        now_s = time.monotonic()
        if now_s - self._counted_at_s < BACKLOG_INTERVAL_S:
            return
        self._counted_at_s = now_s
        async with self._pool.acquire() as connection:
            backlog = await read_backlog(connection)
            age_s = await oldest_due_age(connection, self._slots.take_denied())
        metrics.set_backlog(backlog, age_s)
        metrics.set_clock_skew(datetime.now(UTC), self._clock.now())

    async def _finish_in_flight(self) -> None:
        if self._held:
            _, late = await asyncio.wait(
                list(self._held.values()), timeout=self._settings.deadline_s + STOP_MARGIN_S
            )
            await end_tasks(late)
        await self._completions.drain()

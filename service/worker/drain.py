"""Claims lookups and runs them in a sliding window, settling in batches, until none is ready."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from service.domain.claim import Claim, Settlement
from service.domain.fair_queue import Queue
from service.domain.waterfall import Waterfall
from service.flows.accept_jobs import ASYNC_PRIORITY, SYNC_PRIORITY
from service.flows.batching import Batcher
from service.flows.gather_calls import Gathering
from service.flows.hold_lease import ProcessLease
from service.flows.planned_call import PlannedCall
from service.flows.publish_finished import Publication
from service.flows.run_waterfall import (
    Lost,
    Parked,
    WaterfallRunner,
    failed_settlement,
)
from service.flows.settle_lookups import settle_lookups, suppressed_settlement
from service.flows.submit_calls import Submitter
from service.flows.suppress_people import SuppressionList
from service.settings import WorkerSettings
from service.store.claims import claim_lookups, mark_started, park_lookups, release_lookups
from service.store.connection import Pool
from service.store.processes import read_owned_lookups
from service.store.transient import TRANSIENT, until_done
from service.store.waterfalls import read_waterfall
from service.tasks import end_tasks
from service.worker.holdings import Holdings
from service.worker.turns import Turn, Turns

_log = structlog.get_logger()

FULL_QUEUES_MAX: Final = 16
"""Workspaces that may each hold as much as one may, before only sync callers are claimed for."""
# Settle batches that may wait before claiming stops.
_SETTLE_BACKLOG_MAX: Final = 2
# Answered lookups that this process has not gone on with; what is beyond waits like all others.
_ANSWERED_MAX: Final = 1_000
_PARK_PATIENCE_S: Final = 30.0
_RELEASE_PATIENCE_S: Final = 1.0
_WATERFALLS_KEPT_MAX: Final = 256


class Drain:
    """The one place where a process claims work: doorbell and poll both call it.

    `concurrency` lookups run at once, not all of them one workspace's; one more claim of
    `claim_batch` waits in memory, so that the database is asked before the window runs dry.

    Of a queue that holds a whole window no more is claimed, but for what was answered: where that
    was the end it is settled, however long the rest of its queue waits for a vendor.
    """

    def __init__(
        self,
        pool: Pool,
        lease: ProcessLease,
        *,
        runner: WaterfallRunner,
        submitter: Submitter,
        publication: Publication,
        suppressions: SuppressionList,
        settings: WorkerSettings,
    ) -> None:
        self._pool = pool
        self._owner = lease.process_id
        self._runner = runner
        self._gathering = Gathering(submitter, stopping=lambda: self._stopping)
        self._publication = publication
        self._suppressions = suppressions
        self._settings = settings
        self._turns = Turns(settings.concurrency)
        self._held = Holdings()
        self._suspects: set[int] = set()
        self._answered: deque[int] = deque(maxlen=_ANSWERED_MAX)
        self._left = asyncio.Event()
        self._draining = False
        self._again = False
        self._stopping = False
        self._runners: set[asyncio.Task[None]] = set()
        self._waterfalls: dict[str, Waterfall] = {}
        self._last_workspace = {SYNC_PRIORITY: 0, ASYNC_PRIORITY: 0}
        self._settling: Batcher[Settlement, None] = Batcher(
            self._settle,
            batch_max=settings.settle_batch,
            linger_s=settings.flush_interval_s,
        )

    @property
    def draining(self) -> bool:
        """Whether a drain is under way now."""
        return self._draining

    def go_on(self, lookup_ids: Collection[int]) -> None:
        """Claim these besides what has its turn: they were answered, and most only have to end."""
        self._answered.extend(lookup_ids)
        self._again = True
        self._left.set()

    async def drain(self, span: timedelta) -> bool:
        """Claim and run for at most `span`; return whether there may be work left.

        While a drain is under way a second call only makes it look once more.
        """
        if self._draining:
            self._again = True
            self._left.set()
            return False
        self._draining = True
        try:
            loop = asyncio.get_running_loop()
            until = loop.time() + span.total_seconds()
            while True:
                self._again = False
                if loop.time() >= until:
                    return True
                await self._wait_for_room()
                if self._stopping:
                    return False
                full = self._full_queues()
                if await self._claim(full) or self._again:
                    continue
                if full:
                    await self._wait_while_full(full)
                elif self._room():
                    return False
        finally:
            self._draining = False

    async def stop(self, grace: timedelta) -> None:
        """Stop claiming, give back what has not begun, and settle what ends within `grace`."""
        self._stopping = True
        self._left.set()
        await self._try_to_give_back(partial(self._release, self._turns.clear()))
        try:
            async with asyncio.timeout(grace.total_seconds()):
                while self._held:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            _log.warning("drain.cut_short", held=len(self._held))
        await end_tasks(self._runners)
        await self._gathering.stop()
        await self._settling.drain()
        await self._try_to_give_back(self._release_owned)

    async def _try_to_give_back(self, release: Callable[[], Awaitable[None]]) -> None:
        """Give claims back for others to take now; those that cannot be are taken a lease later."""
        try:
            await until_done(release, name="drain.release", patience_s=_RELEASE_PATIENCE_S)
        except TRANSIENT as error:
            _log.warning("claims.left", error=type(error).__name__)

    async def give_back_strays(self) -> int:
        """Give back lookups that the database counts as ours and that nothing here works on.

        Such a row comes from a claim whose answer was lost, or from an end that could not be
        written. Two looks in a row must agree, because a claim may be on its way.
        """
        async with self._pool.acquire() as connection:
            owned = await read_owned_lookups(connection, self._owner)
            strays = {lookup_id for lookup_id in owned if lookup_id not in self._held}
            confirmed = strays & self._suspects
            self._suspects = strays
            if confirmed:
                await release_lookups(connection, self._owner, sorted(confirmed))
                _log.warning("strays.released", count=len(confirmed))
        return len(confirmed)

    async def _wait_for_room(self) -> None:
        while not self._may_claim():
            try:
                async with asyncio.timeout(self._settings.poll_interval_s):
                    while not self._may_claim():
                        self._left.clear()
                        await self._left.wait()
            except TimeoutError:
                # A sync caller may be there for whom nobody could ring.
                self._again = True

    def _may_claim(self) -> bool:
        backlog_max = _SETTLE_BACKLOG_MAX * self._settings.settle_batch
        has_room = len(self._settling) <= backlog_max and (self._room() or self._is_called())
        return self._stopping or bool(has_room)

    def _is_called(self) -> bool:
        """Tell whether there may be something to claim that waits for nobody's room."""
        return bool(self._next_answered() or (self._again and self._room(SYNC_PRIORITY)))

    def _room(self, priority: int = ASYNC_PRIORITY) -> int:
        """Return how many lookups may be claimed in turn; sync callers have room of their own."""
        held_max = FULL_QUEUES_MAX * (self._settings.concurrency + self._settings.claim_batch)
        if priority == SYNC_PRIORITY:
            held_max += self._settings.concurrency
        return 0 if len(self._held) > held_max else self._settings.claim_batch

    def _full_queues(self) -> set[Queue]:
        """Return the queues that hold a whole window: what they wait for, others need not."""
        return self._held.queues_above(self._settings.concurrency)

    async def _wait_while_full(self, full: Collection[Queue]) -> None:
        """Wait until one of these has room, or it is time to see whether others have work."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll_interval_s):
                while self._full_queues().issuperset(full):
                    if self._stopping or self._again or self._next_answered():
                        return
                    self._left.clear()
                    await self._left.wait()

    async def _claim(self, full: Collection[Queue]) -> int:
        """Take lookups over and queue those to run; return how many there were.

        Raises:
            SuppressionsUnreadable: it cannot be told who may be looked up.
            Exception: one of `TRANSIENT`. In either case nothing of it is held.
        """
        claimed: list[Claim] = []
        answered = [self._answered.popleft() for _ in range(self._next_answered())]
        try:
            await self._take_over(claimed, full, answered)
            ended, turns = await self._sort(claimed)
            # Answered or not, these have another step to take, and for that it is not their turn.
            early = [turn.claim for turn in turns if turn.queue in full]
            await self._release(early)
        except BaseException:
            self._answered.extendleft(answered)
            # Held, they would not even be strays, and nobody would ever run them.
            with suppress(*TRANSIENT):
                await self._release(claimed)
            raise
        for settlement in ended:
            self._end(settlement)
        for turn in turns:
            if turn.queue not in full:
                self._turns.put(turn)
        self._hand_out()
        return len(claimed) - len(early)

    async def _take_over(
        self, claimed: list[Claim], full: Collection[Queue], answered: Collection[int]
    ) -> None:
        """Claim what was answered and what there is room for; add it to `claimed` as it comes."""
        answered, taken = set(answered), 0
        async with self._pool.acquire() as connection:
            for priority in (SYNC_PRIORITY, ASYNC_PRIORITY):
                room = max(0, self._room(priority) - taken)
                if not room and not (answered and priority == SYNC_PRIORITY):
                    continue
                claims = await claim_lookups(
                    connection,
                    self._owner,
                    priority=priority,
                    count_max=room,
                    after_workspace=self._last_workspace[priority],
                    but=[workspace for rank, workspace in full if rank == priority],
                    answered=answered if priority == SYNC_PRIORITY else (),
                )
                in_turn = [claim for claim in claims if claim.lookup_id not in answered]
                if in_turn:
                    self._last_workspace[priority] = in_turn[-1].workspace_id
                taken += len(in_turn)
                for claim in claims:
                    self._held.add(claim, claim.queue)
                claimed += claims
            if started := {claim.job_id for claim in claimed if claim.first_of_job}:
                await mark_started(connection, sorted(started))

    def _next_answered(self) -> int:
        """Return how much of what was answered to claim now: a window of ends is held at most."""
        room = self._settings.concurrency - self._held.ended
        return max(0, min(room, len(self._answered)))

    async def _sort(self, claimed: list[Claim]) -> tuple[list[Settlement], list[Turn]]:
        """Return the ends of those that need no slot, and the turns of the others.

        They are at their end by what they were answered, or are about people who must not be looked
        up, now and not at accept.
        """
        if not claimed:
            return [], []
        people = [(claim.workspace_id, claim.lead) for claim in claimed]
        async with self._pool.acquire() as connection:
            suppressed = await self._suppressions.find(connection, people)
        ended: list[Settlement] = []
        turns: list[Turn] = []
        for place, claim in enumerate(claimed):
            found = suppressed_settlement(claim) if place in suppressed else await self._look(claim)
            if isinstance(found, Turn):
                turns.append(found)
            else:
                ended.append(found)
        return ended, turns

    async def _look(self, claim: Claim) -> Settlement | Turn:
        try:
            waterfall = await self._waterfall(claim.waterfall_version)
            if claim.calls and (end := self._runner.end_of(claim, waterfall)) is not None:
                return end
            return Turn(claim.queue, claim)
        except TRANSIENT:
            raise
        except Exception as error:  # noqa: BLE001 - the edge of one lookup, as where it is run
            _log.exception("lookup.failed", lookup_id=claim.lookup_id)
            return failed_settlement(claim, type(error).__name__)

    def _hand_out(self) -> None:
        """Begin whatever may be begun now."""
        while (turn := self._turns.take()) is not None:
            runner = asyncio.create_task(self._run_turns(turn))
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)

    async def _run_turns(self, turn: Turn) -> None:
        """Run a lookup, and after it the next one, as long as there is one."""
        following: Turn | None = turn
        while following is not None:
            turn = following
            try:
                await self._run(turn)
            except TRANSIENT as error:
                lookup_id = turn.claim.lookup_id
                _log.warning("lookup.left", lookup_id=lookup_id, error=type(error).__name__)
                self._forget(turn.claim)
            except Exception as error:  # noqa: BLE001 - the edge of one lookup
                # A fault of ours ends this lookup, refunded, and no other.
                _log.exception("lookup.failed", lookup_id=turn.claim.lookup_id)
                self._end(failed_settlement(turn.claim, type(error).__name__))
            finally:
                self._turns.done(turn)
            following = self._turns.take()

    async def _run(self, turn: Turn) -> None:
        claim = turn.claim
        waterfall = await self._waterfall(claim.waterfall_version)
        match await self._runner.run(claim, waterfall, on_ask=partial(self._enter, turn)):
            case Settlement() as ended:
                self._end(ended)
            case Parked(wait_s):
                await until_done(
                    lambda: self._park(claim, wait_s), name="park", patience_s=_PARK_PATIENCE_S
                )
                self._forget(claim)
            case PlannedCall() as planned:
                self._gathering.add(planned).add_done_callback(lambda _: self._forget(claim))
            case Lost():
                self._forget(claim)

    async def _enter(self, turn: Turn) -> bool:
        is_new = not turn.has_slot
        has_slot = await self._turns.enter(turn)
        if has_slot and is_new:
            # It was one of those that are made ready: another may be.
            self._hand_out()
        return has_slot

    def _end(self, settlement: Settlement) -> None:
        # Not waited for: the slot is free while the batch is on its way, and is to be filled.
        self._held.end(settlement.claim)
        self._left.set()
        done = self._settling.add(settlement)
        done.add_done_callback(lambda _: self._forget(settlement.claim))

    async def _settle(self, settlements: list[Settlement]) -> list[None]:
        await settle_lookups(self._pool, settlements, self._publication, self._suppressions)
        return [None] * len(settlements)

    async def _park(self, claim: Claim, wait_s: float) -> None:
        async with self._pool.acquire() as connection:
            await park_lookups(connection, self._owner, [claim], wait_s)

    async def _release_owned(self) -> None:
        """Give back whatever the database counts as ours, also claims whose answer was lost."""
        async with self._pool.acquire() as connection:
            owned = await read_owned_lookups(connection, self._owner)
            await release_lookups(connection, self._owner, sorted(owned))

    async def _release(self, claims: list[Claim]) -> None:
        if not claims:
            return
        try:
            async with self._pool.acquire() as connection:
                lookup_ids = [claim.lookup_id for claim in claims]
                await release_lookups(connection, self._owner, lookup_ids)
        finally:
            # What could not be given back is a stray now.
            for claim in claims:
                self._forget(claim)

    def _forget(self, claim: Claim) -> None:
        self._held.remove(claim)
        self._left.set()

    async def _waterfall(self, version: str) -> Waterfall:
        waterfall = self._waterfalls.get(version)
        if waterfall is None:
            async with self._pool.acquire() as connection:
                waterfall = await read_waterfall(connection, version)
            if len(self._waterfalls) >= _WATERFALLS_KEPT_MAX:
                self._waterfalls.clear()
            self._waterfalls[version] = waterfall
        return waterfall

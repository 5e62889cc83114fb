"""Polls submissions whose time has come, at the vendor's pace, and lets their lookups go on.

A vendor that takes its time to answer holds up only its own polls.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from providers.contract import (
    NotReady,
    Offer,
    Provider,
    Submitted,
    VendorAnswer,
    VendorFault,
    VendorRequest,
)
from service.domain.fair_queue import UNCLAIMED, reading
from service.domain.lead_input import LeadInput
from service.domain.outcome import Outcome
from service.flows.ask_provider import ProviderDesk
from service.flows.credentials import Credential
from service.flows.finish_submission import Finisher
from service.flows.provider_gate import Gate, GateShut
from service.store.connection import Pool
from service.store.submissions import (
    DueSubmission,
    claim_due_submissions,
    give_back_polls,
    miss_deadline,
    postpone_poll,
    read_open_calls,
)
from service.store.transient import TRANSIENT
from service.tasks import end_tasks

_log = structlog.get_logger()

POLL_TIMEOUT_S: Final = 30.0
POLLS_MAX: Final = 16
"""Polls of this process under way at once."""
POLLS_PER_PROVIDER_MAX: Final = 8
"""Of which one provider's; a vendor that hangs, or is read seldom, leaves the rest to others."""
SHUT_PATIENCE_S: Final = 60.0
"""How long after its deadline a submission still waits for a gate that is shut to open."""
LATE_PATIENCE_S: Final = 3_600.0
"""How long after its deadline a submission is still polled for the record, in vendor time."""
LATE_EVERY_POLLS: Final = 10
"""How many of the vendor's poll intervals lie between two polls for which nobody waits."""
_CLAIM_MAX: Final = 4
_TURN_S_MAX: Final = 1.0
_STOP_GRACE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Poller:
    """Polls for one process."""

    pool: Pool
    desk: ProviderDesk
    providers: Mapping[str, Provider]
    process_id: UUID
    lease: timedelta
    finisher: Finisher
    _under_way: dict[asyncio.Task[None], DueSubmission] = field(default_factory=dict, init=False)

    async def begin_due(self) -> None:
        """Begin to poll what is due, as fast as the bounds leave room, for a second at most."""
        ends_at = time.monotonic() + _TURN_S_MAX
        while time.monotonic() < ends_at:
            counts = Counter(each.provider for each in self._under_way.values())
            # Whose the next ones are is not known yet: all of them may be one provider's.
            busy = [each for each in counts if counts[each] > POLLS_PER_PROVIDER_MAX - _CLAIM_MAX]
            room = min(POLLS_MAX - counts.total(), _CLAIM_MAX)
            if room and await self._begin(room, busy):
                continue
            if (room and not busy) or not self._under_way:
                return
            await asyncio.wait(
                self._under_way, timeout=_TURN_S_MAX / 4, return_when=asyncio.FIRST_COMPLETED
            )

    async def _begin(self, count_max: int, busy: list[str]) -> int:
        async with self.pool.acquire() as connection:
            due = await claim_due_submissions(
                connection,
                self.process_id,
                busy=busy,
                count_max=count_max,
                hold_s=POLL_TIMEOUT_S * 2,
                lease=self.lease,
            )
        for submission in due:
            task = asyncio.create_task(self._poll_guarded(submission))
            self._under_way[task] = submission
            task.add_done_callback(self._under_way.pop)
        return len(due)

    async def give_back(self) -> None:
        """Make due at once what nobody polls: a worker died over it, or never heard of its claim.

        What is claimed while this runs may be polled twice, which costs a read and harms nothing.
        """
        under_way = [each.id for each in self._under_way.values()]
        async with self.pool.acquire() as connection:
            await give_back_polls(connection, self.process_id, under_way, lease=self.lease)

    async def stop(self) -> None:
        """Let what is under way end; what takes too long is left, and polled again by others."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=_STOP_GRACE_S)
            await end_tasks(late)

    async def _poll_guarded(self, submission: DueSubmission) -> None:
        try:
            await self._poll(submission)
        except TRANSIENT as error:
            # It is given back at the next look for what nobody polls.
            _log.warning("submission.poll_failed", error=type(error).__name__)
        except Exception:  # noqa: BLE001 - the edge of a task
            _log.exception("submission.poll_failed", submission_id=str(submission.id))

    async def _poll(self, submission: DueSubmission) -> None:
        provider = self.providers.get(submission.provider)
        offer = provider.submitted_offer(submission.capability) if provider else None
        if provider is None or offer is None or not isinstance(offer.shape, Submitted):
            await self._give_up(submission, "provider_gone")
            return
        credential = await self.desk.credential_by_id(provider, submission.credential)
        if credential is None:
            await self._give_up(submission, "no_key")
            return
        gate = self._gate(provider, offer, credential)
        try:
            queue = UNCLAIMED if submission.late else reading(submission.queue)
            # Before it has a place: what is lost there brings requests closer together.
            leads = await self._leads(submission.id)
            async with gate.pass_through(queue):
                results = await self._read(provider, offer, credential, submission.handle, leads)
        except VendorFault:
            await self._wait(submission, provider, offer, gate.shut_for_s())
        except GateShut:
            # A key may be out for days: its lookups must not wait as long.
            await self._wait(
                submission, provider, offer, gate.shut_for_s(), patience_s=SHUT_PATIENCE_S
            )
        else:
            if isinstance(results, NotReady):
                await self._wait(submission, provider, offer)
            else:
                await self._finish(submission, provider, offer, results)

    async def _wait(
        self,
        submission: DueSubmission,
        provider: Provider,
        offer: Offer,
        shut_for_s: float = 0.0,
        *,
        patience_s: float = 0.0,
    ) -> None:
        """Poll again later; seldom and without its lookups once its deadline and patience are over.

        Late answers are still paid for, so they go on record and into memory.
        """
        late_s, pace_s = submission.late_s, self._pace(offer)
        end_s = max(LATE_PATIENCE_S * self.desk.time_scale, patience_s)
        if late_s < patience_s and not submission.late:
            await self._postpone(submission, max(min(shut_for_s, SHUT_PATIENCE_S - late_s), pace_s))
        elif late_s < end_s:
            seldom_s = max(pace_s * LATE_EVERY_POLLS, shut_for_s)
            if await self._let_go(submission, min(seldom_s, end_s - late_s)):
                self.desk.bulk_doubts.note_unread(provider, offer, submission.credential)
        else:
            await self._give_up(submission, "deadline")

    async def _read(
        self,
        provider: Provider,
        offer: Offer,
        credential: Credential,
        handle: str,
        leads: Sequence[LeadInput],
    ) -> Mapping[str, Outcome] | NotReady:
        shape = offer.shape
        if not isinstance(shape, Submitted):
            raise TypeError("only submissions are polled")
        gate = self._gate(provider, offer, credential)
        began_at = time.monotonic()
        try:
            results = shape.read(await self._ask(provider, credential, shape.poll(handle)), leads)
            if isinstance(results, VendorRequest):
                results = shape.read(await self._ask(provider, credential, results), leads)
        except VendorFault as fault:
            gate.note_fault(fault, time.monotonic() - began_at)
            raise
        gate.note_success(time.monotonic() - began_at)
        return NotReady() if isinstance(results, VendorRequest) else results

    async def _ask(
        self, provider: Provider, credential: Credential, request: VendorRequest
    ) -> VendorAnswer:
        return await self.desk.vendor_http.send(
            provider,
            request,
            api_key=credential.api_key,
            base_url=credential.base_url,
            timeout_s=POLL_TIMEOUT_S,
        )

    async def _leads(self, submission_id: UUID) -> list[LeadInput]:
        """Return whom it asks about, so that no name of theirs is read as the vendor's words."""
        async with self.pool.acquire() as connection:
            calls = await read_open_calls(connection, submission_id)
        return [call.lead.as_told() for call in calls]

    def _gate(self, provider: Provider, offer: Offer, credential: Credential) -> Gate:
        limits = offer.shape.poll_limits if isinstance(offer.shape, Submitted) else None
        if limits is None:
            return self.desk.gate(provider, credential, provider.operation(offer), offer.limits)
        return self.desk.gate(provider, credential, "poll", limits)

    def _pace(self, offer: Offer) -> float:
        if not isinstance(offer.shape, Submitted):
            raise TypeError("only submissions are polled")
        return offer.shape.poll_every_s * self.desk.time_scale

    async def _postpone(self, submission: DueSubmission, wait_s: float) -> None:
        async with self.pool.acquire() as connection:
            await postpone_poll(connection, submission.id, self.process_id, wait_s)

    async def _let_go(self, submission: DueSubmission, wait_s: float) -> bool:
        """Let the lookups of a submission go on, and poll it again for the record.

        Returns:
            Whether any of them waited until now.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            awake = await miss_deadline(connection, submission.id)
            await postpone_poll(connection, submission.id, self.process_id, wait_s)
        if awake:
            _log.info(
                "submission.missed_deadline",
                submission_id=str(submission.id),
                provider=submission.provider,
                polls=submission.poll_count,
            )
            self.finisher.go_on(awake)
        return bool(awake)

    async def _finish(
        self,
        submission: DueSubmission,
        provider: Provider,
        offer: Offer,
        results: Mapping[str, Outcome],
    ) -> None:
        is_named = await self.finisher.finish(
            submission, offer, results, claimed=submission.claimed
        )
        if not is_named and not submission.claimed:
            self.desk.bulk_doubts.note_unread(provider, offer, submission.credential)
        self._tell_end(submission)

    async def _give_up(self, submission: DueSubmission, reason: str) -> None:
        await self.finisher.give_up(submission, reason, claimed=submission.claimed)
        self._tell_end(submission)

    def _tell_end(self, submission: DueSubmission) -> None:
        _log.info(
            "submission.answered",
            submission_id=str(submission.id),
            provider=submission.provider,
            polls=submission.poll_count,
            late=submission.late,
        )

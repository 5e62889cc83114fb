"""Asks a vendor about a group of calls in one request; their lookups wait until it answers."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from providers.contract import (
    Batched,
    BrokenAnswer,
    CredentialsRejected,
    OutOfCredit,
    RequestRefused,
    Row,
    Submitted,
    VendorAnswer,
    VendorFault,
    VendorRequest,
)
from service.domain.callback_reach import can_call_back
from service.domain.fair_queue import reading
from service.domain.identifiers import new_id
from service.domain.outcome import NoAnswer, Outcome
from service.domain.retry_budget import TOKENS_MAX, TOKENS_PER_SECOND
from service.flows.ask_provider import Asked, Certainty, ProviderDesk, certainty_of
from service.flows.finish_submission import Finisher
from service.flows.planned_call import PATIENCE_S, PUT_OFF_S_MAX, PlannedCall
from service.flows.provider_gate import Gate, GateShut, LineTooLong
from service.store.calls import (
    Grant,
    withdraw_intents,
    write_answers,
    write_intents,
    write_wishes,
)
from service.store.claims import park_lookups
from service.store.connection import Connection, Pool
from service.store.submissions import (
    NewSubmission,
    abandon_submission,
    close_submission,
    disown_submission,
    intend_submission,
    keep_handle,
    row_reference,
)
from service.store.transient import until_done

_log = structlog.get_logger()

SUBMIT_TIMEOUT_S: Final = 30.0
# Losing a handle loses answers that were paid for, so its write is repeated for long.
_HANDLE_PATIENCE_S: Final = 120.0
_PATIENCE_S: Final = 30.0
_TOKEN_BYTES: Final = 24
# When a lookup whose call could not be submitted is looked at again.
_LOOK_AGAIN_S: Final = 0.5
# So many leads are found among others that were refused with them.
_SINGLED_OUT_MAX: Final = 2
UNPAID_PAUSE_S: Final = TOKENS_MAX / TOKENS_PER_SECOND
"""How much later it is when the vendor's retry budget does not pay for it, in vendor time."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What the vendor took, and what it calls that; or what it answered at once."""

    group: list[PlannedCall]
    said: str | Mapping[str, Outcome]


@dataclass(frozen=True, slots=True)
class _Refused:
    """Calls that the vendor refused, maybe for one of several, or for being asked together."""

    submission_id: UUID
    group: list[PlannedCall]
    fault: VendorFault


@dataclass(frozen=True, slots=True)
class Submitter:
    """Submits for one process.

    Attributes:
        finisher: writes what is answered at once.
        public_url: where vendors can call back; empty for polling alone.
        patience_s: for how long a vendor that takes nothing and answers nobody is asked again.
    """

    pool: Pool
    desk: ProviderDesk
    process_id: UUID
    lease: timedelta
    finisher: Finisher
    public_url: str = ""
    patience_s: float = PATIENCE_S

    async def submit(self, group: Sequence[PlannedCall]) -> None:
        """Ask about calls that share provider, offer and key; at most the offer's `batch_max`.

        A group that the vendor refuses goes again in halves, since it may refuse it for one lead
        of one workspace: until `_SINGLED_OUT_MAX` leads are found, and the retry budget lasts. Who
        is refused with others after that is asked about alone, where the vendor can be.

        Afterwards every lookup of the group waits for the vendor, or is ready to go on, or
        belongs to somebody else.
        """
        groups = [group]
        halvings_left = _SINGLED_OUT_MAX * (len(group) - 1).bit_length()
        while groups:
            refused = await self._submit_whole(groups.pop())
            if refused is None:
                continue
            may_halve = isinstance(refused.fault, RequestRefused) and halvings_left > 0
            halvings_left -= 1
            if may_halve and self.gate(group[0]).retries.spend(time.monotonic()):
                await self._take_back(refused)
                middle = len(refused.group) // 2
                groups += (refused.group[middle:], refused.group[:middle])
            elif refused.group[0].is_beside_single:
                self._doubt(refused.group[0])
                await self._take_back(refused)
                await self.let_go(refused.group)
            else:
                await self._note_fault(refused.submission_id, refused.group, refused.fault)

    async def _submit_whole(self, group: Sequence[PlannedCall]) -> _Refused | None:
        """Make one submission; return what the vendor refused of several calls."""
        submission = NewSubmission(
            id=new_id(),
            provider=group[0].provider.slug,
            capability=group[0].offer.capability,
            credential=group[0].credential.id,
            token=secrets.token_urlsafe(_TOKEN_BYTES),
            deadline_s=group[0].deadline_s,
        )
        made = await self._make_in_turn(submission, group)
        if not isinstance(made, _Made):
            return made
        call, said = group[0], made.said
        if isinstance(said, str):
            shape = call.offer.shape
            first_poll_after_s = shape.first_poll_after_s if isinstance(shape, Submitted) else 0.0
            await until_done(
                lambda: self._keep(submission.id, said, first_poll_after_s * self.desk.time_scale),
                name="submission.keep_handle",
                patience_s=_HANDLE_PATIENCE_S,
            )
        elif not await self.finisher.finish(submission, call.offer, said):
            self._doubt(call)
        _log.info(
            "submission.made",
            submission_id=str(submission.id),
            provider=submission.provider,
            calls=len(made.group),
        )
        return None

    async def let_go(self, group: Sequence[PlannedCall]) -> None:
        """Let calls leave the line that are not made now; the next look at each sees what follows.

        How long they stood in it is kept where it counts for their leads' deadlines.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            await _keep_time(connection, group)
            await self._park(connection, group, _LOOK_AGAIN_S)

    async def _make_in_turn(
        self, submission: NewSubmission, group: Sequence[PlannedCall]
    ) -> _Made | _Refused | None:
        """Stand in line and make the submission; whose lead has no time left there is let go."""
        while group:
            line_s = min(each.line_s for each in group)
            try:
                # The first of a group is the one whose turn it was.
                queue = group[0].claim.queue
                if group[0].is_beside_single:
                    # Else it would stand behind the very line that it is to be quicker than.
                    queue = reading(queue)
                async with self.gate(group[0]).pass_through(queue, line_s=line_s):
                    return await self._make(submission, group)
            except GateShut:
                await self.let_go(group)
                return None
            except LineTooLong:
                await self.let_go([each for each in group if each.line_s <= 0])
                group = [each for each in group if each.line_s > 0]
        return None

    async def _make(
        self, submission: NewSubmission, group: Sequence[PlannedCall]
    ) -> _Made | _Refused | None:
        """Write the intents and send; None when nothing was granted or the vendor failed.

        What is refused is still to be put on record.
        """
        granted = await until_done(
            lambda: self._intend(submission, group),
            name="submission.intend",
            patience_s=_PATIENCE_S,
        )
        if not granted:
            await self._abandon(submission.id)
            return None
        gate, began_at = self.gate(group[0]), time.monotonic()
        try:
            said = await self._send(submission, granted)
        except VendorFault as fault:
            if group[0].is_beside_single and isinstance(fault, CredentialsRejected | OutOfCredit):
                # For a bulk alone the plan or the balance may be too small: a single request tells.
                return _Refused(submission.id, granted, fault)
            gate.note_fault(fault, time.monotonic() - began_at)
            if isinstance(fault, RequestRefused) and len(granted) > 1:
                return _Refused(submission.id, granted, fault)
            await self._note_fault(submission.id, granted, fault)
            return None
        gate.note_success(time.monotonic() - began_at)
        return _Made(granted, said)

    async def _intend(
        self, submission: NewSubmission, group: Sequence[PlannedCall]
    ) -> list[PlannedCall]:
        intents = [
            each.intent(each.ask, submission.id, gate_wait_s=each.waited_s) for each in group
        ]
        async with self.pool.acquire() as connection, connection.transaction():
            await intend_submission(connection, submission, self.process_id)
            grants = await write_intents(connection, intents, self.lease)
            granted_or_not = list(zip(group, grants, strict=True))
            following = [each for each, grant in granted_or_not if grant is Grant.FOLLOW]
            await _keep_time(connection, following)
            # Cancelled, begun before, or asked by another lookup: the next claim of each sees
            # which, and acts on it.
            refused = [each for each, grant in granted_or_not if grant is not Grant.GRANTED]
            await self._park(connection, refused, _LOOK_AGAIN_S)
        return [each for each, grant in granted_or_not if grant is Grant.GRANTED]

    async def _send(
        self, submission: NewSubmission, group: Sequence[PlannedCall]
    ) -> str | Mapping[str, Outcome]:
        # In the order in which they are read again: some vendors answer by it.
        rows = [
            Row(row_reference(each.claim.lookup_id, each.step), each.claim.lead.as_told())
            for each in sorted(group, key=lambda each: each.claim.lookup_id)
        ]
        leads = [row.lead for row in rows]
        call, shape = group[0], group[0].offer.shape
        if isinstance(shape, Batched):
            answer = await self._exchange(call, shape.request(rows), call.deadline_s)
            return shape.read(answer, leads)
        if not isinstance(shape, Submitted):
            raise TypeError("only several are asked about together")
        callback_url = self._callback_url(submission, call)
        request = shape.submit(rows, f"leadfall-{submission.id.hex}", callback_url)
        answer = await self._exchange(call, request, SUBMIT_TIMEOUT_S)
        try:
            return shape.read_handle(answer, leads)
        except BrokenAnswer:
            # It may have been taken, and nothing will ever tell what it is called.
            self._doubt(call)
            raise

    async def _exchange(
        self, call: PlannedCall, request: VendorRequest, timeout_s: float
    ) -> VendorAnswer:
        return await self.desk.vendor_http.send(
            call.provider,
            request,
            api_key=call.credential.api_key,
            base_url=call.credential.base_url,
            timeout_s=timeout_s,
        )

    def gate(self, call: PlannedCall) -> Gate:
        """Return the gate that the calls of a group pass together."""
        return self.desk.gate(call.provider, call.credential, call.operation, call.offer.limits)

    def _callback_url(self, submission: NewSubmission, call: PlannedCall) -> str | None:
        if not self._can_call_back(call):
            return None
        return f"{self.public_url}/v1/callbacks/{submission.provider}/{submission.token}"

    def _doubt(self, call: PlannedCall) -> None:
        self.desk.bulk_doubts.note_unread(call.provider, call.offer, call.credential.id)

    async def _keep(self, submission_id: UUID, handle: str, first_poll_after_s: float) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await keep_handle(connection, submission_id, handle, first_poll_after_s)

    async def _take_back(self, refused: _Refused) -> None:
        """Take back the intents of what the vendor refused: nothing of it counts as asked."""

        async def take_back() -> None:
            async with self.pool.acquire() as connection, connection.transaction():
                await _withdraw(connection, refused.group)
                await abandon_submission(connection, refused.submission_id)

        await until_done(take_back, name="submission.take_back", patience_s=_PATIENCE_S)
        _log.info(
            "submission.halved",
            submission_id=str(refused.submission_id),
            provider=refused.group[0].provider.slug,
            calls=len(refused.group),
        )

    async def _note_fault(
        self, submission_id: UUID, group: Sequence[PlannedCall], fault: VendorFault
    ) -> None:
        """End the calls; those that may have been charged for stay on record as interrupted."""
        asked = Asked(NoAnswer(fault.slug), certainty_of(fault))
        certainty = group[0].certainty_of(asked)
        not_taken = certainty in {Certainty.NOT_TAKEN, Certainty.TURNED_AWAY}
        if not_taken or (certainty is Certainty.UNKNOWN and group[0].ask < group[0].asks_max):
            await self._put_off(submission_id, group, asked, not_taken=not_taken)
            return
        if certainty is Certainty.UNKNOWN and self._may_be_called_back(group[0]):
            await self._leave_open(submission_id, group)
            return
        answers = [each.answer(asked) for each in group]

        async def end() -> None:
            async with self.pool.acquire() as connection, connection.transaction():
                await write_answers(connection, answers)
                await close_submission(connection, submission_id, "abandoned")

        await until_done(end, name="submission.abandon", patience_s=_PATIENCE_S)
        _log.warning(
            "submission.failed",
            submission_id=str(submission_id),
            provider=group[0].provider.slug,
            calls=len(group),
            fault=fault.slug,
        )

    def _may_be_called_back(self, call: PlannedCall) -> bool:
        shape = call.offer.shape
        takes_calls = isinstance(shape, Submitted) and shape.callback_handle is not None
        return takes_calls and self._can_call_back(call)

    def _can_call_back(self, call: PlannedCall) -> bool:
        return can_call_back(self.public_url, call.credential.base_url or call.provider.base_url)

    async def _leave_open(self, submission_id: UUID, group: Sequence[PlannedCall]) -> None:
        """Leave it to a callback to say what the vendor calls it, as if this process had died.

        The lookups wait for that as long as for any call whose end nobody knows.
        """

        async def leave() -> None:
            async with self.pool.acquire() as connection, connection.transaction():
                await self._park(connection, group, self.lease.total_seconds())
                await disown_submission(connection, submission_id)

        await until_done(leave, name="submission.leave_open", patience_s=_PATIENCE_S)
        _log.warning(
            "submission.answer_lost",
            submission_id=str(submission_id),
            provider=group[0].provider.slug,
            calls=len(group),
        )

    async def _put_off(
        self, submission_id: UUID, group: Sequence[PlannedCall], asked: Asked, *, not_taken: bool
    ) -> None:
        """Let the lookups try this step again later; what was not taken does not count as asked.

        Where the vendor has answered nobody for longer than the patience, not to be taken is the
        end; but for those who can be asked about alone, as they are from now on.
        """
        gate, is_beside_single = self.gate(group[0]), group[0].is_beside_single
        if asked.certainty is Certainty.NOT_TAKEN and is_beside_single:
            self._doubt(group[0])
        is_silent = not_taken and gate.note_put_off() > self.patience_s
        may_end = not_taken and not is_beside_single
        ended = [each for each in group if may_end and (is_silent or each.age_s > PUT_OFF_S_MAX)]
        wait_s = _LOOK_AGAIN_S
        if not gate.retries.spend(time.monotonic()):
            wait_s = max(wait_s, UNPAID_PAUSE_S * self.desk.time_scale)

        async def put_off() -> None:
            async with self.pool.acquire() as connection, connection.transaction():
                if not_taken:
                    await _withdraw(connection, group)
                await write_answers(connection, [each.answer(asked) for each in ended])
                await self._park(connection, group, wait_s)
                await abandon_submission(connection, submission_id)

        await until_done(put_off, name="submission.put_off", patience_s=_PATIENCE_S)
        _log.info(
            "submission.put_off",
            submission_id=str(submission_id),
            provider=group[0].provider.slug,
            calls=len(group),
        )

    async def _park(
        self, connection: Connection, group: Sequence[PlannedCall], wait_s: float
    ) -> None:
        await park_lookups(connection, self.process_id, [each.claim for each in group], wait_s)

    async def _abandon(self, submission_id: UUID) -> None:
        async with self.pool.acquire() as connection:
            await abandon_submission(connection, submission_id)


async def _keep_time(connection: Connection, group: Sequence[PlannedCall]) -> None:
    """Keep how long these stood in line, where it counts for their leads' deadlines."""
    timed = [each.wish() for each in group if each.has_lead_deadline]
    if timed:
        await write_wishes(connection, timed)


async def _withdraw(connection: Connection, group: Sequence[PlannedCall]) -> None:
    """Take back the intents of what was certainly not taken."""
    await withdraw_intents(connection, [each.intent(each.ask) for each in group])

"""Submits a group of calls to a vendor in one request and parks their lookups until it answers."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from providers.contract import Row, Submitted, VendorDown, VendorFault
from service.domain.identifiers import new_id
from service.domain.outcome import OutcomeName
from service.flows.ask_provider import ProviderDesk
from service.flows.run_waterfall import ToSubmit
from service.store.calls import Answer, Grant, Intent, write_answers, write_intents
from service.store.claims import release_lookups
from service.store.connection import Pool
from service.store.submissions import (
    NewSubmission,
    close_submission,
    intend_submission,
    keep_handle,
    row_reference,
)
from service.store.transient import until_done

_log = structlog.get_logger()

OPERATOR: Final = "operator"
SUBMIT_TIMEOUT_S: Final = 30.0
# Losing a handle loses answers that were paid for, so its write is repeated for long.
_HANDLE_PATIENCE_S: Final = 120.0
_PATIENCE_S: Final = 30.0
_TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Submitter:
    """Submits for one process."""

    pool: Pool
    desk: ProviderDesk
    process_id: UUID
    lease: timedelta

    async def submit(self, group: Sequence[ToSubmit]) -> None:
        """Submit calls that share provider, offer and key; at most the offer's `batch_max`.

        Afterwards every lookup of the group waits for the vendor, or is ready to go on, or
        belongs to somebody else.
        """
        submission = NewSubmission(
            id=new_id(),
            provider=group[0].provider.slug,
            capability=group[0].offer.capability,
            credential=OPERATOR,
            token=secrets.token_urlsafe(_TOKEN_BYTES),
            deadline_s=group[0].deadline_s,
        )
        granted = await until_done(
            lambda: self._intend(submission, group),
            name="submission.intend",
            patience_s=_PATIENCE_S,
        )
        if not granted:
            await self._abandon(submission.id)
            return
        try:
            handle = await self._send(submission, granted)
        except VendorFault as fault:
            await self._note_fault(submission.id, granted, fault)
            return
        offer = granted[0].offer.shape
        first_poll_after_s = offer.first_poll_after_s if isinstance(offer, Submitted) else 0.0
        await until_done(
            lambda: self._keep(submission.id, handle, first_poll_after_s * self.desk.time_scale),
            name="submission.keep_handle",
            patience_s=_HANDLE_PATIENCE_S,
        )
        _log.info("submission.made", provider=submission.provider, calls=len(granted))

    async def _intend(self, submission: NewSubmission, group: Sequence[ToSubmit]) -> list[ToSubmit]:
        intents = [
            Intent(
                each.claim.lookup_id,
                each.step,
                each.provider.slug,
                each.claim.epoch,
                may_repeat=each.provider.repeat_when_interrupted,
                submission_id=submission.id,
            )
            for each in group
        ]
        async with self.pool.acquire() as connection, connection.transaction():
            await intend_submission(connection, submission, self.process_id)
            grants = await write_intents(connection, intents, self.lease)
            refused = [
                each.claim.lookup_id
                for each, grant in zip(group, grants, strict=True)
                if grant is not Grant.GRANTED
            ]
            # Cancelled, or begun before: the next claim of the lookup sees which, and acts on it.
            await release_lookups(connection, self.process_id, refused)
        return [each for each, grant in zip(group, grants, strict=True) if grant is Grant.GRANTED]

    async def _send(self, submission: NewSubmission, group: Sequence[ToSubmit]) -> str:
        provider, shape = group[0].provider, group[0].offer.shape
        if not isinstance(shape, Submitted):
            raise TypeError("only submissions are submitted")
        rows = [Row(row_reference(e.claim.lookup_id, e.step), e.claim.lead) for e in group]
        access = self.desk.access[provider.slug]
        async with self.desk.gate(provider).pass_through():
            answer = await self.desk.vendor_http.send(
                provider,
                shape.submit(rows, f"leadfall-{submission.id.hex}", None),
                api_key=access.api_key,
                base_url=access.base_url,
                timeout_s=SUBMIT_TIMEOUT_S,
            )
        return shape.read_handle(answer)

    async def _keep(self, submission_id: UUID, handle: str, first_poll_after_s: float) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await keep_handle(connection, submission_id, handle, first_poll_after_s)

    async def _note_fault(
        self, submission_id: UUID, group: Sequence[ToSubmit], fault: VendorFault
    ) -> None:
        """End the calls; those that may have been charged for stay on record as interrupted."""
        self.desk.gate(group[0].provider).note_fault(fault)
        ambiguous = isinstance(fault, VendorDown) and fault.sent
        answers = [
            Answer(
                each.claim.lookup_id,
                each.step,
                each.claim.epoch,
                OutcomeName.INTERRUPTED if ambiguous else OutcomeName.NO_ANSWER,
                reason=fault.slug,
            )
            for each in group
        ]

        async def end() -> None:
            async with self.pool.acquire() as connection, connection.transaction():
                await write_answers(connection, answers)
                await close_submission(connection, submission_id, "abandoned")

        await until_done(end, name="submission.abandon", patience_s=_PATIENCE_S)
        _log.warning("submission.failed", provider=group[0].provider.slug, fault=fault.slug)

    async def _abandon(self, submission_id: UUID) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await close_submission(connection, submission_id, "abandoned")

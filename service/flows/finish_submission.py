"""Writes what came of a request for several calls, and lets their lookups go on."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from providers.contract import Batched, Offer, Row, Submitted
from providers.vocabulary import verdict_of_row
from service.domain.claim import Answer, ToRemember
from service.domain.kinds import Capability
from service.domain.outcome import Found, NoAnswer, Outcome, OutcomeName
from service.domain.question import SHARED, person_of
from service.flows.ask_provider import price_of
from service.flows.credentials import OPERATOR
from service.flows.keep_answers import keep_answers
from service.flows.suppress_people import SuppressionList
from service.store.connection import Pool
from service.store.submissions import (
    DueSubmission,
    NewSubmission,
    SubmittedCall,
    close_submission,
    disbelieve_callback,
    read_open_calls,
    row_reference,
)
from service.store.transient import until_done

# What was answered at once cannot be fetched again.
_PATIENCE_S: Final = 120.0
_UNNAMED: Final = NoAnswer("unnamed_row")

_Submission = NewSubmission | DueSubmission


@dataclass(frozen=True, slots=True)
class Finisher:
    """Finishes submissions for one process.

    Attributes:
        go_on: called with the lookups that go on.
        memory_days: for how long an answer is remembered, by outcome.
    """

    pool: Pool
    suppressions: SuppressionList
    go_on: Callable[[Collection[int]], None]
    memory_days: Mapping[OutcomeName, float] = field(default_factory=dict)

    async def finish(
        self,
        submission: _Submission,
        offer: Offer,
        results: Mapping[str, Outcome],
        *,
        claimed: bool = False,
    ) -> bool:
        """Write every row's outcome; rows that the vendor did not name have no answer.

        Args:
            claimed: the results are of a handle that a callback named: where they name no row of
                ours nothing is written, and the handle is forgotten.

        Returns:
            Whether the vendor named a row, or none was left to be named.
        """

        def end(call: SubmittedCall) -> Outcome:
            outcome = results.get(_name_of(offer, call), _UNNAMED)
            is_verdict = submission.capability is Capability.VERIFY_EMAIL
            return verdict_of_row(outcome, call.lead.email) if is_verdict else outcome

        return await self._finish(submission, offer, results.keys(), end, claimed=claimed)

    async def give_up(self, submission: _Submission, reason: str, *, claimed: bool = False) -> None:
        """End every row of a submission without an answer, for this reason.

        Args:
            claimed: it is waited for no more under the handle that a callback named, and that is
                all.
        """
        await self._finish(submission, None, (), lambda _: NoAnswer(reason), claimed=claimed)

    async def _finish(
        self,
        submission: _Submission,
        offer: Offer | None,
        named: Collection[str],
        end: Callable[[SubmittedCall], Outcome],
        *,
        claimed: bool,
    ) -> bool:
        async def finish() -> tuple[bool, list[int]]:
            async with self.pool.acquire() as connection, connection.transaction():
                calls = await read_open_calls(connection, submission.id)
                is_named = not {_name_of(offer, call) for call in calls}.isdisjoint(named)
                if claimed and not is_named:
                    await disbelieve_callback(connection, submission.id)
                    return False, []
                answers = [self._answer(submission, offer, call, end(call)) for call in calls]
                await keep_answers(connection, answers, self.suppressions)
                awake = await close_submission(connection, submission.id, "answered")
                return is_named or not calls, awake

        is_named, awake = await until_done(finish, name="submission.finish", patience_s=_PATIENCE_S)
        self.go_on(awake)
        return is_named

    def _answer(
        self, submission: _Submission, offer: Offer | None, call: SubmittedCall, outcome: Outcome
    ) -> Answer:
        return Answer(
            call.lookup_id,
            call.step,
            call.epoch,
            outcome.name,
            dict(outcome.value) if isinstance(outcome, Found) else None,
            getattr(outcome, "reason", None),
            price_of(offer, outcome) if offer else 0,
            call.age_ms,
            self._to_remember(submission, call, outcome),
        )

    def _to_remember(
        self, submission: _Submission, call: SubmittedCall, outcome: Outcome
    ) -> ToRemember | None:
        if call.question is None or outcome.name not in self.memory_days:
            return None
        return ToRemember(
            question=call.question,
            scope=SHARED if submission.credential == OPERATOR else call.workspace_id,
            provider=submission.provider,
            capability=submission.capability,
            person=person_of(call.lead),
            outcome=outcome.name,
            value=dict(outcome.value) if isinstance(outcome, Found) else None,
            days=self.memory_days[outcome.name],
        )


def _name_of(offer: Offer | None, call: SubmittedCall) -> str:
    """Return what the vendor's results call this call."""
    row = Row(row_reference(call.lookup_id, call.step), call.lead.as_told())
    shape = offer.shape if offer is not None else None
    return shape.name_of(row) if isinstance(shape, Batched | Submitted) else row.reference

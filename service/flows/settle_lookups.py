"""Settles lookups: outcome, lead, refund, counts, terminal event and deliveries, all or nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import asyncpg
import structlog
from prometheus_client import Counter as Metric

from service.domain.claim import Claim, Settlement
from service.domain.outcome import OutcomeName
from service.domain.suppression import OPTED_OUT, SUPPRESSED, SuppressionReason
from service.errors import SuppressionsUnreadable
from service.flows.keep_answers import keep_answers
from service.flows.publish_finished import (
    FinishedJob,
    Publication,
    log_finished,
    publish_finished,
)
from service.flows.publish_leads import publish_leads
from service.flows.suppress_people import SuppressionList, found_in
from service.store.calls import forget_values
from service.store.connection import Connection, Pool
from service.store.ledger import Refund, enter_refunds
from service.store.settlement import (
    ClosedLookup,
    announce_finished,
    close_lookups,
    fill_leads,
    lower_open_counts,
)
from service.store.suppressions import EVERYWHERE
from service.store.transient import TRANSIENT, until_done

_log = structlog.get_logger()

_PATIENCE_S: Final = 60.0

_settled = Metric("leadfall_lookups_settled_total", "Lookups settled.", ["outcome"])
_stale = Metric(
    "leadfall_settlements_stale_total", "Settlements refused because the claim was lost."
)


async def settle_lookups(
    pool: Pool,
    settlements: Sequence[Settlement],
    publication: Publication,
    suppressions: SuppressionList | None = None,
) -> int:
    """Settle a batch and return how many of them counted.

    Safe to repeat: a lookup that is settled, or that another worker holds, is left alone. When
    the batch fails for a reason that repeating cannot cure, each lookup is settled by itself,
    and the one to blame ends as no answer, refunded in full.

    Args:
        suppressions: an address that was found and is on the list is neither told nor kept, and
            whom a vendor may not speak of by law is put on it; None leaves the list alone.

    Raises:
        Exception: the database was not to be had for 60 s; the claims still stand.
    """
    closing = _Closing(pool, publication, suppressions)
    try:
        closed, finished = await until_done(
            lambda: closing.settle(settlements), name="settle", patience_s=_PATIENCE_S
        )
    except asyncpg.PostgresError as error:
        if isinstance(error, TRANSIENT):
            raise
        if len(settlements) > 1:
            _log.error("settlement.split", count=len(settlements), error=type(error).__name__)
            return sum(
                [
                    await settle_lookups(pool, [one], publication, suppressions)
                    for one in settlements
                ]
            )
        closed, finished = await closing.settle_blamed(settlements[0], type(error).__name__)
    if len(closed) < len(settlements):
        _stale.inc(len(settlements) - len(closed))
    outcomes = Counter(each.outcome.value for each in closed)
    for outcome, count in outcomes.items():
        _settled.labels(outcome).inc(count)
    _log.info(
        "batch.settled",
        claimed=len(settlements),
        settled=len(closed),
        jobs=len({each.job_id for each in closed}),
        **outcomes,
    )
    log_finished(finished)
    return len(closed)


def suppressed_settlement(claim: Claim) -> Settlement:
    """Return the end of a lookup whose person must not be looked up: refunded in full."""
    return Settlement(claim, OutcomeName.REJECTED_INPUT, reason=SUPPRESSED, refund=claim.price)


async def follow_up(
    connection: Connection, closed: Sequence[ClosedLookup], publication: Publication
) -> list[FinishedJob]:
    """Count closed lookups into their jobs, tell of what ended, and give credits back.

    The caller's transaction has closed them, holds their locks and none of their jobs'. It takes
    jobs before workspaces, and those last. Returns what `log_finished` tells after the commit.
    """
    lowered = await lower_open_counts(connection, closed)
    refunds = [
        Refund(each.lookup_id, each.job_id, each.workspace_id, each.refunded)
        for each in closed
        if each.refunded
    ]
    coming: Counter[int] = Counter()
    for refund in refunds:
        coming[refund.workspace_id] += refund.amount
    if lowered.telling:
        told = [each.lookup_id for each in closed if each.job_id in lowered.telling]
        await publish_leads(connection, told)
    finished = await publish_finished(connection, lowered.finished, publication, coming)
    if refunds:
        await enter_refunds(connection, refunds)
    if finished:
        await announce_finished(connection)
    return finished


_Settled = tuple[list[ClosedLookup], list[FinishedJob]]


@dataclass(frozen=True, slots=True)
class _Closing:
    """What settling a batch needs besides the batch."""

    pool: Pool
    publication: Publication
    suppressions: SuppressionList | None

    async def settle(self, settlements: Sequence[Settlement]) -> _Settled:
        async with self.pool.acquire() as connection, connection.transaction():
            closed = await close_lookups(
                connection, await self._without_suppressed(connection, settlements)
            )
            answers = [each.answer for each in settlements if each.answer is not None]
            await keep_answers(connection, answers, self.suppressions)
            if suppressed := [each.lookup_id for each in closed if each.reason == SUPPRESSED]:
                await forget_values(connection, suppressed)
            if not closed:
                return [], []
            await fill_leads(connection, closed)
            await self._suppress_by_law(connection, closed)
            return closed, await follow_up(connection, closed, self.publication)

    async def settle_blamed(self, settlement: Settlement, error: str) -> _Settled:
        _log.error("settlement.replaced", lookup_id=settlement.claim.lookup_id, error=error)
        outcome, reason = OutcomeName.NO_ANSWER, f"settle_failed:{error}"
        answer = settlement.answer
        harmless = replace(
            settlement,
            outcome=outcome,
            value=None,
            reason=reason,
            refund=settlement.claim.price,
            answer=answer
            and replace(answer, outcome=outcome, value=None, reason=reason, keep=None),
        )
        return await until_done(
            lambda: self.settle([harmless]), name="settle", patience_s=_PATIENCE_S
        )

    async def _without_suppressed(
        self, connection: Connection, settlements: Sequence[Settlement]
    ) -> Sequence[Settlement]:
        """Replace finds of an address whose owner is suppressed under that address only."""
        found = [
            place for place, each in enumerate(settlements) if each.value and "email" in each.value
        ]
        if self.suppressions is None or not found:
            return settlements
        people = [
            (settlements[place].claim.workspace_id, found_in(settlements[place].value))
            for place in found
        ]
        hits = {found[hit] for hit in await self.suppressions.find(connection, people)}
        return [
            suppressed_settlement(each.claim) if place in hits else each
            for place, each in enumerate(settlements)
        ]

    async def _suppress_by_law(
        self, connection: Connection, closed: Sequence[ClosedLookup]
    ) -> None:
        people = [(EVERYWHERE, each.lead) for each in closed if each.reason == OPTED_OUT]
        if self.suppressions is None or not people:
            return
        try:
            await self.suppressions.add(connection, people, SuppressionReason.LEGAL)
        except SuppressionsUnreadable:
            # The lookup ends all the same; a later one asks the vendor again, who says the same.
            _log.warning("suppression.unrecorded", count=len(people))

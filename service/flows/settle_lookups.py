"""Settles lookups: outcome, lead, refund, counts, terminal event and deliveries, all or nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import asyncpg
import structlog
from prometheus_client import Counter as Metric

from service.domain.claim import Settlement
from service.domain.outcome import OutcomeName
from service.flows.publish_finished import Publication, publish_finished
from service.store.connection import Pool
from service.store.ledger import Refund, enter_refunds
from service.store.settlement import (
    ClosedLookup,
    announce_settled,
    close_lookups,
    fill_leads,
    lower_open_counts,
)
from service.store.transient import TRANSIENT, until_done

_log = structlog.get_logger()

_PATIENCE_S: Final = 60.0

_settled = Metric("leadfall_lookups_settled_total", "Lookups settled.", ["outcome"])
_stale = Metric(
    "leadfall_settlements_stale_total", "Settlements refused because the claim was lost."
)


async def settle_lookups(
    pool: Pool, settlements: Sequence[Settlement], publication: Publication
) -> int:
    """Settle a batch and return how many of them counted.

    Safe to repeat: a lookup that is settled, or that another worker holds, is left alone. When
    the batch fails for a reason that repeating cannot cure, each lookup is settled by itself,
    and the one to blame ends as no answer, refunded in full.

    Raises:
        Exception: the database was not to be had for 60 s; the claims still stand.
    """
    try:
        closed = await until_done(
            lambda: _settle(pool, settlements, publication), name="settle", patience_s=_PATIENCE_S
        )
    except asyncpg.PostgresError as error:
        if isinstance(error, TRANSIENT):
            raise
        if len(settlements) > 1:
            _log.error("settlement.split", count=len(settlements), error=type(error).__name__)
            return sum([await settle_lookups(pool, [one], publication) for one in settlements])
        closed = await _settle_blamed(pool, settlements[0], publication, type(error).__name__)
    if len(closed) < len(settlements):
        _stale.inc(len(settlements) - len(closed))
    outcomes = Counter(each.outcome.value for each in closed)
    for outcome, count in outcomes.items():
        _settled.labels(outcome).inc(count)
    _log.info("batch.settled", claimed=len(settlements), settled=len(closed), **outcomes)
    return len(closed)


async def _settle(
    pool: Pool, settlements: Sequence[Settlement], publication: Publication
) -> list[ClosedLookup]:
    async with pool.acquire() as connection, connection.transaction():
        closed = await close_lookups(connection, settlements)
        if not closed:
            return []
        await fill_leads(connection, closed)
        finished = await lower_open_counts(connection, closed)
        refunds = [
            Refund(each.lookup_id, each.job_id, each.workspace_id, each.refunded)
            for each in closed
            if each.refunded
        ]
        coming: Counter[int] = Counter()
        for refund in refunds:
            coming[refund.workspace_id] += refund.amount
        await publish_finished(connection, finished, publication, coming)
        if refunds:
            await enter_refunds(connection, refunds)
        await announce_settled(connection)
        return closed


async def _settle_blamed(
    pool: Pool, settlement: Settlement, publication: Publication, error: str
) -> list[ClosedLookup]:
    _log.error("settlement.replaced", lookup_id=settlement.claim.lookup_id, error=error)
    harmless = replace(
        settlement,
        outcome=OutcomeName.NO_ANSWER,
        value=None,
        reason=f"settle_failed:{error}",
        refund=settlement.claim.price,
    )
    return await until_done(
        lambda: _settle(pool, [harmless], publication), name="settle", patience_s=_PATIENCE_S
    )

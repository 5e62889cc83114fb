"""Plays the demo: a workspace with leads calls both APIs, and what comes of it is gathered."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from providers.registry import all_providers
from providers.sandbox.expectation import Expectation, expected
from providers.sandbox.server import Sandbox
from service.app import usable_waterfalls
from service.commands.demonstration.caller import Caller
from service.commands.demonstration.evidence import Evidence, FinishedJob, Result
from service.commands.demonstration.people import lead_input
from service.commands.demonstration.receiver import Receiver
from service.commands.demonstration.tenant import Tenant, TenantList
from service.commands.failures import CommandFailure
from service.domain.kinds import Kind
from service.domain.waterfall import Waterfall
from service.flows.audit import audit
from service.settings import Settings
from service.store.connection import Pool
from service.store.directory import read_ledger_totals
from service.store.inspection import (
    Progress,
    read_deliveries,
    read_progress,
    read_spending,
)

_LOOK_EVERY_S: Final = 0.05
_PATIENCE_S: Final = 60.0
_PATIENCE_PER_LEAD_S: Final = 0.05

_SENDKIT_KINDS: Final = {
    "email_verification": (Kind.VERIFY_EMAIL, "email", "emailVerificationResult"),
    "seg_gateway": (Kind.DETECT_GATEWAY, "segGateway", "segProvider"),
}

OnProgress = Callable[[Progress, int], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a run plays on."""

    settings: Settings
    pool: Pool
    sandbox: Sandbox
    tenant: Tenant
    receiver: Receiver
    caller: Caller


@dataclass(frozen=True, slots=True)
class _Started:
    """A list's waterfall that was accepted."""

    tenant_list: TenantList
    job_id: str
    deducted: int


async def play(stage: Stage, on_progress: OnProgress) -> Evidence:
    """Start every job, wait for the last webhook, and gather what is there.

    Raises:
        CommandFailure: an answer is no success, or the end does not come.
    """
    began_s = time.monotonic()
    started = [await _start(stage, each) for each in stage.tenant.lists if each.without_email]
    addressed = [lead for each in stage.tenant.lists for lead in each.with_email]
    others = (
        await stage.caller.verify_emails([lead.public_id for lead in addressed])
        if addressed
        else []
    )
    await _wait(stage, len(started), on_progress)
    seconds = time.monotonic() - began_s
    waterfalls = usable_waterfalls(stage.settings)
    jobs = [await _finished_waterfall(stage, each, waterfalls) for each in started]
    jobs += [await _finished_other(stage, each, waterfalls) for each in others]
    return await _gather(stage, jobs, frozenset(each.job_id for each in started), seconds)


async def _start(stage: Stage, tenant_list: TenantList) -> _Started:
    answer = await stage.caller.find_emails(
        tenant_list.id, limit=len(tenant_list.leads), webhook_url=stage.receiver.url
    )
    return _Started(tenant_list, answer["job_id"], answer["credits_deducted"])


async def _wait(stage: Stage, webhook_count: int, on_progress: OnProgress) -> None:
    patience_s = _PATIENCE_S + _PATIENCE_PER_LEAD_S * stage.tenant.lead_count
    try:
        async with asyncio.timeout(patience_s):
            # Only the database knows when the last one is settled and sent.
            while not await _is_done(stage, webhook_count, on_progress):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError:
        raise CommandFailure(f"The jobs were not done within {patience_s:.0f} s.") from None


async def _is_done(stage: Stage, webhook_count: int, on_progress: OnProgress) -> bool:
    async with stage.pool.acquire() as connection:
        progress = await read_progress(connection, stage.tenant.workspace_id)
    received = len(stage.receiver.received)
    on_progress(progress, received)
    return progress.done and progress.delivery_count >= webhook_count <= received


async def _finished_waterfall(
    stage: Stage, started: _Started, waterfalls: Mapping[Kind, Waterfall]
) -> FinishedJob:
    kind = Kind.FIND_EMAIL_WATERFALL
    list_id = started.tenant_list.id
    told = await stage.caller.seleqt_job(list_id, started.job_id)
    rows = await stage.caller.found_emails(list_id, started.job_id)
    truths = {
        lead.id: expected(lead_input(lead.row), kind, waterfalls[kind].steps)
        for lead in started.tenant_list.without_email
    }
    return FinishedJob(
        job_id=started.job_id,
        kind=kind,
        price=stage.settings.prices.seleqt["FIND_EMAIL_WATERFALL"],
        lead_count=len(truths),
        deducted=started.deducted,
        charged=told["credits_deducted"],
        refunded=told["credits_refunded"],
        results=[
            _result(str(row["id"]), row["success"], row["data"]["email"], truths.get(row["id"]))
            for row in rows
        ],
    )


async def _finished_other(
    stage: Stage, accepted: dict[str, Any], waterfalls: Mapping[Kind, Waterfall]
) -> FinishedJob:
    kind, requested_as, value_name = _SENDKIT_KINDS[accepted["type"]]
    told = (await stage.caller.job(accepted["jobId"]))["metadata"]
    rows = await stage.caller.job_results(accepted["jobId"])
    truths = {
        lead.public_id: expected(lead_input(lead.row), kind, waterfalls[kind].steps)
        for each in stage.tenant.lists
        for lead in each.with_email
    }
    return FinishedJob(
        job_id=accepted["jobId"],
        kind=kind,
        price=stage.settings.prices.sendkit[requested_as],
        lead_count=len(truths),
        deducted=accepted["creditsUsed"],
        charged=told["creditsUsed"],
        refunded=told["creditsRefunded"],
        results=[
            _result(
                row["leadId"], row["success"], row["data"][value_name], truths.get(row["leadId"])
            )
            for row in rows
        ],
    )


def _result(lead_id: str, found: bool, value: str | None, truth: Expectation | None) -> Result:  # noqa: FBT001 - as the API tells it
    if truth is None:
        raise CommandFailure(f"The lead {lead_id} has a result in a job that it is not part of.")
    return Result(lead_id, found, value, truth)


async def _gather(
    stage: Stage, jobs: Sequence[FinishedJob], webhook_job_ids: frozenset[str], seconds: float
) -> Evidence:
    report = await audit(stage.pool, all_providers(), stage.settings.lease)
    async with stage.pool.acquire() as connection:
        totals = await read_ledger_totals(connection, stage.tenant.workspace_id)
        deliveries = await read_deliveries(connection, stage.tenant.workspace_id)
        spending = await read_spending(connection, stage.tenant.workspace_id)
    return Evidence(
        lead_count=stage.tenant.lead_count,
        jobs=jobs,
        webhook_job_ids=webhook_job_ids,
        refund_percent=stage.settings.refund_percent,
        granted=stage.tenant.granted,
        balance=await stage.caller.balance(stage.tenant.lists[0].id),
        totals=totals,
        received=tuple(stage.receiver.received),
        deliveries=deliveries,
        audit=report,
        spending=spending,
        books=stage.sandbox.books.summary(),
        seconds=seconds,
    )

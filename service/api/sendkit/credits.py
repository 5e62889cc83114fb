"""`/v1/credits`: the balance, the ledger behind it, and what it was used for."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import (
    parse_place_cursor,
    read_choice,
    read_moment,
    require_known,
    write_place_cursor,
)
from service.api.sendkit.access import authenticate
from service.api.sendkit.jobs import pagination, read_limit
from service.api.validation import invalid, together
from service.domain.face_answers import iso
from service.flows.read_credits import read_ledger, read_usage
from service.store.audit import read_moment as read_database_time
from service.store.ledger import EntryPlace, LedgerEntry, LedgerFilter, read_thresholds

KINDS: Final = ("grant", "charge", "refund")
USAGE_DAYS: Final = 30
USAGE_DAYS_MAX: Final = 92

_JOB_ID_CHARACTERS_MAX: Final = 100


async def show_credits(request: web.Request) -> web.Response:
    """Answer with the workspace's credits."""
    caller = await authenticate(request)
    require_known(request, ())
    async with context_of(request).pool.acquire() as connection:
        balance, low = await read_thresholds(connection, caller.workspace_id)
    return json_answer({"success": True, "data": {"balance": balance, "lowBalance": low}})


async def list_ledger(request: web.Request) -> web.Response:
    """Answer with a page of the ledger, newest first."""
    caller = await authenticate(request)
    before, limit, wanted, _ = together(
        lambda: _read_place(request),
        lambda: read_limit(request),
        lambda: _read_wanted(request),
        lambda: require_known(request, {"cursor", "limit", "kind", "jobId", "from", "to"}),
    )
    page = await read_ledger(
        context_of(request).pool, caller.workspace_id, wanted, before=before, limit=limit
    )
    return json_answer(
        {
            "success": True,
            "data": [_entry(entry) for entry in page.entries],
            "pagination": pagination(
                limit, page.counted, _next_cursor(page.entries) if page.more else None
            ),
        }
    )


async def _now(request: web.Request) -> datetime:
    """Return the database's time, by which everything is entered."""
    async with context_of(request).pool.acquire() as connection:
        return await read_database_time(connection)


async def show_usage(request: web.Request) -> web.Response:
    """Answer with what credits were used for, by day, kind and provider."""
    caller = await authenticate(request)
    given_since, given_until, _ = together(
        lambda: read_moment(request, "from"),
        lambda: read_moment(request, "to"),
        lambda: require_known(request, {"from", "to"}),
    )
    until = given_until or await _now(request)
    since = given_since or until - timedelta(days=USAGE_DAYS)
    if not timedelta() < until - since <= timedelta(days=USAGE_DAYS_MAX):
        raise invalid({"from": f"from must be before to, by at most {USAGE_DAYS_MAX} days"})
    usage = await read_usage(context_of(request).pool, caller.workspace_id, since, until)
    data = {
        "from": iso(since.astimezone(UTC)),
        "to": iso(until.astimezone(UTC)),
        "charged": sum(each.charged for each in usage.by_kind),
        "refunded": sum(each.refunded for each in usage.by_kind),
        "byKind": [
            {
                "day": each.day.isoformat(),
                "kind": each.kind,
                "charged": each.charged,
                "refunded": each.refunded,
            }
            for each in usage.by_kind
        ],
        "byProvider": [
            {
                "day": each.day.isoformat(),
                "kind": each.kind,
                "provider": each.provider,
                "calls": each.calls,
                "fromCache": each.from_memory,
                "found": each.found,
                "providerCredits": each.price_thousandths / 1_000,
            }
            for each in usage.by_provider
        ],
    }
    return json_answer({"success": True, "data": data})


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "kind": entry.kind,
        "amount": entry.amount,
        "jobId": entry.job_public_id,
        "note": entry.note,
        "createdAt": iso(entry.created_at),
    }


def _read_wanted(request: web.Request) -> LedgerFilter:
    return LedgerFilter(
        *together(
            lambda: read_choice(request, "kind", KINDS),
            lambda: _read_job_id(request),
            lambda: read_moment(request, "from"),
            lambda: read_moment(request, "to"),
        )
    )


def _read_job_id(request: web.Request) -> str | None:
    text = request.query.get("jobId")
    if text is not None and ("\0" in text or not 1 <= len(text) <= _JOB_ID_CHARACTERS_MAX):
        raise invalid({"jobId": "jobId must be the id of a job, as its acceptance gave it"})
    return text


def _read_place(request: web.Request) -> EntryPlace | None:
    """Return the entry after which to continue; None without a cursor.

    Raises:
        InvalidRequest: it is not one of ours.
    """
    text = request.query.get("cursor")
    return None if text is None else EntryPlace(*parse_place_cursor(text))


def _next_cursor(entries: Sequence[LedgerEntry]) -> str:
    return write_place_cursor(entries[-1].created_at, entries[-1].id)

"""What became of events at a webhook: deliveries with their attempts, missed events, replays."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args
from uuid import UUID

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import read_choice, require_known
from service.api.request_body import read_object
from service.api.sendkit.access import authenticate
from service.api.sendkit.webhook_bodies import read_moment, read_replay
from service.api.sendkit.webhook_rows import (
    attempt_row,
    body_fragment,
    delivery_row,
    event_row,
    page,
    parse_delivery_id,
    replay_row,
)
from service.api.sendkit.webhooks import read_limit
from service.api.validation import invalid, together
from service.domain.event_types import EventType
from service.domain.sentences import joined
from service.errors import NotFound
from service.flows.manage_endpoints import require_endpoint
from service.flows.replay_deliveries import (
    replay_delivery,
    require_delivery,
    show_replay,
    start_replay,
)
from service.store.connection import Connection
from service.store.deliveries import KeptState, number_waiting
from service.store.delivery_history import (
    Wanted,
    read_attempts,
    read_deliveries,
    read_missed,
    read_payload,
)
from service.store.endpoints import Endpoint, read_endpoints

STATES: Final = get_args(KeptState)
NUMBERED_MAX: Final = 5_000
"""Waiting deliveries that one call numbers; the next call numbers the next."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT_BYTES: Final = 8
_SEQUENCE_DIGITS_MAX: Final = 18


async def list_deliveries(request: web.Request) -> web.Response:
    """Answer with a page of an endpoint's deliveries, newest first."""
    caller = await authenticate(request)
    wanted, limit, after, _ = together(
        lambda: _wanted(request),
        lambda: read_limit(request),
        lambda: _read_place(request),
        lambda: require_known(request, {"cursor", "limit", "state", "type", "since", "until"}),
    )
    async with context_of(request).pool.acquire() as connection:
        endpoint = await require_endpoint(connection, caller.workspace_id, _webhook_id(request))
        rows = await read_deliveries(connection, endpoint.id, wanted, after=after, limit=limit + 1)
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    cursor = None if last is None else _write_place(last.created_at, last.event_id)
    return json_answer(
        page([delivery_row(each) for each in shown], limit=limit, next_cursor=cursor)
    )


async def show_delivery(request: web.Request) -> web.Response:
    """Answer with a delivery, its body and every attempt that is kept."""
    caller = await authenticate(request)
    require_known(request, ())
    event_id, endpoint_public_id = _delivery_key(request)
    async with context_of(request).pool.acquire() as connection:
        found = await require_delivery(
            connection, caller.workspace_id, event_id, endpoint_public_id
        )
        attempts = await read_attempts(connection, found)
        payload = await read_payload(connection, found)
    data = {
        **delivery_row(found),
        "body": body_fragment(payload),
        "attempts": [attempt_row(each) for each in attempts],
    }
    return json_answer({"success": True, "data": data})


async def replay_one(request: web.Request) -> web.Response:
    """Send one delivery again, now and with a fresh schedule."""
    caller = await authenticate(request)
    require_known(request, ())
    event_id, endpoint_public_id = _delivery_key(request)
    found = await replay_delivery(
        context_of(request).pool, caller.workspace_id, event_id, endpoint_public_id
    )
    return json_answer({"success": True, "data": delivery_row(found)})


async def replay_failed(request: web.Request) -> web.Response:
    """Begin to send again all that failed since a time, or say how much that is."""
    caller = await authenticate(request)
    since, dry_run = await read_object(request, read_replay)
    pool = context_of(request).pool
    asked = await start_replay(
        pool, caller.workspace_id, _webhook_id(request), since=since, dry_run=dry_run
    )
    data: dict[str, Any] = {"dryRun": True, "matched": asked.matched_count}
    if asked.public_id is not None:
        data = replay_row(await show_replay(pool, caller.workspace_id, asked.public_id))
    return json_answer({"success": True, "data": data})


async def show_progress(request: web.Request) -> web.Response:
    """Answer with how far a replay has come."""
    return await _replay(request, cancel=False)


async def stop_replay(request: web.Request) -> web.Response:
    """Cancel a replay; what is due already is still sent."""
    return await _replay(request, cancel=True)


async def list_events(request: web.Request) -> web.Response:
    """Answer with what an endpoint was, or was to be, told after a number, in that order.

    The endpoint is named by the path, or by `webhookId`, which may be left out where the
    workspace has only one.
    """
    caller = await authenticate(request)
    limit, after, _ = together(
        lambda: read_limit(request),
        lambda: _read_sequence(request),
        lambda: require_known(request, {"after", "limit", "webhookId"}),
    )
    async with context_of(request).pool.acquire() as connection:
        endpoint = await _endpoint(connection, caller.workspace_id, request)
        async with connection.transaction():
            await number_waiting(connection, endpoint.id, count_max=NUMBERED_MAX)
        rows = await read_missed(connection, endpoint.id, after=after, limit=limit + 1)
    shown = rows[:limit]
    answer = {
        "success": True,
        "data": [event_row(each) for each in shown],
        "pagination": {
            "limit": limit,
            "hasMore": len(rows) > limit,
            "after": shown[-1].sequence if shown else after,
        },
    }
    return json_answer(answer)


async def _replay(request: web.Request, *, cancel: bool) -> web.Response:
    caller = await authenticate(request)
    require_known(request, ())
    found = await show_replay(
        context_of(request).pool,
        caller.workspace_id,
        request.match_info["replay_id"],
        cancel=cancel,
    )
    return json_answer({"success": True, "data": replay_row(found)})


async def _endpoint(connection: Connection, workspace_id: int, request: web.Request) -> Endpoint:
    named = request.match_info.get("webhook_id") or request.query.get("webhookId")
    if named is not None and "\0" in named:
        raise invalid({"webhookId": "webhookId must be the id of a webhook"})
    if named is not None:
        return await require_endpoint(connection, workspace_id, named)
    found = await read_endpoints(connection, workspace_id, limit=2)
    if len(found) != 1:
        raise invalid(
            {"webhookId": "webhookId is required: this workspace has not exactly one webhook"}
        )
    return found[0]


def _webhook_id(request: web.Request) -> str:
    return request.match_info["webhook_id"]


def _delivery_key(request: web.Request) -> tuple[UUID, str]:
    found = parse_delivery_id(request.match_info["delivery_id"])
    if found is None:
        raise NotFound(
            "There is no delivery with this id in this workspace; "
            "the webhook's deliveries list theirs"
        )
    return found


def _wanted(request: web.Request) -> Wanted:
    def moment(name: str) -> datetime | None:
        return read_moment(request.query[name], name) if name in request.query else None

    return Wanted(
        *together(
            lambda: _states(request),
            lambda: read_choice(request, "type", list(EventType)),
            lambda: moment("since"),
            lambda: moment("until"),
        )
    )


def _states(request: web.Request) -> list[str] | None:
    states = request.query["state"].split(",") if "state" in request.query else None
    if states is not None and not set(states) <= set(STATES):
        raise invalid(
            {"state": f"state must be one or more of {joined(STATES)}, with commas between"}
        )
    return states


def _read_sequence(request: web.Request) -> int:
    text = request.query.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _SEQUENCE_DIGITS_MAX):
        raise invalid({"after": "after must be a sequence number: an integer of at least 0"})
    return int(text)


def _write_place(moment: datetime, event_id: UUID) -> str:
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    raw = microseconds.to_bytes(_MOMENT_BYTES, "big") + event_id.bytes
    return base64.urlsafe_b64encode(raw).decode()


def _read_place(request: web.Request) -> tuple[datetime, UUID] | None:
    text = request.query.get("cursor")
    if text is None:
        return None
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
        microseconds = int.from_bytes(raw[:_MOMENT_BYTES], "big")
        # A UUID refuses any other number of bytes than its own.
        return _EPOCH + timedelta(microseconds=microseconds), UUID(bytes=raw[_MOMENT_BYTES:])
    except (binascii.Error, ValueError, OverflowError):
        raise invalid(
            {"cursor": "cursor is not valid; use the one of the answer before, unchanged"}
        ) from None

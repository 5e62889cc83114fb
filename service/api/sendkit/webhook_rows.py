"""How webhooks, deliveries, attempts and replays are shown, in the names of SendKit's API."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import orjson

from service.domain.face_answers import iso
from service.domain.identifiers import event_header_id
from service.flows.manage_endpoints import Shown
from service.store.delivery_history import KeptAttempt, KeptDelivery, MissedEvent
from service.store.replays import Replay
from service.store.secrets import LiveSecret

_MASK: Final = "********"
_SHOWN_CHARACTERS: Final = 4
_ID_PREFIX: Final = "dlv_"
_EVENT_HEX: Final = 32
_ENDPOINT_HEX: Final = 24


def webhook_row(shown: Shown, workspace_public_id: str) -> dict[str, Any]:
    """Return an endpoint; the values of its headers, which may be credentials, are masked."""
    endpoint = shown.endpoint
    current = shown.secrets[0] if shown.secrets else None
    stats: dict[str, Any] = {
        "totalDelivered": endpoint.delivered_count,
        "totalFailed": endpoint.failed_count,
        "lastDeliveredAt": iso(endpoint.last_delivered_at),
        "expiredCount": endpoint.expired_count,
        "lastSequence": endpoint.last_sequence,
    }
    if shown.parked_count is not None:
        stats["parkedCount"] = shown.parked_count
    return {
        "_id": endpoint.public_id,
        "workspaceId": workspace_public_id,
        "name": endpoint.name,
        "listed": not endpoint.hidden,
        "url": endpoint.url,
        "events": endpoint.event_types,
        "secret": shown.secret,
        "signatureScheme": current.scheme if current else "v1",
        "publicKey": current.public_key if current else None,
        "secrets": secret_rows(shown.secrets),
        "headers": None if shown.headers is None else dict.fromkeys(shown.headers, _MASK),
        "retryAttempts": endpoint.retry_count_max,
        "timeoutMs": endpoint.timeout_ms,
        "ratePerMinute": endpoint.rate_per_minute,
        "status": "active" if endpoint.enabled else "inactive",
        "disabledReason": endpoint.disabled_reason,
        "disabledAt": iso(endpoint.disabled_at),
        "failingSince": iso(endpoint.failing_since),
        "heldUntil": iso(endpoint.hold_until),
        "stats": stats,
        "createdBy": endpoint.created_by,
        "createdAt": iso(endpoint.created_at),
        "updatedAt": iso(endpoint.updated_at),
    }


def secret_rows(secrets: Sequence[LiveSecret]) -> list[dict[str, Any]]:
    """Return what signs now, and until when, without the secrets themselves."""
    return [
        {
            "id": each.id,
            "scheme": each.scheme,
            "publicKey": each.public_key,
            "current": each.expires_at is None,
            "createdAt": iso(each.created_at),
            "signsUntil": iso(each.expires_at),
        }
        for each in secrets
    ]


def masked(secret: str | None) -> str | None:
    """Return a secret with nothing but its kind and end readable."""
    if secret is None:
        return None
    prefix = secret[: secret.index("_") + 1] if "_" in secret[:6] else ""
    return f"{prefix}{_MASK}{secret[-_SHOWN_CHARACTERS:]}"


def delivery_id(event_id: UUID, endpoint_public_id: str) -> str:
    """Return how a delivery is called: it is one event for one endpoint."""
    return f"{_ID_PREFIX}{event_id.hex}{endpoint_public_id}"


def parse_delivery_id(text: str) -> tuple[UUID, str] | None:
    """Return event and endpoint of a delivery's id, or None when it is none."""
    digits = text.removeprefix(_ID_PREFIX)
    if not text.startswith(_ID_PREFIX) or len(digits) != _EVENT_HEX + _ENDPOINT_HEX:
        return None
    try:
        return UUID(hex=digits[:_EVENT_HEX]), digits[_EVENT_HEX:]
    except ValueError:
        return None


def delivery_row(delivery: KeptDelivery) -> dict[str, Any]:
    """Return a delivery without its attempts."""
    waits = delivery.state == "due"
    return {
        "id": delivery_id(delivery.event_id, delivery.endpoint_public_id),
        "webhookId": delivery.endpoint_public_id,
        "eventId": event_header_id(delivery.event_id),
        "eventType": delivery.event_type,
        "sequence": delivery.sequence,
        "state": delivery.state,
        "attemptCount": delivery.attempt_count + delivery.earlier_attempt_count,
        "unsentCount": delivery.unsent_claim_count,
        "lastStatusCode": delivery.last_status,
        "reason": delivery.reason,
        "nextAttemptAt": iso(delivery.due_at) if waits else None,
        "replayed": delivery.replay_id is not None or delivery.earlier_attempt_count > 0,
        "eventCreatedAt": iso(delivery.event_created_at),
        "createdAt": iso(delivery.created_at),
        "finishedAt": iso(delivery.finished_at),
    }


def attempt_row(attempt: KeptAttempt) -> dict[str, Any]:
    """Return one request with what came of it and what was decided."""
    answer = attempt.answer
    return {
        "number": attempt.number,
        "counted": attempt.counted,
        "startedAt": iso(attempt.started_at),
        "durationMs": attempt.duration_ms,
        "address": attempt.address,
        "timings": {
            "dnsMs": _rounded(attempt.dns_ms),
            "connectMs": _rounded(attempt.connect_ms),
            "tlsMs": _rounded(attempt.tls_ms),
            "ttfbMs": _rounded(attempt.ttfb_ms),
        },
        "connectionReused": attempt.reused,
        "tlsVersion": attempt.tls_version,
        "statusCode": attempt.status,
        "answer": None if answer is None else answer.decode("utf-8", errors="replace"),
        "class": attempt.attempt_class,
        "decision": attempt.decision,
        "reason": attempt.reason,
        "bodySha256": attempt.body_sha256.hex(),
        "secretIds": attempt.secret_ids or [],
    }


def event_row(event: MissedEvent) -> dict[str, Any]:
    """Return an event with the very bytes that deliveries send; null when no longer kept."""
    return {
        "sequence": event.sequence,
        "id": event_header_id(event.event_id),
        "type": event.event_type,
        "createdAt": iso(event.event_created_at),
        "state": event.state,
        "body": body_fragment(event.payload),
    }


def body_fragment(payload: bytes | None) -> orjson.Fragment | None:
    """Return a frozen body as it stands, to be put into an answer byte for byte."""
    return None if payload is None else orjson.Fragment(payload)


def replay_row(replay: Replay) -> dict[str, Any]:
    """Return how far a replay has come."""
    counts: Mapping[str, int] = {
        "matched": replay.matched_count,
        "replayed": replay.replayed_count,
        "delivered": replay.delivered_count,
        "failed": replay.failed_count,
        "open": replay.open_count,
    }
    return {
        "id": replay.public_id,
        "webhookId": replay.endpoint_public_id,
        "status": replay.state,
        "waiting": replay.state == "running" and not replay.endpoint_enabled,
        "since": iso(replay.since),
        "until": iso(replay.until),
        "states": replay.states,
        "counts": counts,
        "createdAt": iso(replay.created_at),
        "updatedAt": iso(replay.updated_at),
        "finishedAt": iso(replay.finished_at),
    }


def page(
    rows: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int] = MappingProxyType({}),
    *,
    limit: int,
    next_cursor: str | None,
) -> dict[str, Any]:
    """Return an answer with one page, and with what was counted of the whole."""
    return {
        "success": True,
        "data": list(rows),
        "pagination": {
            "limit": limit,
            **counts,
            "hasMore": next_cursor is not None,
            "nextCursor": next_cursor,
        },
    }


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 2)

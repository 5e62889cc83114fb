"""An example of what each type of event carries in `data`, for the documentation."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from service.domain.event_types import EventType

_SELEQT_ROW: Final = {
    "id": 1201,
    "first_name": "Nadia",
    "last_name": "Okafor",
    "success": True,
    "data": {"email": "nadia.okafor@brightwater.example"},
}
_SELEQT_JOB: Final = {
    "success": True,
    "mode": "async",
    "enrichment_type": "FIND_EMAIL",
    "job_id": "bulk_find_email_1767225600000_k3x9p2a",
    "lead_list_id": 7,
    "status": "completed",
    "total_count": 2,
    "success_count": 1,
    "credits_deducted": 6,
    "credits_refunded": 3,
    "remaining_credits": 994,
}
_MISSED_ROW: Final = {
    "id": 1202,
    "first_name": "Tomas",
    "last_name": "Lind",
    "success": False,
    "data": {"email": None},
    "message": "Email not found",
}
_LEAD: Final = {
    "_id": "65f0c2a1b4d3e2f1a0b9c8d7",
    "prospectId": 1201,
    "userId": None,
    "workspaceId": "65f0c2a1b4d3e2f1a0b9c8d0",
    "email": "nadia.okafor@brightwater.example",
    "firstName": "Nadia",
    "lastName": "Okafor",
    "companyName": "Brightwater",
    "jobTitle": "Head of Operations",
    "phoneNumber": None,
    "linkedinUrl": None,
    "city": "Lagos",
    "state": None,
    "country": "NG",
    "tags": ["trial"],
    "customFields": {"source": "fair"},
    "emailVerified": True,
    "emailVerificationResult": "deliverable",
    "segProtected": False,
    "segProvider": None,
    "segProviderName": None,
    "espProvider": "google",
    "espProviderName": "Gmail",
    "createdAt": "2026-01-01T00:00:00.000Z",
    "updatedAt": "2026-01-01T00:04:00.000Z",
}
_CANCELLED: Final = {"status": "cancelled", "success_count": 0, "credits_refunded": 6}

EXAMPLES: Final[Mapping[EventType, Mapping[str, Any]]] = MappingProxyType(
    {
        EventType.ENRICHMENT_ACCEPTED: {
            "job_id": _SELEQT_JOB["job_id"],
            "enrichment_type": "FIND_EMAIL",
            "total_count": 2,
            "credits_deducted": 6,
            "metadata": {"batch": "7"},
        },
        EventType.ENRICHMENT_COMPLETED: {**_SELEQT_JOB, "results": [_SELEQT_ROW, _MISSED_ROW]},
        EventType.ENRICHMENT_FAILED: {
            **_SELEQT_JOB,
            "status": "failed",
            "total_count": 1,
            "success_count": 0,
            "credits_deducted": 3,
            "results": [
                {
                    **_MISSED_ROW,
                    "message": "No provider could answer; credits were refunded",
                }
            ],
        },
        EventType.ENRICHMENT_CANCELLED: {
            **_SELEQT_JOB,
            **_CANCELLED,
            "results": [
                {**row, "success": False, "data": {"email": None},
                 "message": "Cancelled; credits were refunded"}
                for row in (_SELEQT_ROW, _MISSED_ROW)
            ],
        },
        EventType.LEAD_ENRICHED: {
            **_SELEQT_ROW,
            "job_id": _SELEQT_JOB["job_id"],
            "lead_list_id": 7,
            "enrichment_type": "FIND_EMAIL",
            "metadata": {"batch": "7"},
        },
        EventType.LEAD_UPDATED: _LEAD,
        EventType.CREDITS_LOW: {"remaining_credits": 94, "threshold": 100},
        EventType.CREDITS_REFUNDED: {
            "job_id": _SELEQT_JOB["job_id"],
            "enrichment_type": "FIND_EMAIL",
            "credits_refunded": 3,
            "credits_deducted": 6,
            "remaining_credits": 994,
        },
        EventType.PROVIDER_UNAVAILABLE: {
            "provider": "hunter",
            "reason": "key_refused",
            "since": "2026-01-01T00:00:00.000Z",
        },
        EventType.ENDPOINT_DISABLED: {
            "webhookId": "65f0c2a1b4d3e2f1a0b9c8d1",
            "name": "CRM",
            "url": "https://hooks.brightwater.example/leadfall",
            "reason": "gone",
            "disabledAt": "2026-01-01T00:00:00.000Z",
        },
        EventType.ENDPOINT_EXHAUSTED: {
            "webhookId": "65f0c2a1b4d3e2f1a0b9c8d1",
            "name": "CRM",
            "url": "https://hooks.brightwater.example/leadfall",
            "reason": "the receiver answered 500; that was the last attempt",
            "eventId": "evt_0197a1c2d3e47f509a1b2c3d4e5f6071",
            "eventType": "lead.enriched",
            "exhaustedAt": "2026-01-01T00:00:00.000Z",
        },
        EventType.TEST: {
            "webhookId": "65f0c2a1b4d3e2f1a0b9c8d1",
            "message": "This is a test. A receiver that answers with 2xx is set up.",
        },
    }
)  # fmt: skip
"""One `data` for each type; where it depends on the face, that of the Seleqt face."""

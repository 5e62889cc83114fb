"""How each face shows a job and its results; answers and webhook bodies are built from these.

Seleqt's result rows are its sync answer's; SendKit documents none, so its rows are an extension
in its own naming.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from service.domain.job import Job, LookupResult
from service.domain.kinds import Face, Target
from service.domain.outcome import OutcomeName
from service.domain.suppression import OPTED_OUT, SUPPRESSED

STILL_PROCESSING: Final = "Still processing"

_MISS_MESSAGES: Final = {
    Target.EMAIL: "Email not found",
    Target.PHONE: "Phone not found",
    Target.VERIFICATION: "Email could not be verified",
    Target.GATEWAY: "Gateway could not be detected",
    Target.ESP: "Provider could not be detected",
}
_MUST_NOT: Final = "This person must not be looked up"
_OTHER_MESSAGES: Final = {
    OutcomeName.NO_ANSWER: "No provider could answer",
    OutcomeName.REJECTED_INPUT: "The lead lacks the data this needs",
    OutcomeName.CANCELLED: "Cancelled",
}
_REFUNDED: Final = "; credits were refunded"


def iso(moment: datetime | None) -> str | None:
    """Return a moment as ISO 8601 in UTC with milliseconds and `Z`; None stays None."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message_of(result: LookupResult) -> str | None:
    """Return the sentence that tells a caller why there is no value; None for a found one."""
    match result.outcome:
        case None:
            return STILL_PROCESSING
        case OutcomeName.FOUND:
            return None
        case OutcomeName.MISSING:
            return _MISS_MESSAGES[result.target]
        case OutcomeName.REJECTED_INPUT if result.reason in {SUPPRESSED, OPTED_OUT}:
            said = _MUST_NOT
        case other:
            said = _OTHER_MESSAGES[other]
    # Free kinds and own keys are charged nothing, and a policy may keep what was charged.
    return f"{said}{_REFUNDED}" if result.refunded else said


def seleqt_result(result: LookupResult) -> dict[str, Any]:
    """Return a row of Seleqt's `results`; found rows carry no `message`."""
    value = result.value or {}
    if result.target is Target.PHONE:
        data = {"phone": value.get("phone"), "phone_number": value.get("phone")}
    else:
        data = {"email": value.get("email")}
    row: dict[str, Any] = {
        "id": result.lead_id,
        "first_name": result.first_name,
        "last_name": result.last_name,
        "success": result.outcome is OutcomeName.FOUND,
        "data": data,
    }
    message = message_of(result)
    if message is not None:
        row["message"] = message
    return row


def sendkit_result(result: LookupResult) -> dict[str, Any]:
    """Return a row of our results extension in SendKit's naming."""
    row: dict[str, Any] = {
        "leadId": result.lead_public_id,
        "success": result.outcome is OutcomeName.FOUND,
        "outcome": result.outcome,
        "data": sendkit_value(result.target, result.value or {}),
    }
    message = message_of(result)
    if message is not None:
        row["message"] = message
    return row


def sendkit_value(target: Target, value: dict[str, Any]) -> dict[str, Any]:
    """Return what a lookup found, under the names of SendKit's lead object."""
    match target:
        case Target.VERIFICATION:
            return {
                "email": value.get("email"),
                "emailVerificationResult": value.get("verdict"),
                "emailVerificationReason": value.get("reason"),
            }
        case Target.EMAIL:
            return {
                "email": value.get("email"),
                "emailVerificationResult": value.get("verdict"),
            }
        case Target.PHONE:
            return {"phoneNumber": value.get("phone")}
        case Target.GATEWAY:
            return {
                "segProtected": value.get("slug") is not None,
                "segProvider": value.get("slug"),
                "segProviderName": value.get("name"),
            }
        case Target.ESP:
            return {"espProvider": value.get("slug"), "espProviderName": value.get("name")}


def result_of(face: Face, result: LookupResult) -> dict[str, Any]:
    """Return a result row in the face's own shape."""
    return seleqt_result(result) if face is Face.SELEQT else sendkit_result(result)


def sendkit_job(job: Job) -> dict[str, Any]:
    """Return a job as SendKit's job page shows it, with what came back in credits."""
    return {
        **_sendkit_state(job),
        "totalLeads": job.lookup_count,
        "createdAt": iso(job.created_at),
        "updatedAt": iso(job.updated_at),
        "startedAt": iso(job.started_at),
        "completedAt": iso(job.finished_at),
        **sendkit_metadata(job.metadata),
    }


def sendkit_webhook(webhook_id: str | None) -> dict[str, Any]:
    """Return the id of the webhook that was made from a job's URL, once there is one."""
    return {"webhookId": webhook_id} if webhook_id else {}


def seleqt_webhook(webhook_id: str | None) -> dict[str, Any]:
    """Return the id of the webhook that was made from a job's URL, once there is one."""
    return {"webhook_id": webhook_id} if webhook_id else {}


def sendkit_cancelled(job: Job) -> dict[str, Any]:
    """Return a job as SendKit's cancel page shows it."""
    return {
        **_sendkit_state(job),
        "updatedAt": iso(job.updated_at),
        "completedAt": iso(job.finished_at),
    }


def _sendkit_state(job: Job) -> dict[str, Any]:
    return {
        "id": job.public_id,
        "type": job.type,
        "status": job.status,
        "metadata": {
            "totalItems": job.lookup_count,
            "processedItems": job.settled_count,
            "successCount": job.found_count,
            "failedCount": job.settled_count - job.found_count,
            "creditsUsed": job.charged,
            "creditsRefunded": job.refunded,
        },
    }


def sendkit_metadata(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """Return what the caller gave a job, under a name that SendKit's own counters leave free."""
    return {"callerMetadata": metadata} if metadata else {}


def seleqt_metadata(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """Return what the caller gave a job, under the name by which it was given."""
    return {"metadata": metadata} if metadata else {}


def seleqt_job(job: Job, balance: int) -> dict[str, Any]:
    """Return a finished job in the fields of Seleqt's own answers."""
    return {
        "success": True,
        "mode": job.mode,
        "enrichment_type": job.type,
        "job_id": job.public_id,
        "lead_list_id": job.list_id,
        "status": job.status,
        "total_count": job.lookup_count,
        "success_count": job.found_count,
        "credits_deducted": job.charged,
        "credits_refunded": job.refunded,
        "remaining_credits": balance,
        **seleqt_metadata(job.metadata),
    }


def enriched_data(job: Job, result: LookupResult) -> dict[str, Any]:
    """Return the `data` of the event about one lead: its row, and the job it is of."""
    if job.face == Face.SELEQT:
        return {
            **seleqt_result(result),
            "job_id": job.public_id,
            "lead_list_id": job.list_id,
            "enrichment_type": job.type,
            **seleqt_metadata(job.metadata),
        }
    return {
        **sendkit_result(result),
        "jobId": job.public_id,
        "type": job.type,
        **sendkit_metadata(job.metadata),
    }


def results_path(job: Job) -> str:
    """Return the path at which the job's results can be read with the same face's key."""
    if job.face == Face.SELEQT:
        return f"/api/v1/public/lead-lists/{job.list_id}/enrichment/{job.public_id}/results/"
    return f"/v1/enrichment/jobs/{job.public_id}/results"


def finished_data(
    job: Job, results: Sequence[LookupResult] | None, *, balance: int, public_url: str
) -> dict[str, Any]:
    """Return the `data` of a finished job's event.

    Args:
        results: every row of the job, or None to name the URL where they can be read.
    """
    face = Face(job.face)
    data = seleqt_job(job, balance) if face is Face.SELEQT else sendkit_job(job)
    if results is None:
        data["results_url" if face is Face.SELEQT else "resultsUrl"] = public_url + results_path(
            job
        )
    else:
        data["results"] = [result_of(face, result) for result in results]
    return data

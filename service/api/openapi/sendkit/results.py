"""Jobs and their results as the SendKit face shows them."""

from typing import Annotated, Literal

from pydantic import Field

from service.api.openapi.values import (
    CamelAnswer,
    Count,
    Credits,
    JobId,
    Metadata,
    Moment,
    ObjectId,
    may_lack,
)

Verdict = Annotated[
    Literal["deliverable", "undeliverable", "risky", "unknown"] | None,
    Field(examples=["deliverable"]),
]
Email = Annotated[str | None, Field(examples=["ada@engines.example"])]
Slug = Annotated[str | None, Field(examples=["proofpoint"])]
Name = Annotated[str | None, Field(examples=["Proofpoint"])]
OutcomeName = Literal["found", "missing", "no_answer", "rejected_input", "cancelled"]
JobStatus = Literal["pending", "processing", "completed", "failed", "cancelled"]
ShownType = Literal["email_verification", "phone_enrichment", "seg_gateway", "esp_detection"]


class JobCounts(CamelAnswer):
    """How a job goes."""

    total_items: Count
    processed_items: Count
    success_count: Count
    failed_count: Annotated[int, Field(ge=0, examples=[0])]
    credits_used: Credits
    """The charge at acceptance."""
    credits_refunded: Annotated[int, Field(ge=0, examples=[0])]
    """What came back of it so far."""


class JobState(CamelAnswer):
    """A job's state and counts."""

    id: JobId
    type: ShownType
    status: JobStatus
    metadata: JobCounts
    updated_at: Moment
    completed_at: Moment | None


class Job(JobState):
    """A job."""

    total_leads: Count
    created_at: Moment
    started_at: Moment | None
    caller_metadata: Metadata = may_lack("What the request gave as `metadata`.")
    webhook_id: ObjectId = may_lack(
        "The webhook made from the request's `webhookUrl`; there from the first event on."
    )


class CancelledJob(JobState):
    """The job, cancelled: what was not paid for yet is given back as it settles."""


class Verified(CamelAnswer):
    """What a verification gave."""

    email: Email
    email_verification_result: Verdict
    email_verification_reason: Annotated[str | None, Field(examples=["accepted_email"])]


class PhoneFound(CamelAnswer):
    """What a search for a number gave."""

    phone_number: Annotated[str | None, Field(examples=["+14155550100"])]


class GatewayDetected(CamelAnswer):
    """Which mail gateway stands before the lead's mailbox; null for none."""

    seg_protected: bool
    seg_provider: Slug
    seg_provider_name: Name


class MailHostDetected(CamelAnswer):
    """Who hosts the lead's mailbox; null for nobody known."""

    esp_provider: Annotated[str | None, Field(examples=["google"])]
    esp_provider_name: Annotated[str | None, Field(examples=["Gmail"])]


class SendKitResult(CamelAnswer):
    """What became of one lead; `outcome` is null while it is open."""

    lead_id: ObjectId | None
    success: bool
    outcome: OutcomeName | None
    data: Verified | PhoneFound | GatewayDetected | MailHostDetected
    message: str = may_lack("Why there is no value; found rows have none.")

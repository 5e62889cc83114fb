"""Enrichments and their jobs."""

from typing import Annotated, Final

from pydantic import Field

from service.api.openapi.operation import Access, Operation, Operations, json_body
from service.api.openapi.parameters import (
    IDEMPOTENCY_KEY,
    JOB_ID,
    LEAD_ID,
    LIMIT,
    cursor,
    in_query,
)
from service.api.openapi.prose import ENRICHMENT, JOBS
from service.api.openapi.sendkit.pages import CappedPlace, CountedPlace
from service.api.openapi.sendkit.results import CancelledJob, Job, JobStatus, SendKitResult
from service.api.openapi.sendkit.results import ShownType as Shown
from service.api.openapi.values import (
    CamelAnswer,
    Count,
    Credits,
    JobId,
    Metadata,
    Moment,
    may_lack,
    paged,
    wrapped,
)
from service.api.sendkit.bodies import EnrichBody
from service.api.sendkit.errors import CreditsMissing
from service.api.sendkit.jobs import OUTCOMES, STATUSES, TYPES
from service.errors import (
    FilterTooBroad,
    JobNotCancellable,
    KeyInProgress,
    KeyReused,
    NotFound,
    NoUsableStep,
    ProviderLacksCapability,
    ProviderNotConfigured,
    SecretsUnavailable,
)

_JOBS: Final = "/v1/enrichment/jobs"
_ONE: Final = f"{_JOBS}/{{job_id}}"


class StartedJob(CamelAnswer):
    """A job that was accepted."""

    job_id: JobId
    type: Shown
    status: JobStatus
    total_items: Count
    credits_used: Credits


class Enriched(CamelAnswer):
    """One job for each type was accepted; leads that are under way already are skipped."""

    jobs: list[StartedJob]
    total_leads: Count
    total_credits_charged: Credits
    credits_refunded: Annotated[int, Field(ge=0, examples=[0])]
    remaining_credits: Credits
    skipped_lead_ids: Annotated[list[str], Field(examples=[[]])]
    caller_metadata: Metadata = may_lack("What the request gave as `metadata`.")


class Step(CamelAnswer):
    """One provider that was asked for the lead."""

    step: Annotated[int, Field(ge=0, examples=[0])]
    provider: Annotated[str, Field(examples=["enrich"])]
    own_key: Annotated[bool, Field(examples=[False])]
    outcome: Annotated[str | None, Field(examples=["found"])]
    reason: Annotated[str | None, Field(examples=[None])]
    requests: Count
    provider_credits: Annotated[float, Field(ge=0, examples=[0.0])]
    gate_wait_ms: Annotated[
        int,
        Field(
            ge=0,
            examples=[4],
            description="For how long the request waited for a place and for the vendor's rate.",
        ),
    ]
    duration_ms: Annotated[int | None, Field(ge=0, examples=[212])]
    from_cache: Annotated[bool, Field(examples=[False])]
    cached_at: Moment | None
    started_at: Moment | None
    answered_at: Moment | None


class Trace(SendKitResult):
    """What was done for one lead, step by step."""

    job_id: JobId
    waterfall_version: Annotated[str, Field(examples=["verify_email-1"])]
    reason: Annotated[str | None, Field(examples=[None])]
    steps: list[Step]


OPERATIONS: Final[Operations] = {
    ("POST", "/v1/enrichment/enrich"): Operation(
        "enrichLeads",
        "Enrich leads",
        ENRICHMENT,
        Access.WORKSPACE,
        wrapped(Enriched),
        description="Makes one job for each type, all charged together or none. Up to 10,000 "
        "leads. A webhook follows when a job has ended.",
        parameters=(IDEMPOTENCY_KEY,),
        body=json_body(
            EnrichBody,
            example={
                "leadIds": ["65f0c1d2e3a4b5c6d7e8f901"],
                "enrichmentTypes": ["email", "segGateway"],
            },
        ),
        errors=(
            NotFound,
            NoUsableStep,
            ProviderNotConfigured,
            ProviderLacksCapability,
            CreditsMissing,
            KeyReused,
            KeyInProgress,
            SecretsUnavailable,
        ),
        links={
            "job": ("showJob", "job_id", "/data/jobs/0/jobId"),
            "cancel": ("cancelJob", "job_id", "/data/jobs/0/jobId"),
            "results": ("listJobResults", "job_id", "/data/jobs/0/jobId"),
        },
    ),
    ("GET", _JOBS): Operation(
        "listJobs",
        "List jobs",
        JOBS,
        Access.WORKSPACE,
        paged(Job, CappedPlace, "A page of jobs, newest first."),
        parameters=(
            cursor("job"),
            LIMIT,
            in_query("status", "Only jobs in this state.", enum=[*STATUSES]),
            in_query("type", "Only jobs of this type.", enum=[*TYPES]),
        ),
        errors=(FilterTooBroad,),
    ),
    ("GET", _ONE): Operation(
        "showJob",
        "Show a job",
        JOBS,
        Access.WORKSPACE,
        wrapped(Job),
        description="A job can be read for seven days after its end.",
        parameters=(JOB_ID,),
        errors=(NotFound,),
    ),
    ("POST", f"{_ONE}/cancel"): Operation(
        "cancelJob",
        "Cancel a job",
        JOBS,
        Access.WORKSPACE,
        wrapped(CancelledJob),
        parameters=(JOB_ID,),
        errors=(NotFound, JobNotCancellable),
    ),
    ("GET", f"{_ONE}/results"): Operation(
        "listJobResults",
        "Read what became of a job's leads",
        JOBS,
        Access.WORKSPACE,
        paged(SendKitResult, CountedPlace, "A page of the job's results."),
        parameters=(
            JOB_ID,
            cursor(),
            LIMIT,
            in_query("outcome", "Only leads that ended so.", enum=[*OUTCOMES]),
        ),
        errors=(NotFound,),
    ),
    ("GET", f"{_ONE}/leads/{{lead_id}}"): Operation(
        "showTrace",
        "Show what was done for a lead, step by step",
        JOBS,
        Access.WORKSPACE,
        wrapped(Trace),
        parameters=(JOB_ID, LEAD_ID),
        errors=(NotFound,),
    ),
}

"""Enrichments of lists, and the search over the workspace's own leads."""

from typing import Annotated, Final, Literal

from pydantic import Field, RootModel

from service.api.openapi.operation import Access, Operation, Operations, json_body
from service.api.openapi.parameters import (
    IDEMPOTENCY_KEY,
    JOB_ID,
    LIST_ID,
    cursor,
    in_query,
)
from service.api.openapi.prose import SELEQT
from service.api.openapi.seleqt.filters import FILTERS
from service.api.openapi.seleqt.lists import ONE, LeadPage
from service.api.openapi.seleqt.rows import SeleqtResult
from service.api.openapi.values import (
    Answer,
    Count,
    Credits,
    Cursor,
    JobId,
    Metadata,
    ObjectId,
    may_lack,
)
from service.api.seleqt.bodies import EnrichmentBody, Requested
from service.api.seleqt.list_bodies import ProspectSearchBody
from service.errors import (
    FilterTooBroad,
    InsufficientCredits,
    KeyInProgress,
    KeyReused,
    NotFound,
    NoUsableStep,
    WrongListType,
)

_ENRICHMENT: Final = f"{ONE}enrichment/"
_METADATA: Final = "What the request gave; absent where it gave nothing."


class Started(Answer):
    """The enrichment was accepted and charged, and runs in the background."""

    success: Literal[True]
    mode: Literal["async"]
    enrichment_type: Requested
    enriched_count: Count
    """Leads of the job."""
    credits_deducted: Credits
    credits_refunded: Annotated[int, Field(ge=0, examples=[0])]
    """What came back so far; above 0 only in the answer to a repeated request."""
    remaining_credits: Credits
    webhook_url: str | None
    message: str
    job_id: JobId
    metadata: Metadata = may_lack(_METADATA)


class Answered(Answer):
    """The enrichment's results; after the server's deadline some may still be open."""

    success: Literal[True]
    mode: Literal["sync"]
    enrichment_type: Requested
    total_count: Count
    success_count: Count
    pending_count: Count
    """Leads without an outcome yet; the job goes on, and its results can be read later."""
    credits_deducted: Credits
    credits_refunded: Credits
    remaining_credits: Credits
    job_id: JobId
    metadata: Metadata = may_lack(_METADATA)
    results: list[SeleqtResult]


class Enrichment(RootModel[Started | Answered]):
    """The enrichment was accepted; `mode` says whether its results are here."""


class Countable(Answer):
    """How many leads are eligible, and what all of them would cost."""

    enrichment_type: Requested
    unenriched_count: Count
    unenriched_count_is_capped: Annotated[bool, Field(examples=[False])]
    cost_per_lead: Annotated[int, Field(ge=0, examples=[3])]
    total_cost: Credits
    available_credits: Annotated[int, Field(ge=0, examples=[1000])]
    has_enough_credits: bool


class JobResults(Answer):
    """The job, and a page of what became of its leads."""

    success: Literal[True]
    mode: Literal["sync", "async"]
    enrichment_type: Requested
    job_id: JobId
    lead_list_id: Annotated[int, Field(examples=[1])]
    status: Literal["pending", "processing", "completed", "failed", "cancelled"]
    total_count: Count
    success_count: Count
    credits_deducted: Credits
    credits_refunded: Credits
    remaining_credits: Credits
    metadata: Metadata = may_lack(_METADATA)
    webhook_id: ObjectId = may_lack(
        "The webhook made from the request's `webhook_url`, below `/v1/webhooks`; there from the "
        "first event on."
    )
    pending_count: Count
    results: list[SeleqtResult]
    page_size: Annotated[int, Field(ge=1, examples=[100])]
    next_cursor: Cursor


_ELIGIBLE: Final = (
    "Eligible are the leads of the list that lack what is looked for, and for which nothing is "
    "under way. "
)

OPERATIONS: Final[Operations] = {
    ("POST", _ENRICHMENT): Operation(
        "startEnrichment",
        "Enrich the leads of a list",
        SELEQT,
        Access.SELEQT,
        Enrichment,
        description=_ELIGIBLE + "In the mode `async` the answer comes at once, and a webhook "
        "follows; in the mode `sync` the answer waits for the results, at most 120 seconds. What "
        "is not found is given back.",
        parameters=(LIST_ID, IDEMPOTENCY_KEY),
        body=json_body(
            EnrichmentBody,
            required=False,
            example={"enrichment_type": "FIND_EMAIL", "prospect_limit": 100, "mode": "async"},
        ),
        errors=(
            NotFound,
            WrongListType,
            FilterTooBroad,
            NoUsableStep,
            InsufficientCredits,
            KeyReused,
            KeyInProgress,
        ),
    ),
    ("GET", f"{_ENRICHMENT}count/"): Operation(
        "countEnrichable",
        "Count eligible leads and what they cost",
        SELEQT,
        Access.SELEQT,
        Countable,
        description=_ELIGIBLE.strip(),
        parameters=(
            LIST_ID,
            in_query(
                "enrichment_type",
                "What would be looked for.",
                enum=["FIND_EMAIL", "FIND_EMAIL_WATERFALL", "FIND_PHONE"],
                default="FIND_EMAIL",
            ),
            FILTERS,
            in_query(
                "prospect_limit",
                "Taken and not read: everything eligible is counted.",
                type="string",
            ),
        ),
        errors=(NotFound, WrongListType, FilterTooBroad),
    ),
    ("GET", f"{_ENRICHMENT}{{job_id}}/results/"): Operation(
        "listEnrichmentResults",
        "Read what became of an enrichment",
        SELEQT,
        Access.SELEQT,
        JobResults,
        parameters=(
            LIST_ID,
            JOB_ID,
            cursor(),
            in_query(
                "page_size",
                "Rows of a page; more than 100 are lowered to it, and the answer says so.",
                type="integer",
                minimum=1,
                maximum=999_999_999,
                default=100,
            ),
        ),
        errors=(NotFound,),
    ),
    ("POST", "/api/v1/public/prospects/search/"): Operation(
        "searchProspects",
        "Search your own leads",
        SELEQT,
        Access.SELEQT,
        LeadPage,
        description="Finds among the workspace's leads, whatever lists they are in.",
        body=json_body(
            ProspectSearchBody,
            required=False,
            example={"search_type": "PEOPLE", "filters": {"job_title": "engineer"}},
        ),
        errors=(FilterTooBroad,),
    ),
}

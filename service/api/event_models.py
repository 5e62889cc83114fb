"""What each type of event carries in `data`, as models from which its JSON Schema is made.

They describe; bodies are built where the events are born, and tests hold the two together.
Receivers must ignore fields they do not know: more may come.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.json_schema import models_json_schema

from service.domain.event_types import EventType


class EventData(BaseModel):
    """What every `data` has in common: fields beyond those named may come."""

    model_config = ConfigDict(extra="allow", frozen=True)


class EnrichmentAccepted(EventData):
    """A job was accepted and charged; its lookups will run."""

    job_id: str
    enrichment_type: str
    total_count: Annotated[int, Field(ge=0, description="Leads of the job.")]
    credits_deducted: Annotated[int, Field(ge=0)]
    metadata: dict[str, str] | None = None


class SeleqtFinding(EventData):
    """What was found of a lead, on the Seleqt face; null where nothing was."""

    email: str | None = None
    phone: str | None = None
    phone_number: Annotated[str | None, Field(description="The same as `phone`.")] = None


class SeleqtLead(EventData):
    """One lead of a job of the Seleqt face."""

    id: Annotated[int, Field(description="The lead, by its id on this face.")]
    first_name: str | None
    last_name: str | None
    success: Annotated[bool, Field(description="Whether a value was found.")]
    data: SeleqtFinding
    message: Annotated[str | None, Field(description="Why there is no value.")] = None


class SendKitFinding(EventData):
    """What was found of a lead, on the SendKit face: the fields that the job's type fills."""

    email: str | None = None
    emailVerificationResult: str | None = None  # noqa: N815 - SendKit's names, here and below
    emailVerificationReason: str | None = None  # noqa: N815
    phoneNumber: str | None = None  # noqa: N815
    segProtected: bool | None = None  # noqa: N815
    segProvider: str | None = None  # noqa: N815
    segProviderName: str | None = None  # noqa: N815
    espProvider: str | None = None  # noqa: N815
    espProviderName: str | None = None  # noqa: N815


class SendKitLead(EventData):
    """One lead of a job of the SendKit face."""

    leadId: Annotated[str | None, Field(description="Null when the lead is gone.")]  # noqa: N815
    success: Annotated[bool, Field(description="Whether a value was found.")]
    outcome: Literal["found", "missing", "no_answer", "rejected_input", "cancelled"]
    data: SendKitFinding
    message: Annotated[str | None, Field(description="Why there is no value.")] = None


class SeleqtJobEnded(EventData):
    """A job of the Seleqt face has ended, in the fields of that face's own answers."""

    success: Literal[True]
    mode: str
    enrichment_type: str
    job_id: str
    lead_list_id: int | None
    status: Literal["completed", "failed", "cancelled"]
    total_count: Annotated[int, Field(ge=0)]
    success_count: Annotated[int, Field(ge=0)]
    credits_deducted: Annotated[int, Field(ge=0, description="The charge at acceptance.")]
    credits_refunded: Annotated[int, Field(ge=0, description="What came back of it.")]
    remaining_credits: Annotated[int, Field(ge=0, description="The balance then.")]
    results: list[SeleqtLead] | None = None
    results_url: Annotated[str | None, Field(description="Instead of `results`, for big jobs.")] = (
        None
    )
    metadata: dict[str, str] | None = None


class SendKitCounts(EventData):
    """How a SendKit job went."""

    totalItems: Annotated[int, Field(ge=0)]  # noqa: N815 - SendKit's names, here and below
    processedItems: Annotated[int, Field(ge=0)]  # noqa: N815
    successCount: Annotated[int, Field(ge=0)]  # noqa: N815
    failedCount: Annotated[int, Field(ge=0)]  # noqa: N815
    creditsUsed: Annotated[int, Field(ge=0)]  # noqa: N815
    creditsRefunded: Annotated[int, Field(ge=0)]  # noqa: N815


class SendKitJobEnded(EventData):
    """A job of the SendKit face has ended, in the fields of that face's job page."""

    id: str
    type: str
    status: Literal["completed", "failed", "cancelled"]
    metadata: SendKitCounts
    totalLeads: Annotated[int, Field(ge=0)]  # noqa: N815
    createdAt: datetime  # noqa: N815
    updatedAt: datetime  # noqa: N815
    startedAt: datetime | None  # noqa: N815
    completedAt: datetime | None  # noqa: N815
    results: list[SendKitLead] | None = None
    resultsUrl: str | None = None  # noqa: N815
    callerMetadata: dict[str, str] | None = None  # noqa: N815


class SeleqtLeadEnriched(SeleqtLead):
    """A lookup of one lead of a Seleqt job was settled; sent only for jobs that ask for it."""

    job_id: str
    lead_list_id: int | None
    enrichment_type: str
    metadata: dict[str, str] | None = None


class SendKitLeadEnriched(SendKitLead):
    """A lookup of one lead of a SendKit job was settled; sent only for jobs that ask for it."""

    jobId: str  # noqa: N815
    type: str
    callerMetadata: dict[str, str] | None = None  # noqa: N815


class LeadUpdated(EventData):
    """A lead was changed through the API or by an import, not by an enrichment: as it is now."""

    id: Annotated[str, Field(alias="_id", description="The lead, by its id on the SendKit face.")]
    prospectId: Annotated[int, Field(description="The same, on the Seleqt face.")]  # noqa: N815
    userId: None  # noqa: N815
    workspaceId: str  # noqa: N815
    email: str | None
    firstName: str | None  # noqa: N815
    lastName: str | None  # noqa: N815
    companyName: str | None  # noqa: N815
    jobTitle: str | None  # noqa: N815
    phoneNumber: str | None  # noqa: N815
    linkedinUrl: str | None  # noqa: N815
    city: str | None
    state: str | None
    country: str | None
    tags: list[str]
    customFields: dict[str, Any]  # noqa: N815
    emailVerified: bool  # noqa: N815
    emailVerificationResult: str | None  # noqa: N815
    segProtected: bool  # noqa: N815
    segProvider: str | None  # noqa: N815
    segProviderName: str | None  # noqa: N815
    espProvider: str | None  # noqa: N815
    espProviderName: str | None  # noqa: N815
    createdAt: datetime  # noqa: N815
    updatedAt: datetime  # noqa: N815


class CreditsLow(EventData):
    """A charge took the balance below the workspace's threshold; once per crossing."""

    remaining_credits: Annotated[int, Field(ge=0)]
    threshold: Annotated[int, Field(ge=0)]


class CreditsRefunded(EventData):
    """Credits of a finished job came back; once per job, with the total."""

    job_id: str
    enrichment_type: str
    credits_refunded: Annotated[int, Field(gt=0)]
    credits_deducted: Annotated[int, Field(ge=0)]
    remaining_credits: Annotated[int, Field(ge=0)]


class ProviderUnavailable(EventData):
    """The workspace's own key for a provider is refused, or the provider is down."""

    provider: str
    reason: str
    since: datetime


class EndpointDisabled(EventData):
    """An endpoint was switched off: by a 410, by its own wish, or after 120 h of failures."""

    webhookId: str  # noqa: N815
    name: str
    url: str
    reason: Literal["gone", "asked_by_receiver", "failing"]
    disabledAt: datetime  # noqa: N815


class EndpointExhausted(EventData):
    """Deliveries to an endpoint were given up after their last attempt: told once an hour."""

    webhookId: str  # noqa: N815
    name: str
    url: str
    reason: str
    """What came of the last attempt of the newest of them."""
    eventId: str  # noqa: N815
    eventType: str  # noqa: N815
    exhaustedAt: datetime  # noqa: N815


class Test(EventData):
    """Somebody asked for a test of the endpoint."""

    webhookId: str  # noqa: N815
    message: str


DATA_MODELS: Final[Mapping[EventType, Any]] = MappingProxyType(
    {
        EventType.ENRICHMENT_ACCEPTED: EnrichmentAccepted,
        EventType.ENRICHMENT_COMPLETED: SeleqtJobEnded | SendKitJobEnded,
        EventType.ENRICHMENT_FAILED: SeleqtJobEnded | SendKitJobEnded,
        EventType.ENRICHMENT_CANCELLED: SeleqtJobEnded | SendKitJobEnded,
        EventType.LEAD_ENRICHED: SeleqtLeadEnriched | SendKitLeadEnriched,
        EventType.LEAD_UPDATED: LeadUpdated,
        EventType.CREDITS_LOW: CreditsLow,
        EventType.CREDITS_REFUNDED: CreditsRefunded,
        EventType.PROVIDER_UNAVAILABLE: ProviderUnavailable,
        EventType.ENDPOINT_DISABLED: EndpointDisabled,
        EventType.ENDPOINT_EXHAUSTED: EndpointExhausted,
        EventType.TEST: Test,
    }
)
"""The model of each type's `data`, or a union of models where it depends on the face."""


def _body_model(event_type: EventType, data: Any) -> type[BaseModel]:
    words = event_type.value.replace(".", "_").title().replace("_", "")
    fields: dict[str, Any] = {
        "type": (Literal[event_type.value], ...),
        "timestamp": (Annotated[datetime, Field(description="When it happened.")], ...),
        "data": (data, ...),
    }
    said = f"The body of a webhook of the type `{event_type.value}`."
    return create_model(f"{words}Event", __base__=EventData, __doc__=said, **fields)


BODY_MODELS: Final[Mapping[EventType, type[BaseModel]]] = MappingProxyType(
    {each: _body_model(each, data) for each, data in DATA_MODELS.items()}
)
"""The model of each type's whole body."""


def event_schemas(ref_template: str) -> tuple[dict[EventType, dict[str, Any]], dict[str, Any]]:
    """Return each type's JSON Schema, and the definitions they refer to.

    Args:
        ref_template: where definitions will stand, such as `#/components/schemas/{model}`.
    """
    inputs = [(model, "validation") for model in BODY_MODELS.values()]
    schemas, shared = models_json_schema(inputs, ref_template=ref_template)  # type: ignore[arg-type] # a list of such pairs is one of the wider type
    by_type = {
        event_type: schemas[(model, "validation")] for event_type, model in BODY_MODELS.items()
    }
    return by_type, shared.get("$defs", {})

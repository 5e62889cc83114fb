"""What a SendKit caller may send, and the sentences that say what is wrong with it."""

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from service.api.metadata import Metadata, metadata_problems
from service.api.sendkit.providers import (
    EMAIL_PROVIDER,
    PHONE_PROVIDER,
    ProviderParameter,
    able_providers,
    read_provider,
)
from service.api.validation import Body, problems_of, validate
from service.api.webhook_url import WebhookUrl, url_problems
from service.domain.kinds import JOB_TYPES, Face, JobType, Kind
from service.edges.dial_guard import EgressPolicy
from service.settings import LimitSettings

_PROVIDER_CHARACTERS_MAX: Final = 64
_PARAMETERS: Final = (EMAIL_PROVIDER, PHONE_PROVIDER)
PARAMETER_OF: Final = {Kind.VERIFY_EMAIL: EMAIL_PROVIDER, Kind.FIND_PHONE: PHONE_PROVIDER}
_TYPES: Final = {each.requested_as: each for each in JOB_TYPES if each.face is Face.SENDKIT}
_OBJECT_ID: Final = re.compile(r"[0-9A-Fa-f]{24}")
_NOTHING_WRONG: Final = MappingProxyType({"leadIds": ["-"], "enrichmentTypes": ["email"]})

ProviderName = Annotated[str, Field(max_length=_PROVIDER_CHARACTERS_MAX)] | None


def _described(parameter: ProviderParameter) -> dict[str, Any]:
    return {
        "anyOf": [{"enum": able_providers(parameter.capability)}, {"type": "null"}],
        "description": "Whose key is to be used: the workspace's own one for this provider.",
    }


def _with_aliases(schema: dict[str, Any]) -> None:
    """Describe the provider parameters under each of their names, of which one may be given."""
    for parameter in _PARAMETERS:
        schema["properties"][parameter.name] = _described(parameter)
        schema["properties"][parameter.alias] = _described(parameter)
    schema["allOf"] = [{"not": {"required": [each.name, each.alias]}} for each in _PARAMETERS]


class EnrichBody(Body):
    """The body of the call that enriches; both names of a provider parameter are known."""

    model_config = ConfigDict(json_schema_extra=_with_aliases)

    lead_ids: Annotated[
        list[str],
        Field(
            alias="leadIds",
            min_length=1,
            json_schema_extra={"maxItems": LimitSettings().leads_per_request_max},
        ),
    ]
    types: Annotated[
        list[Literal["email", "phoneEnrichment", "segGateway", "espDetection"]],
        Field(alias="enrichmentTypes", min_length=1),
    ]
    email_provider: Annotated[ProviderName, Field(alias=EMAIL_PROVIDER.name)] = None
    phone_provider: Annotated[ProviderName, Field(alias=PHONE_PROVIDER.name)] = None
    metadata: Metadata | None = None
    webhook_url: Annotated[WebhookUrl | None, Field(alias="webhookUrl")] = None
    lead_events: Annotated[bool, Field(alias="leadEvents")] = False


@dataclass(frozen=True, slots=True)
class Ordered:
    """One type that is asked for; `provider` is None for the built-in."""

    job_type: JobType
    provider: str | None


@dataclass(frozen=True, slots=True)
class EnrichRequest:
    """What a caller asks for, each lead and each type once, in the order given.

    Attributes:
        lead_events: tell of each lead as it settles, besides the event at the end.
    """

    lead_ids: tuple[str, ...]
    ordered: tuple[Ordered, ...]
    metadata: dict[str, str] | None = field(default=None, repr=False)
    webhook_url: str | None = field(default=None, repr=False)
    lead_events: bool = False

    @property
    def requested(self) -> list[str]:
        """The types by the names the caller used."""
        return [each.job_type.requested_as for each in self.ordered]


def read_enrich(raw: dict[str, Any], limits: LimitSettings, egress: EgressPolicy) -> EnrichRequest:
    """Return what a body asks for.

    Raises:
        InvalidRequest: names everything that is wrong.
    """
    renamed, clashes = _under_canonical_names(raw)

    def further(body: EnrichBody) -> dict[str, str]:
        return (
            metadata_problems(body.metadata)
            | url_problems("webhookUrl", body.webhook_url, egress)
            | _count_problems(body, limits)
            | problems_of(lambda: read_provider(EMAIL_PROVIDER, body.email_provider))
            | problems_of(lambda: read_provider(PHONE_PROVIDER, body.phone_provider))
            | clashes
        )

    body = validate(EnrichBody, renamed, further=further, stand_ins=_NOTHING_WRONG)
    chosen = {
        EMAIL_PROVIDER: read_provider(EMAIL_PROVIDER, body.email_provider),
        PHONE_PROVIDER: read_provider(PHONE_PROVIDER, body.phone_provider),
    }
    types = [_TYPES[name] for name in dict.fromkeys(body.types)]
    return EnrichRequest(
        _distinct(body.lead_ids),
        tuple(
            Ordered(each, chosen[PARAMETER_OF[each.kind]] if each.kind in PARAMETER_OF else None)
            for each in types
        ),
        body.metadata,
        body.webhook_url,
        body.lead_events,
    )


def _distinct(lead_ids: list[str]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(each.lower() if _OBJECT_ID.fullmatch(each) else each for each in lead_ids)
    )


def _count_problems(body: EnrichBody, limits: LimitSettings) -> dict[str, str]:
    bound = limits.leads_per_request_max
    if len(_distinct(body.lead_ids)) <= bound:
        return {}
    return {"leadIds": f"leadIds must have at most {bound} leads; send several requests"}


def _under_canonical_names(raw: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the body under the names that we use, and what is wrong with it under both."""
    renamed, clashes = dict(raw), {}
    for parameter in _PARAMETERS:
        if parameter.alias not in renamed:
            continue
        value = renamed.pop(parameter.alias)
        if renamed.setdefault(parameter.name, value) != value:
            clashes[parameter.alias] = (
                f"{parameter.alias} and {parameter.name} are the same parameter with different "
                "values; send one"
            )
    return renamed, clashes

"""What a Seleqt caller may send, and the sentences that say what is wrong with it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import orjson
from aiohttp import web
from pydantic import ConfigDict, Field, WithJsonSchema

from service.api.caller import context_of
from service.api.metadata import Metadata, metadata_problems
from service.api.request_body import refuse_nul
from service.api.seleqt.filter_schema import FILTER_SCHEMA
from service.api.validation import WHOLE, Body, invalid, problems_of, validate
from service.api.webhook_url import WebhookUrl, url_problems
from service.domain.kinds import JOB_TYPES, Face, JobType
from service.domain.lead_filter import FilterInvalidError, LeadFilter, read_lead_filter
from service.edges.dial_guard import EgressPolicy
from service.settings import LimitSettings, Settings
from service.store.lead_selection import SortField, Sorting

Requested = Literal["FIND_EMAIL", "FIND_EMAIL_WATERFALL", "FIND_PHONE"]

_JSON_INTEGER_END: Final = 2.0**64

DEFAULT_TYPE: Final = "FIND_EMAIL"
_TYPE_SENTENCE: Final = "enrichment_type must be FIND_EMAIL, FIND_EMAIL_WATERFALL, or FIND_PHONE"
_TYPES: Final = {each.requested_as: each for each in JOB_TYPES if each.face is Face.SELEQT}


# As the settings are by default; what holds on this server is checked below.
_LIMITS: Final = LimitSettings()
_SYNC: Final[dict[str, Any]] = {
    "if": {"properties": {"mode": {"const": "sync"}}, "required": ["mode"]},
    "then": {
        "properties": {
            "prospect_limit": {"maximum": _LIMITS.sync_leads_max},
            "webhook_url": {"type": "null"},
        }
    },
}


class EnrichmentBody(Body):
    """The body of the call that starts an enrichment; everything in it has a default."""

    model_config = ConfigDict(json_schema_extra=_SYNC)

    enrichment_type: Requested = "FIND_EMAIL"
    # 0 is what the page's own sample sends when its count was 0: no leads, no error.
    prospect_limit: Annotated[
        int,
        Field(ge=0, json_schema_extra={"maximum": _LIMITS.leads_per_request_max}),
        WHOLE,
    ] = 100
    mode: Literal["sync", "async"] = "async"
    webhook_url: WebhookUrl | None = None
    filters: Annotated[dict[str, Any], Field(default_factory=dict), WithJsonSchema(FILTER_SCHEMA)]
    sort_field: SortField = "id"
    sort_direction: Literal["asc", "desc"] = "asc"
    metadata: Metadata | None = None
    lead_events: bool = False

    @property
    def sorting(self) -> Sorting:
        """The order asked for."""
        return Sorting(self.sort_field, descending=self.sort_direction == "desc")

    @property
    def job_type(self) -> JobType:
        """The type asked for."""
        return _TYPES[self.enrichment_type]


class _SortingQuery(Body):
    sort_field: SortField
    sort_direction: Literal["asc", "desc"]


def read_enrichment(
    raw: dict[str, Any], settings: Settings, egress: EgressPolicy
) -> tuple[EnrichmentBody, LeadFilter]:
    """Return the body and the filter in it.

    Raises:
        InvalidRequest: names everything that is wrong.
    """

    def further(body: EnrichmentBody) -> dict[str, str]:
        return (
            _limit_problems(body, settings.limits)
            | _url_problems(body, egress)
            | metadata_problems(body.metadata)
            | problems_of(lambda: read_filters(body.filters, settings))
        )

    body = validate(
        EnrichmentBody,
        {**raw, **_huge_limit(raw)},
        {"enrichment_type": _TYPE_SENTENCE},
        further=further,
    )
    return body, read_filters(body.filters, settings)


def read_filters(filters: Mapping[str, Any], settings: Settings) -> LeadFilter:
    """Return the filter that an object of a body is.

    Raises:
        InvalidRequest: names every bad part.
    """
    try:
        return read_lead_filter(filters, ignores_unknown=settings.unknown_filters == "ignore")
    except FilterInvalidError as error:
        raise invalid(error.problems) from None


def _huge_limit(raw: Mapping[str, Any]) -> dict[str, int]:
    """Give back as an integer what the JSON reader made a float of because it has too many digits.

    Then the caller is told the bound, and not that an integer must be an integer.
    """
    given = raw.get("prospect_limit")
    if isinstance(given, float) and given >= _JSON_INTEGER_END:
        return {"prospect_limit": int(given)}
    return {}


def _limit_problems(body: EnrichmentBody, limits: LimitSettings) -> dict[str, str]:
    if body.prospect_limit > limits.leads_per_request_max:
        return {
            "prospect_limit": f"prospect_limit must be at most {limits.leads_per_request_max}; "
            "send several requests"
        }
    if body.mode == "sync" and body.prospect_limit > limits.sync_leads_max:
        return {
            "prospect_limit": f"prospect_limit must be at most {limits.sync_leads_max} in sync "
            "mode; lower it, or use mode async"
        }
    return {}


def _url_problems(body: EnrichmentBody, egress: EgressPolicy) -> dict[str, str]:
    if body.webhook_url is not None and body.mode == "sync":
        return {"webhook_url": "webhook_url is for mode async only; leave it out, or use async"}
    return url_problems("webhook_url", body.webhook_url, egress)


def read_type(request: web.Request) -> JobType:
    """Return the type named by the query, FIND_EMAIL by default.

    Raises:
        InvalidRequest: there is no such type.
    """
    job_type = _TYPES.get(request.query.get("enrichment_type", DEFAULT_TYPE))
    if job_type is None:
        raise invalid({"enrichment_type": _TYPE_SENTENCE})
    return job_type


def read_filter(request: web.Request) -> LeadFilter:
    """Return the filter in the query, a JSON object as in the body of the call that enriches.

    Raises:
        InvalidRequest: it cannot be read.
    """
    text = request.query.get("filters")
    if text is None:
        return LeadFilter()
    try:
        filters = orjson.loads(text)
    except orjson.JSONDecodeError:
        filters = None
    if not isinstance(filters, dict):
        raise invalid({"filters": "filters must be a JSON object"})
    refuse_nul({"filters": filters})
    return read_filters(filters, context_of(request).settings)


def read_sorting(request: web.Request) -> Sorting:
    """Return the order that the query asks for, by id without one.

    Raises:
        InvalidRequest: there is no such field or direction.
    """
    field = request.query.get("sort_field", "id")
    direction = request.query.get("sort_direction", "asc")
    body = validate(_SortingQuery, {"sort_field": field, "sort_direction": direction})
    return Sorting(body.sort_field, descending=body.sort_direction == "desc")

"""Which leads a SendKit caller wants: the parameters of the list and the bodies that filter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from aiohttp import web
from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from service.api.query import (
    parse_place_cursor,
    read_integer,
    read_page,
    require_known,
    write_place_cursor,
)
from service.api.request_body import refuse_nul
from service.api.sendkit.lead_bodies import ObjectId, Tag, read_object_id
from service.api.validation import WHOLE, Body, invalid, problems_of, together, validate
from service.domain.lead_record import Lead
from service.domain.people_filter import PeopleFilter
from service.errors import InvalidRequest
from service.settings import LimitSettings
from service.store.people_pages import LeadPlace

LIMIT: Final = 25
WORDS_MAX: Final = 10
FILTER_CHARACTERS_MAX: Final = 200
FILTER_TAGS_MAX: Final = 50
STATUSES_MAX: Final = 20
IDS_MAX: Final = 10_000

_MOMENT: Final = "must be a moment of ISO 8601, such as 2026-01-31T09:00:00.000Z"
EMAIL_STATUSES: Final = ("deliverable", "valid", "undeliverable", "invalid", "risky", "unknown")
_STATUSES: Final = {
    "deliverable": "deliverable",
    "valid": "deliverable",
    "undeliverable": "undeliverable",
    "invalid": "undeliverable",
    "risky": "risky",
    "unknown": "unknown",
}
_SWITCHES: Final = frozenset({"emailVerified", "hasCompany", "hasPhone", "segProtected"})
_LISTED: Final = frozenset({"tags", "emailStatus"})
_PLACE: Final = frozenset({"cursor", "page", "limit"})
_PARAMETERS: Final = frozenset({*_SWITCHES, *_LISTED, *_PLACE, "search", "emailType"})


def _read_moment(given: str) -> str:
    try:
        parsed = datetime.fromisoformat(given)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat()
    except OverflowError:
        raise ValueError from None


Part = Annotated[str, Field(max_length=FILTER_CHARACTERS_MAX)] | None
Moment = Annotated[
    str,
    Field(max_length=FILTER_CHARACTERS_MAX, json_schema_extra={"format": "date-time"}),
    AfterValidator(_read_moment),
]
Status = Literal["deliverable", "valid", "undeliverable", "invalid", "risky", "unknown"]
ObjectIds = Annotated[list[ObjectId], Field(max_length=IDS_MAX)]


class LeadFilterBody(Body):
    """Every condition that leads can be found by; all that are given must hold."""

    search: Annotated[Part, Field(json_schema_extra={"format": "search-words"})] = None
    name: Part = None
    company_name: Annotated[Part, Field(alias="companyName")] = None
    job_title: Annotated[Part, Field(alias="jobTitle")] = None
    tags: Annotated[list[Tag], Field(max_length=FILTER_TAGS_MAX)] | None = None
    email_verified: Annotated[bool | None, Field(alias="emailVerified")] = None
    email_status: Annotated[
        Annotated[list[Status], Field(max_length=STATUSES_MAX)] | None, Field(alias="emailStatus")
    ] = None
    email_type: Annotated[
        Literal["all", "personal", "business"] | None, Field(alias="emailType")
    ] = None
    has_company: Annotated[bool | None, Field(alias="hasCompany")] = None
    has_phone: Annotated[bool | None, Field(alias="hasPhone")] = None
    seg_protected: Annotated[bool | None, Field(alias="segProtected")] = None
    country: Part = None
    city: Part = None
    created_after: Annotated[Moment | None, Field(alias="createdAfter")] = None
    created_before: Annotated[Moment | None, Field(alias="createdBefore")] = None


Filters = Annotated[dict[str, Any], WithJsonSchema(LeadFilterBody.model_json_schema(by_alias=True))]


class LeadSearchBody(Body):
    """The body of a search."""

    filters: Filters | None = None
    cursor: Annotated[str, Field(json_schema_extra={"format": "place-cursor"})] | None = None
    limit: Annotated[
        int,
        Field(ge=1, json_schema_extra={"maximum": LimitSettings().page_size_max}),
        WHOLE,
    ] = LIMIT


_NOTHING: Final = {"type": "null"}
_BY_IDS: Final[dict[str, Any]] = {
    "required": ["leadIds"],
    "properties": {
        "leadIds": {"type": "array"},
        "deleteAll": {"const": False},
        "filters": {"anyOf": [_NOTHING, {"maxProperties": 0}]},
        "excludeIds": {"anyOf": [_NOTHING, {"maxItems": 0}]},
    },
}
_BY_FILTERS: Final[dict[str, Any]] = {
    "required": ["deleteAll"],
    "properties": {"deleteAll": {"const": True}, "leadIds": _NOTHING},
}


class LeadDeletionBody(Body):
    """The body of a deletion: ids, or everything that the filters find."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_BY_IDS, _BY_FILTERS]})

    lead_ids: Annotated[ObjectIds | None, Field(alias="leadIds", min_length=1)] = None
    delete_all: Annotated[bool, Field(alias="deleteAll")] = False
    filters: Filters | None = None
    exclude_ids: Annotated[ObjectIds | None, Field(alias="excludeIds")] = None
    # There are no campaigns here that a lead could be in, so there is nothing to force.
    force: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page that is asked for: the `number`th, from 1, after the place `before`, if any."""

    people: PeopleFilter
    before: LeadPlace | None
    limit: int
    number: int = 1


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """What is to be deleted: the ids, or where there are none, what the filter finds."""

    public_ids: list[str] | None
    people: PeopleFilter
    excluded: list[str]


def read_list_query(request: web.Request, limit_max: int) -> PageRequest:
    """Return the page that the parameters ask for.

    Raises:
        InvalidRequest: names every bad parameter.
    """
    raw = {
        name: _typed(name, text)
        for name, text in request.query.items()
        if name in _PARAMETERS - _PLACE
    }
    refuse_nul(raw)
    people, before, limit, number, _ = together(
        lambda: read_filter(raw, ""),
        lambda: _read_place(request.query.get("cursor")),
        lambda: _bounded(read_integer(request, "limit", LIMIT, integer_max=limit_max), limit_max),
        lambda: read_page(request),
        lambda: require_known(request, _PARAMETERS),
    )
    return PageRequest(people, before, limit, number)


def read_search(raw: Mapping[str, Any], limit_max: int) -> PageRequest:
    """Return the page that a body asks for.

    Raises:
        InvalidRequest: names every bad field.
    """

    def read(body: LeadSearchBody) -> PageRequest:
        return PageRequest(
            *together(
                lambda: read_filter(body.filters or {}, "filters."),
                lambda: _read_place(body.cursor),
                lambda: _bounded(body.limit, limit_max),
            )
        )

    return read(validate(LeadSearchBody, raw, further=lambda body: problems_of(lambda: read(body))))


def read_delete(raw: Mapping[str, Any]) -> DeleteRequest:
    """Return what a body asks to delete.

    Raises:
        InvalidRequest: names every bad field; also, when it does not say which leads are meant.
    """
    return _delete(
        validate(LeadDeletionBody, raw, further=lambda body: problems_of(lambda: _delete(body)))
    )


def _delete(body: LeadDeletionBody) -> DeleteRequest:
    problems: dict[str, str] = {}
    if body.lead_ids is None and not body.delete_all:
        problems["leadIds"] = "leadIds is required, or deleteAll: true"
    if body.lead_ids is not None and (body.delete_all or body.filters or body.exclude_ids):
        problems["leadIds"] = "leadIds goes without deleteAll, filters and excludeIds; send one"
    named, excluded = (
        _object_ids(name, given, problems)
        for name, given in (
            ("leadIds", body.lead_ids or []),
            ("excludeIds", body.exclude_ids or []),
        )
    )
    try:
        people = read_filter(body.filters or {}, "filters.")
    except InvalidRequest as error:
        raise invalid({**error.fields, **problems}) from None
    if problems:
        raise invalid(problems)
    return DeleteRequest(None if body.lead_ids is None else named, people, excluded)


def read_filter(raw: Mapping[str, Any], prefix: str) -> PeopleFilter:
    """Return the filter; blank texts and empty arrays are no condition.

    Args:
        prefix: what stands before the names of fields in what is said of them.

    Raises:
        InvalidRequest: names every bad field.
    """
    moments = {name: f"{name} {_MOMENT}" for name in ("createdAfter", "createdBefore")}
    try:
        body = validate(
            LeadFilterBody,
            raw,
            moments,
            further=lambda body: problems_of(lambda: _words(body.search)),
        )
    except InvalidRequest as error:
        raise invalid(
            {prefix + name: prefix + said for name, said in error.fields.items()}
        ) from None
    return PeopleFilter(
        words=_words(body.search),
        name=_part(body.name),
        company_name=_part(body.company_name),
        job_title=_part(body.job_title),
        tags=tuple(tag for tag in body.tags or () if tag),
        email_verified=body.email_verified,
        email_verdicts=tuple(dict.fromkeys(_STATUSES[each] for each in body.email_status or ())),
        email_type=None if body.email_type == "all" else body.email_type,
        has_company=body.has_company,
        has_phone=body.has_phone,
        seg_protected=body.seg_protected,
        country=_part(body.country),
        city=_part(body.city),
        created_after=_moment(body.created_after),
        created_before=_moment(body.created_before),
    )


def cursor_after(lead: Lead) -> str:
    """Return the cursor of the page that follows this lead, whatever the page is found by."""
    return write_place_cursor(lead.created_at, lead.id)


def _read_place(cursor: str | None) -> LeadPlace | None:
    """Return the place after which to continue; None without a cursor.

    Raises:
        InvalidRequest: it is not one of ours.
    """
    if not cursor:
        return None
    created_at, lead_id = parse_place_cursor(cursor)
    return LeadPlace(lead_id, created_at)


def _typed(name: str, text: str) -> Any:
    """Return a parameter as a body would have it; what does not fit is left to be refused."""
    if name in _SWITCHES:
        return {"true": True, "false": False}.get(text, text)
    if name in _LISTED:
        texts = [each.strip() for each in text.split(",")]
        # Of tags the blank ones are left out later, so that it is these that are counted.
        return texts if name == "tags" else [each for each in texts if each]
    return text


def _words(search: str | None) -> tuple[str, ...]:
    words = tuple(dict.fromkeys((search or "").split()))
    if len(words) > WORDS_MAX:
        raise invalid({"search": f"search must have at most {WORDS_MAX} words"})
    return words


def _part(given: str | None) -> str | None:
    return (given or "").strip() or None


def _moment(given: str | None) -> datetime | None:
    return None if given is None else datetime.fromisoformat(given)


def _bounded(limit: int, limit_max: int) -> int:
    if limit > limit_max:
        raise invalid({"limit": f"limit must be at most {limit_max}"})
    return limit


def _object_ids(name: str, given: list[str], problems: dict[str, str]) -> list[str]:
    read = [read_object_id(each) for each in given]
    bad = (f"{name}.{place}" for place, each in enumerate(read) if each is None)
    problems |= {path: f"{path} must be an id of 24 hexadecimal digits" for path in bad}
    return [each for each in dict.fromkeys(read) if each is not None]

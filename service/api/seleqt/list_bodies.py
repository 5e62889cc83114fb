"""What a Seleqt caller may send about lists and leads, apart from enrichment."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field, WithJsonSchema

from service.api.query import PAGE_MAX, page_problems, parse_cursor
from service.api.seleqt.bodies import read_filters
from service.api.seleqt.filter_schema import FILTER_SCHEMA
from service.api.validation import (
    NOT_BLANK,
    WHOLE,
    Body,
    as_integer,
    invalid,
    problems_of,
    validate,
)
from service.domain.lead_filter import LeadFilter
from service.flows.create_list import NAME_CHARACTERS_MAX, read_list_name
from service.settings import LimitSettings, Settings
from service.store.lead_selection import SortField, Sorting

_ID_MAX: Final = 10**18 - 1
_DIGITS: Final = "[1-9][0-9]{0,17}"
_ID: Final = re.compile(_DIGITS)
_PAGE_SIZE_MAX: Final = 999_999_999
_IDS_SENTENCE: Final = "{} must be an array of ids, or ids in a string, separated by commas"


_IDS: Final[dict[str, Any]] = {
    "anyOf": [
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "integer", "minimum": 1, "maximum": _ID_MAX},
                    {"type": "string", "pattern": f"^{_DIGITS}$"},
                ]
            },
            "maxItems": LimitSettings().leads_per_request_max,
        },
        {"type": "string", "pattern": f"^( *{_DIGITS} *| *)(,( *{_DIGITS} *| *))*$"},
        {"type": "null"},
    ],
    "examples": [[1, 2]],
}


class ListBody(Body):
    """The body of the call that creates a list."""

    name: Annotated[
        str,
        Field(
            json_schema_extra={
                "minLength": 1,
                "maxLength": NAME_CHARACTERS_MAX,
                "pattern": NOT_BLANK,
            }
        ),
    ]
    search_type: Literal["PEOPLE", "COMPANY"] = "PEOPLE"


class ProspectSearchBody(Body):
    """The body of a search over one's own leads; everything in it has a default."""

    search_type: Literal["PEOPLE", "COMPANY"] = "PEOPLE"
    page: Annotated[int, Field(ge=1, json_schema_extra={"maximum": PAGE_MAX}), WHOLE] = 1
    page_size: Annotated[int, Field(ge=1, le=_PAGE_SIZE_MAX), WHOLE] = 25
    cursor: Annotated[str, Field(json_schema_extra={"format": "lead-cursor"})] | None = None
    filters: Annotated[dict[str, Any], Field(default_factory=dict), WithJsonSchema(FILTER_SCHEMA)]
    sort_field: SortField = "id"
    sort_direction: Literal["asc", "desc"] = "asc"

    @property
    def sorting(self) -> Sorting:
        """The order asked for."""
        return Sorting(self.sort_field, descending=self.sort_direction == "desc")

    @property
    def after(self) -> int | None:
        """The lead after which the first page begins; None for the beginning."""
        return parse_cursor(self.cursor) or None if self.cursor else None


class AddLeadsBody(Body):
    """The body of the call that puts leads into a list; clients send the key they do not use too.

    Each is an array of numbers or of strings, or one string with commas between the ids.
    """

    prospect_ids: Annotated[Any, WithJsonSchema(_IDS)] = ""
    company_ids: Annotated[Any, WithJsonSchema(_IDS)] = ""


def read_list(raw: dict[str, Any]) -> ListBody:
    """Return the body.

    Raises:
        InvalidRequest: names everything that is wrong.
    """
    return validate(
        ListBody, raw, further=lambda body: problems_of(lambda: read_list_name(body.name))
    )


def read_search(raw: dict[str, Any], settings: Settings) -> tuple[ProspectSearchBody, LeadFilter]:
    """Return the body and the filter in it.

    Raises:
        InvalidRequest: names everything that is wrong.
    """
    body = validate(
        ProspectSearchBody,
        raw,
        further=lambda body: (
            problems_of(lambda: read_filters(body.filters, settings))
            | problems_of(lambda: body.after)
            | page_problems(body.page)
        ),
    )
    return body, read_filters(body.filters, settings)


def read_added_ids(raw: dict[str, Any], ids_max: int) -> tuple[list[int], list[int]]:
    """Return the ids of people and of companies.

    Raises:
        InvalidRequest: they cannot be read, or there are more than `ids_max`; names everything
            that is wrong.
    """

    def read(body: AddLeadsBody) -> tuple[list[int], list[int]]:
        return _read_both(body, ids_max)

    return read(validate(AddLeadsBody, raw, further=lambda body: problems_of(lambda: read(body))))


def _read_both(body: AddLeadsBody, ids_max: int) -> tuple[list[int], list[int]]:
    given = {"prospect_ids": body.prospect_ids, "company_ids": body.company_ids}
    read = {name: _read_ids(value) for name, value in given.items()}
    problems = {
        name: _IDS_SENTENCE.format(name)
        if ids is None
        else f"{name} must have at most {ids_max} ids; send several requests"
        for name, ids in read.items()
        if ids is None or len(ids) > ids_max
    }
    if problems:
        raise invalid(problems)
    return read["prospect_ids"] or [], read["company_ids"] or []


def _read_ids(value: Any) -> list[int] | None:
    """Return the ids, or None where something is not one."""
    if value is None:
        return []
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        return None
    ids: list[int] = []
    for part in parts:
        text = part.strip(" ") if isinstance(value, str) else _digits(part)
        if not text and isinstance(value, str):
            continue
        if not _ID.fullmatch(text):
            return None
        ids.append(int(text))
    return ids


def _digits(part: Any) -> str:
    """Return an entry of an array as text; "" where it is neither a number nor a text."""
    part = as_integer(part)
    return str(part) if isinstance(part, str | int) and not isinstance(part, bool) else ""

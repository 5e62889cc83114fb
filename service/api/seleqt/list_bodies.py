"""What a Seleqt caller may send about lists and leads, apart from enrichment."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from service.api.seleqt.bodies import read_filters
from service.api.validation import Body, invalid, problems_of, validate
from service.domain.lead_filter import LeadFilter
from service.store.lead_selection import SortField, Sorting

_ID_MAX: Final = 2**63 - 1
_ID_DIGITS_MAX: Final = 19
_PAGE_MAX: Final = 999_999_999
_IDS_SENTENCE: Final = "{} must be an array of ids, or ids in a string, separated by commas"


class ListBody(Body):
    """The body of the call that creates a list."""

    name: str
    search_type: Literal["PEOPLE", "COMPANY"] = "PEOPLE"


class SearchBody(Body):
    """The body of a search over one's own leads; everything in it has a default."""

    search_type: Literal["PEOPLE", "COMPANY"] = "PEOPLE"
    page: Annotated[int, Field(ge=1, le=_PAGE_MAX)] = 1
    page_size: Annotated[int, Field(ge=1, le=_PAGE_MAX)] = 25
    filters: Annotated[dict[str, Any], Field(default_factory=dict)]
    sort_field: SortField = "id"
    sort_direction: Literal["asc", "desc"] = "asc"

    @property
    def sorting(self) -> Sorting:
        """The order asked for."""
        return Sorting(self.sort_field, descending=self.sort_direction == "desc")


class AddLeadsBody(Body):
    """The body of the call that puts leads into a list; clients send the key they do not use too.

    Each is an array of numbers or of strings, or one string with commas between the ids.
    """

    prospect_ids: Any = ""
    company_ids: Any = ""


def read_search(raw: dict[str, Any]) -> tuple[SearchBody, LeadFilter]:
    """Return the body and the filter in it.

    Raises:
        InvalidRequest: names everything that is wrong.
    """
    body = validate(
        SearchBody, raw, further=lambda body: problems_of(lambda: read_filters(body.filters))
    )
    return body, read_filters(body.filters)


def read_added_ids(raw: dict[str, Any], ids_max: int) -> tuple[list[int], list[int]]:
    """Return the ids of people and of companies.

    Raises:
        InvalidRequest: they cannot be read, or there are more than `ids_max`.
    """
    body = validate(AddLeadsBody, raw)
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
        text = str(part).strip() if isinstance(part, str | int) else "?"
        if not text and isinstance(value, str):
            continue
        if not (text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS_MAX):
            return None
        ids.append(int(text))
    return ids if all(0 < each <= _ID_MAX for each in ids) else None

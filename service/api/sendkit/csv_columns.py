"""Which field of a lead each column of a CSV file is, by its heading or by the caller's mapping."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from service.api.sendkit.lead_bodies import COLUMN_OF
from service.api.validation import invalid
from service.domain.lead_change import CUSTOM_FIELDS_MAX, CUSTOM_NAME_CHARACTERS_MAX

COLUMNS_MAX: Final = 200

_NAMES: Final = {name.lower(): name for name in (*COLUMN_OF, "email", "tags")} | {
    "emailaddress": "email",
    "workemail": "email",
    "mail": "email",
    "firstname": "firstName",
    "lastname": "lastName",
    "surname": "lastName",
    "company": "companyName",
    "organization": "companyName",
    "title": "jobTitle",
    "position": "jobTitle",
    "currenttitle": "jobTitle",
    "phonenumber": "phone",
    "mobile": "phone",
    "linkedin": "linkedinUrl",
    "linkedinprofile": "linkedinUrl",
    "linkedinprofileurl": "linkedinUrl",
    "region": "state",
    "tag": "tags",
}


def read_columns(header: Sequence[str], mapping: Mapping[str, Any]) -> list[str | None]:
    """Return the field that each column holds; None for one that is left out.

    A mapping may go from column to field or from field to column; what it does not name is told
    by its heading, and becomes a custom field where that is not the name of a field.

    Raises:
        InvalidRequest: names everything that is wrong with the first line and the mapping.
    """
    names = [cell.removeprefix("\ufeff").strip() for cell in header]
    problems = _header_problems(names)
    chosen = _read_mapping(names, mapping, problems)
    fields = [chosen[name] if name in chosen else _field_of(name) for name in names]
    if not problems:
        problems = _field_problems([field for field in fields if field])
    if problems:
        raise invalid(problems)
    return fields


def _header_problems(names: Sequence[str]) -> dict[str, str]:
    if len(names) > COLUMNS_MAX:
        return {"file": f"The file must have at most {COLUMNS_MAX} columns"}
    if any("\0" in name or not _is_utf8(name) for name in names):
        return {"file": "The first line must be UTF-8 text without NUL characters"}
    if any(len(name) > CUSTOM_NAME_CHARACTERS_MAX for name in names):
        return {"file": f"A heading has at most {CUSTOM_NAME_CHARACTERS_MAX} characters"}
    return {}


def _field_problems(fields: Sequence[str]) -> dict[str, str]:
    twice = sorted({field for field in fields if fields.count(field) > 1})
    if twice:
        return {"file": f"More than one column is {twice[0]}; leave one out by mapping it to null"}
    if len(set(fields) - set(_NAMES.values())) > CUSTOM_FIELDS_MAX:
        return {"file": f"At most {CUSTOM_FIELDS_MAX} columns can be custom fields"}
    if "email" not in fields:
        return {
            "file": "The first line must name the columns, and one of them must be email; "
            "mapping can say which one it is"
        }
    return {}


def _read_mapping(
    names: Sequence[str], mapping: Mapping[str, Any], problems: dict[str, str]
) -> dict[str, str | None]:
    chosen: dict[str, str | None] = {}
    for key, value in mapping.items():
        path = f"mapping.{key[:CUSTOM_NAME_CHARACTERS_MAX]}"
        if not isinstance(value, str | None):
            problems[path] = f"{path} must be a string or null"
        elif len(value or "") > CUSTOM_NAME_CHARACTERS_MAX:
            problems[path] = f"{path} must have at most {CUSTOM_NAME_CHARACTERS_MAX} characters"
        elif key in names:
            chosen[key] = _field_of(value) if value else None
        elif value is not None and value in names:
            chosen[value] = _field_of(key)
        else:
            problems[path] = f"{path} names no column of the first line"
    return chosen


def _field_of(name: str) -> str | None:
    """Return the field that a heading means, in any of its usual spellings."""
    letters = "".join(letter for letter in name.lower() if letter.isalnum())
    return _NAMES.get(letters, name) or None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

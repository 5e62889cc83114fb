"""What a SendKit caller may send of a lead, and the sentences that say what is wrong with it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from service.api.validation import Body, invalid, validate
from service.domain.email_address import read_email_address
from service.domain.lead_change import (
    CUSTOM_FIELDS_MAX,
    CUSTOM_NAME_CHARACTERS_MAX,
    CUSTOM_TEXT_CHARACTERS_MAX,
    TAG_CHARACTERS_MAX,
    TAGS_MAX,
    GivenLead,
    LeadChange,
)

TEXT_CHARACTERS_MAX: Final = 500
URL_CHARACTERS_MAX: Final = 2_048
EMAIL_CHARACTERS_MAX: Final = 254
CUSTOM_LIST_MAX: Final = 50

COLUMN_OF: Final = {
    "firstName": "first_name",
    "lastName": "last_name",
    "companyName": "company_name",
    "jobTitle": "job_title",
    "phone": "phone",
    "linkedinUrl": "linkedin_url",
    "city": "city",
    "state": "state",
    "country": "country",
}
"""The fields of plain text by the names that callers use."""

LEAD_FIELDS: Final = frozenset({*COLUMN_OF, "email", "tags", "customFields"})

_SENTENCES: Final = {
    "email": "email is required and must be an e-mail address",
    "customFields": f"customFields must be an object of at most {CUSTOM_FIELDS_MAX} fields; a "
    f"name has 1 to {CUSTOM_NAME_CHARACTERS_MAX} characters, a value is a string of at most "
    f"{CUSTOM_TEXT_CHARACTERS_MAX} characters, a number, true, false, null or an array of at most "
    f"{CUSTOM_LIST_MAX} of these",
}
_CHANGE_SENTENCES: Final = {
    **_SENTENCES,
    "email": "email cannot be changed; create another lead for another address",
}
_OBJECT_ID: Final = re.compile(r"[0-9A-Fa-f]{24}")
_SCALAR_SCHEMA: Final = {
    "anyOf": [
        {"type": "string", "maxLength": CUSTOM_TEXT_CHARACTERS_MAX},
        {"type": ["number", "boolean", "null"]},
    ]
}
_CUSTOM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "maxProperties": CUSTOM_FIELDS_MAX,
    "propertyNames": {"minLength": 1, "maxLength": CUSTOM_NAME_CHARACTERS_MAX},
    "additionalProperties": {
        "anyOf": [
            *_SCALAR_SCHEMA["anyOf"],
            {"type": "array", "maxItems": CUSTOM_LIST_MAX, "items": _SCALAR_SCHEMA},
        ]
    },
    "examples": [{"segment": "a"}],
}


def _read_email(given: str) -> str:
    address = read_email_address(given)
    if address is None:
        raise ValueError
    return address.text.lower()


def _refuse_email(_: Any) -> None:
    raise ValueError


def _read_custom_fields(given: dict[str, Any]) -> dict[str, Any]:
    fits = len(given) <= CUSTOM_FIELDS_MAX and all(
        0 < len(name) <= CUSTOM_NAME_CHARACTERS_MAX and _is_value(value)
        for name, value in given.items()
    )
    if not fits:
        raise ValueError
    return given


def _is_value(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= CUSTOM_LIST_MAX and all(map(_is_scalar, value))
    return _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= CUSTOM_TEXT_CHARACTERS_MAX
    return value is None or isinstance(value, bool | int | float)


def _distinct(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tag for tag in tags if tag))


ObjectId = Annotated[str, Field(json_schema_extra={"pattern": "^[0-9A-Fa-f]{24}$"})]
"""A lead's id; that it is one is checked by the reader, which says in what place it is not."""

Text = Annotated[
    str, StringConstraints(strip_whitespace=True), Field(max_length=TEXT_CHARACTERS_MAX)
]
Url = Annotated[str, StringConstraints(strip_whitespace=True), Field(max_length=URL_CHARACTERS_MAX)]
Email = Annotated[
    str,
    Field(max_length=EMAIL_CHARACTERS_MAX, json_schema_extra={"format": "email"}),
    AfterValidator(_read_email),
]
Tag = Annotated[str, StringConstraints(strip_whitespace=True), Field(max_length=TAG_CHARACTERS_MAX)]
Tags = Annotated[list[Tag], Field(max_length=TAGS_MAX), AfterValidator(_distinct)]
CustomFields = Annotated[
    dict[str, Any], AfterValidator(_read_custom_fields), WithJsonSchema(_CUSTOM_SCHEMA)
]


class _Texts(Body):
    first_name: Annotated[Text | None, Field(alias="firstName")] = None
    last_name: Annotated[Text | None, Field(alias="lastName")] = None
    company_name: Annotated[Text | None, Field(alias="companyName")] = None
    job_title: Annotated[Text | None, Field(alias="jobTitle")] = None
    phone: Text | None = None
    linkedin_url: Annotated[Url | None, Field(alias="linkedinUrl")] = None
    city: Text | None = None
    state: Text | None = None
    country: Text | None = None
    tags: Tags | None = None
    custom_fields: Annotated[CustomFields | None, Field(alias="customFields")] = None


class LeadBody(_Texts):
    """The body of the call that creates a lead, and a row of the calls that import."""

    email: Email


class ChangeBody(_Texts):
    """The body of the call that changes a lead; what is left out stays, null clears."""

    email: SkipJsonSchema[Annotated[Any, AfterValidator(_refuse_email)]] = None


def read_lead(raw: Mapping[str, Any]) -> GivenLead:
    """Return the lead that a body or a row gives; blank texts and nulls count as not given.

    Raises:
        InvalidRequest: names every bad field; never repeats what stands in it.
    """
    body = validate(LeadBody, raw, _SENTENCES)
    texts = {column: getattr(body, column) for column in COLUMN_OF.values()}
    return GivenLead(
        email=body.email,
        texts={column: text for column, text in texts.items() if text},
        tags=tuple(body.tags or ()),
        custom_fields={
            name: value for name, value in (body.custom_fields or {}).items() if value is not None
        },
    )


def read_change(raw: Mapping[str, Any]) -> LeadChange:
    """Return the change that a body asks for.

    Raises:
        InvalidRequest: names every bad field, and the address, which stays as it is.
    """
    body = validate(ChangeBody, raw, _CHANGE_SENTENCES)
    given = body.model_fields_set
    return LeadChange(
        texts={
            column: getattr(body, column) or None
            for column in COLUMN_OF.values()
            if column in given
        },
        tags=tuple(body.tags or ()) if "tags" in given else None,
        custom_fields=_merging(body) if "custom_fields" in given else {},
    )


def _merging(body: ChangeBody) -> dict[str, Any]:
    if body.custom_fields is None:
        raise invalid({"customFields": "customFields is merged; name the fields to remove as null"})
    return body.custom_fields


def read_object_id(given: str) -> str | None:
    """Return a 24-hex id in lower case, or None when it is no such id."""
    return given.lower() if _OBJECT_ID.fullmatch(given) else None

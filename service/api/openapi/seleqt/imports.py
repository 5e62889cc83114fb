"""The import of people into a list."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from service.api.openapi.operation import JSON, Access, Operation, Operations, Sent
from service.api.openapi.parameters import LIST_ID
from service.api.openapi.prose import SELEQT
from service.api.openapi.seleqt.lists import ONE
from service.api.openapi.values import Answer, Count
from service.api.seleqt.imports import PEOPLE_MAX
from service.errors import NotFound, SuppressionsUnreadable

_Problem = Annotated[str, Field(examples=["email is not an e-mail address"])]


class BadLine(Answer):
    """A row of a file that did not go in, and why."""

    line: Annotated[int, Field(ge=1, examples=[3])]
    error: _Problem


class BadPlace(Answer):
    """A person in an array that did not go in, by its place from 1, and why."""

    index: Annotated[int, Field(ge=1, examples=[3])]
    error: _Problem


class Imported(Answer):
    """What became of the people: the good ones are in, the bad ones are told."""

    success: Literal[True]
    imported_count: Count
    failed_count: Annotated[int, Field(ge=0, examples=[1])]
    errors: list[BadLine] | list[BadPlace]
    """The first 1,000 of the bad ones."""
    errors_are_capped: Annotated[bool, Field(examples=[False])]


_ADA: Final = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "company_domain": "engines.example",
    "email": "ada@engines.example",
}
_PEOPLE: Final[dict[str, Any]] = {
    "type": "array",
    "items": {},
    "minItems": 1,
    "maxItems": PEOPLE_MAX,
}
_JSON: Final[dict[str, Any]] = {
    "anyOf": [
        _PEOPLE,
        {
            "type": "object",
            "properties": {"prospects": _PEOPLE},
            "required": ["prospects"],
            "additionalProperties": False,
        },
    ]
}
_CSV: Final = "first_name,last_name,company_domain,email\nAda,Lovelace,engines.example,\n"

OPERATIONS: Final[Operations] = {
    ("POST", f"{ONE}import/"): Operation(
        "importProspects",
        "Import people into a list",
        SELEQT,
        Access.SELEQT,
        Imported,
        description=f"CSV of up to 50 MiB with a line of headings, or JSON of up to {PEOPLE_MAX:,} "
        "people. Where the line of headings has no comma, tabs or semicolons may part its fields. "
        "Names that are no field of a lead become custom fields. An extension.",
        parameters=(LIST_ID,),
        body=Sent(
            {JSON: _JSON, "text/csv": {"type": "string", "format": "lead-csv"}},
            examples={JSON: {"prospects": [_ADA]}, "text/csv": _CSV},
        ),
        errors=(NotFound, SuppressionsUnreadable),
    )
}

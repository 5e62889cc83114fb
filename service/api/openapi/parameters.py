"""Parameters that several operations have."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from service.api.openapi.operation import Parameter
from service.api.query import PAGE_MAX

LIMIT_MAX: Final = 100
_INTEGER_MAX: Final = 999_999_999


def in_path(name: str, description: str, example: str, **schema: Any) -> Parameter:
    """Return a parameter of the path; a value of another form is of nothing that exists."""
    return Parameter(name, "path", {"type": "string", **schema, "examples": [example]}, description)


def in_query(name: str, description: str, **schema: Any) -> Parameter:
    """Return an optional parameter of the query, a text unless the schema says otherwise."""
    return Parameter(name, "query", {"type": "string", **schema}, description)


def several(name: str, description: str, values: Sequence[str], **schema: Any) -> Parameter:
    """Return a parameter of the query that takes some of a few words, with commas between."""
    return in_list(name, description, {"enum": [*values]}, minItems=1, **schema)


def in_list(name: str, description: str, each: Mapping[str, Any], **schema: Any) -> Parameter:
    """Return a parameter of the query that takes texts of such a form, with commas between."""
    array = {"type": "array", "items": {"type": "string", **each}, **schema}
    return Parameter(name, "query", array, description, as_list=True)


def cursor(form: str = "row") -> Parameter:
    """Return the parameter that continues a list.

    Args:
        form: of the list's rows; only its cursors are taken.
    """
    said = "Where to go on: the last answer's cursor, unchanged; without it, the first page."
    return in_query("cursor", said, format=f"{form}-cursor")


LIMIT: Final = in_query(
    "limit", "Rows of a page.", type="integer", minimum=1, maximum=LIMIT_MAX, default=25
)
PAGE: Final = in_query(
    "page",
    "Which page, from 1, counted from the cursor where there is one. A cursor goes further.",
    type="integer",
    minimum=1,
    maximum=PAGE_MAX,
    default=1,
)
PAGE_SIZE: Final = in_query(
    "page_size",
    f"Rows of a page; more than {LIMIT_MAX} are lowered to it, and the answer says so.",
    type="integer",
    minimum=1,
    maximum=_INTEGER_MAX,
    default=25,
)
LIST_ID: Final = in_path("list_id", "The list's id.", "1", pattern="^[0-9]{1,18}$")
JOB_ID: Final = in_path(
    "job_id",
    "The job's id, as its acceptance gave it.",
    "bulk_email_verification_1710000000000_abc1234",
)
LEAD_ID: Final = in_path(
    "lead_id", "The lead's id.", "65f0c1d2e3a4b5c6d7e8f901", pattern="^[0-9A-Fa-f]{24}$"
)
WORKSPACE: Final = Parameter(
    "X-Workspace-Id",
    "header",
    {"type": "string", "pattern": "^[0-9A-Fa-f]{24}$", "examples": ["65f0c1d2e3a4b5c6d7e8f900"]},
    "The workspace in which a platform key acts: required with such a key, needless with others.",
)
IDEMPOTENCY_KEY: Final = Parameter(
    "Idempotency-Key",
    "header",
    {
        "type": "string",
        "pattern": '^(?:[!#-~]|"[ -~]*[!#-~])[ -~]*$',
        "maxLength": 255,
        "examples": ["0197a1c2-d3e4-7f50-9a1b-2c3d4e5f6071"],
    },
    "Makes a repetition of this request answer for the same job instead of charging again.",
)

"""Validates what callers send, and says everything that is wrong with it in one answer."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from service.domain.sentences import joined
from service.errors import InvalidRequest

_PROBLEMS_MAX: Final = 20
_NAME_CHARACTERS_MAX: Final = 100

_SENTENCES: Final = {
    "missing": "{path} is required",
    "extra_forbidden": "{path} is not a known field; known are {known}",
    "literal_error": "{path} must be {expected}",
    "greater_than_equal": "{path} must be at least {ge}",
    "less_than_equal": "{path} must be at most {le}",
    "too_short": "{path} must not be empty",
    "too_long": "{path} must have at most {max_length} entries",
    "string_too_long": "{path} must have at most {max_length} characters",
    "string_type": "{path} must be a string",
    "int_type": "{path} must be an integer",
    "bool_type": "{path} must be true or false",
    "list_type": "{path} must be an array",
    "dict_type": "{path} must be an object",
}
_OTHER: Final = "{path} is not valid"


class Body(BaseModel):
    """A request body: exact types, no field that is not known."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )


B = TypeVar("B", bound=Body)


def validate(
    model: type[B], raw: Mapping[str, Any], sentences: Mapping[str, str] | None = None
) -> B:
    """Return the body as `model`.

    Args:
        sentences: what to say of a field whatever is wrong with it, instead of a derived sentence.

    Raises:
        InvalidRequest: names every bad field.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        known = sorted(info.alias or name for name, info in model.model_fields.items())
        problems: dict[str, str] = {}
        for detail in error.errors(include_url=False, include_input=False)[:_PROBLEMS_MAX]:
            path = ".".join(str(part) for part in detail["loc"])[:_NAME_CHARACTERS_MAX]
            fixed = (sentences or {}).get(path)
            problems[path] = fixed or _sentence(path, detail, known)
        raise invalid(problems) from None


def invalid(problems: Mapping[str, str]) -> InvalidRequest:
    """Return the error that tells all problems, by the path of each bad field."""
    return InvalidRequest("; ".join(problems.values()), problems)


def _sentence(path: str, detail: ErrorDetails, known: list[str]) -> str:
    facts = {**detail.get("ctx", {}), "path": path, "known": joined(known)}
    return _SENTENCES.get(detail["type"], _OTHER).format(**facts).replace("'", "")

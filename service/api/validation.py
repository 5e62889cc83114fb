"""Validates what callers send, and says everything that is wrong with it in one answer."""

from collections.abc import Callable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, TypeVar, overload

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from service.domain.sentences import joined
from service.errors import InvalidRequest

NOT_BLANK: Final = r"[^\s\x1c-\x1f\x85]"
"""What a name must have one of: what is stripped of it is no blank to every dialect of patterns."""

# From here on a float does not tell one integer from the next.
_EXACT_END: Final = 2.0**53
_PROBLEMS_MAX: Final = 20
_NAME_CHARACTERS_MAX: Final = 100

_SENTENCES: Final = {
    "missing": "{path} is required",
    "extra_forbidden": "{path} is not a known field; known are {known}",
    "literal_error": "{path} must be {expected}",
    "greater_than_equal": "{path} must be at least {ge}",
    "less_than_equal": "{path} must be at most {le}",
    "too_short": "{path} must not be empty",
    "string_too_short": "{path} must not be empty",
    "too_long": "{path} must have at most {max_length} entries",
    "string_too_long": "{path} must have at most {max_length} characters",
    "string_type": "{path} must be a string",
    "int_type": "{path} must be an integer",
    "bool_type": "{path} must be true or false",
    "list_type": "{path} must be an array",
    "dict_type": "{path} must be an object",
    "unknown_provider": "{path} is not a known provider. Use one of: {providers}",
}
_OTHER: Final = "{path} is not valid; /docs says what it may be"


class Body(BaseModel):
    """A request body: exact types, no field that is not known."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True
    )


def as_integer(given: Any) -> Any:
    """Return 2 for 2.0: JSON knows one sort of number, and both are an integer there."""
    if isinstance(given, float) and given.is_integer() and abs(given) < _EXACT_END:
        return int(given)
    return given


WHOLE: Final = BeforeValidator(as_integer)
"""Stands behind the bounds of an integer in a body: its number may be written as 2.0."""

B = TypeVar("B", bound=Body)
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")


def validate(
    model: type[B],
    raw: Mapping[str, Any],
    sentences: Mapping[str, str] | None = None,
    *,
    further: Callable[[B], Mapping[str, str]] = lambda _: {},
    stand_ins: Mapping[str, Any] = MappingProxyType({}),
) -> B:
    """Return the body as `model`.

    Args:
        sentences: what to say of a field whatever is wrong with it, instead of a derived sentence.
        further: says what else is wrong with a body, by the path of each bad field. Where some
            fields cannot be read it is asked about the others.
        stand_ins: values of required fields of which nothing further can be wrong, for those that
            cannot be read.

    Raises:
        InvalidRequest: names every bad field.
    """
    problems: dict[str, str] = {}
    try:
        body = model.model_validate(raw)
    except ValidationError as error:
        problems = _problems(model, error, sentences or {})
        bad = {detail["loc"][0] for detail in error.errors(include_url=False, include_input=False)}
        try:
            good = {name: value for name, value in raw.items() if name not in bad}
            body = model.model_validate({**stand_ins, **good})
        except ValidationError:
            raise invalid(problems) from None
    problems = {**further(body), **problems}
    if problems:
        raise invalid(problems)
    return body


def _problems(
    model: type[B], error: ValidationError, sentences: Mapping[str, str]
) -> dict[str, str]:
    known = sorted(info.alias or name for name, info in model.model_fields.items())
    problems: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_input=False)[:_PROBLEMS_MAX]:
        path = ".".join(str(part) for part in detail["loc"])[:_NAME_CHARACTERS_MAX]
        problems[path] = sentences.get(path) or _sentence(path, detail, known)
    return problems


@overload
def together(one: Callable[[], T1], two: Callable[[], T2], /) -> tuple[T1, T2]: ...
@overload
def together(
    one: Callable[[], T1], two: Callable[[], T2], three: Callable[[], T3], /
) -> tuple[T1, T2, T3]: ...
@overload
def together(
    one: Callable[[], T1], two: Callable[[], T2], three: Callable[[], T3], four: Callable[[], T4], /
) -> tuple[T1, T2, T3, T4]: ...
@overload
def together(
    one: Callable[[], T1],
    two: Callable[[], T2],
    three: Callable[[], T3],
    four: Callable[[], T4],
    five: Callable[[], T5],
    /,
) -> tuple[T1, T2, T3, T4, T5]: ...
def together(*reads: Callable[[], Any]) -> tuple[Any, ...]:
    """Return what each of these reads.

    Raises:
        InvalidRequest: names what every one of them has found wrong.
    """
    values: list[Any] = []
    problems: dict[str, str] = {}
    for read in reads:
        try:
            values.append(read())
        except InvalidRequest as error:
            if not error.fields:
                raise
            problems |= error.fields
    if problems:
        raise invalid(problems)
    return tuple(values)


def problems_of(read: Callable[[], object]) -> dict[str, str]:
    """Return what `read` finds wrong, by the path of each bad field; nothing if it can read."""
    try:
        read()
    except InvalidRequest as error:
        return error.fields
    return {}


def invalid(problems: Mapping[str, str]) -> InvalidRequest:
    """Return the error that tells all problems, by path; of many the first."""
    told = dict(islice(problems.items(), _PROBLEMS_MAX))
    return InvalidRequest("; ".join(told.values()), told)


def _sentence(path: str, detail: ErrorDetails, known: list[str]) -> str:
    facts = {**detail.get("ctx", {}), "path": path, "known": joined(known)}
    return _SENTENCES.get(detail["type"], _OTHER).format(**facts).replace("'", "")

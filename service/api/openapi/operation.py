"""One operation of the API as it is published: what may be sent, and what may come back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import BaseModel

from service.errors import LeadfallError

JSON: Final = "application/json"


class Access(StrEnum):
    """Who may call."""

    SELEQT = "a Seleqt key"
    WORKSPACE = "a workspace key, or a platform key that names a workspace"
    ANYONE = "a workspace key or a platform key"
    ACCOUNT = "a platform key"
    OPEN = "no key"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of path, query or header.

    Attributes:
        schema: what its value may be, in JSON Schema.
        as_list: several values in one, with commas between.
    """

    name: str
    place: Literal["path", "query", "header"]
    schema: Mapping[str, Any]
    description: str
    as_list: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A request's body.

    Attributes:
        schemas: by media type; a model, or JSON Schema where there is no model.
        required: an empty body is refused.
        examples: by media type, where the schema's own fields do not make a good one.
    """

    schemas: Mapping[str, type[BaseModel] | Mapping[str, Any]]
    required: bool = True
    examples: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def json_body(
    model: type[BaseModel], *, required: bool = True, example: Mapping[str, Any] | None = None
) -> Sent:
    """Return a body of JSON."""
    return Sent({JSON: model}, required, {} if example is None else {JSON: example})


@dataclass(frozen=True, slots=True)
class Operation:
    """What is published of a method of a path, beside the two.

    Attributes:
        errors: besides those that follow from the access, the parameters and the body.
        flat_errors: its errors have the flat form that SendKit's page gives them here alone.
        failing: what it answers with the status 503 when it answers for the process's own state.
        links: by name, the operations for which an answer holds a parameter's value: the
            operation's id, the parameter, and where in the answer the value is.
    """

    id: str
    summary: str
    tag: str
    access: Access
    answer: type[BaseModel]
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Sent | None = None
    errors: tuple[type[LeadfallError], ...] = ()
    flat_errors: bool = False
    failing: type[BaseModel] | None = None
    links: Mapping[str, tuple[str, str, str]] = field(default_factory=lambda: MappingProxyType({}))


Operations = Mapping[tuple[str, str], Operation]
"""Operations by method and path, as the route table has them."""

"""Describes what an operation answers: its success, and every error with its codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from service.api.openapi.errors import errors_of, shown
from service.api.openapi.examples import example_of
from service.api.openapi.operation import JSON, Access, Operation
from service.api.openapi.schemas import REF

HEADERS: Final = {
    "RequestId": {
        "description": "Names the request in the server's logs; the caller's own, if one was sent.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What remains of the key's requests, and in how many seconds more will.",
        "required": True,
        "schema": {"type": "string", "examples": ['"default";r=49;t=60']},
    },
    "RateLimitPolicy": {
        "description": "How many requests the key may send in how many seconds.",
        "required": True,
        "schema": {"type": "string", "examples": ['"default";q=50;w=60']},
    },
    "RetryAfter": {
        "description": "Seconds after which it is worth trying again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What operations of one document share.

    Attributes:
        schemas: of the models that operations name.
        defined: the definitions to which those refer.
        responses: filled with the errors, each once.
    """

    schemas: Mapping[type[BaseModel], Any]
    defined: Mapping[str, Any]
    responses: dict[str, Any] = field(default_factory=dict)


UNAVAILABLE: Final = 503
_TRY_AGAIN: Final = frozenset({429, UNAVAILABLE})
_NOT_ASKED_YET: Final = frozenset({401, UNAVAILABLE})


def describe_responses(operation: Operation, parts: Parts) -> dict[str, Any]:
    """Return an operation's responses by status."""
    schema = parts.schemas[operation.answer]
    success: dict[str, Any] = {
        "description": _first_sentence(operation.answer.__doc__),
        "headers": _headers(operation, 200),
        "content": {JSON: {"schema": schema, "example": example_of(schema, parts.defined)}},
    }
    if operation.links:
        success["links"] = {
            name: {"operationId": target, "parameters": {parameter: f"$response.body#{pointer}"}}
            for name, (target, parameter, pointer) in operation.links.items()
        }
    return {"200": success, **_errors(operation, parts)}


def _errors(operation: Operation, parts: Parts) -> dict[str, Any]:
    by_status: dict[int, dict[str, _Case]] = {}
    for error in errors_of(operation):
        status, body = shown(operation, error)
        case = by_status.setdefault(status, {}).setdefault(error.code, _Case(body))
        case.said.append(_first_sentence(type(error).__doc__))
    described = {}
    for status, cases in sorted(by_status.items()):
        name = _name(operation, status, cases)
        parts.responses[name] = _error(operation, status, cases)
        described[str(status)] = {"$ref": f"#/components/responses/{name}"}
    if operation.failing is not None:
        own = parts.schemas[operation.failing]
        described[str(UNAVAILABLE)] = _or_own(parts.responses, described[str(UNAVAILABLE)], own)
    return described


def _or_own(
    responses: Mapping[str, Any], busy: Mapping[str, str], own: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a probe answers where it tells of itself, or is turned away at the door."""
    response = responses[busy["$ref"].rpartition("/")[2]]
    headers = {name: {**each, "required": False} for name, each in response["headers"].items()}
    content = response["content"][JSON]
    return {
        "description": f"{response['description']}\n- No code: the checks say what is wrong.",
        "headers": {"X-Error-Code": headers["X-Error-Code"]},
        "content": {JSON: {**content, "schema": {"anyOf": [own, content["schema"]]}}},
    }


def _name(operation: Operation, status: int, cases: Mapping[str, "_Case"]) -> str:
    """Return what an answer is called: the same name is the same answer."""
    kinds = "".join(dict.fromkeys(case.kind for case in cases.values()))
    keyed = "" if operation.access is Access.OPEN else "ToKey"
    codes = "".join(code.title().replace("_", "") for code in sorted(cases))
    return f"{kinds}{keyed}{status}{codes}"


def _error(operation: Operation, status: int, cases: Mapping[str, "_Case"]) -> dict[str, Any]:
    codes = sorted(cases)
    refs = [
        _closed(kind, [code for code in codes if cases[code].kind == kind])
        for kind in sorted({case.kind for case in cases.values()})
    ]
    return {
        "description": "\n".join(f"- `{code}`: {' '.join(cases[code].said)}" for code in codes),
        "headers": {
            **_headers(operation, status),
            "X-Error-Code": {
                "description": "The stable code of the error.",
                "required": True,
                "schema": {"type": "string", "enum": codes},
            },
        },
        "content": {
            JSON: {
                "schema": refs[0] if len(refs) == 1 else {"anyOf": refs},
                "examples": {code: {"value": cases[code].body} for code in codes},
            }
        },
    }


@dataclass(frozen=True, slots=True)
class _Case:
    """A code, as one example of its body and the sentences about the errors that have it."""

    body: Mapping[str, Any]
    said: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The name of the body's schema."""
        error = self.body["error"]
        if isinstance(error, dict):
            return "SendKitError"
        if "code" in self.body:
            return "FlatError"
        return "SeleqtCreditsShort" if "success" in self.body else "SeleqtError"


def _closed(kind: str, codes: list[str]) -> dict[str, Any]:
    """Return the schema of an error's body, with the codes it may have where it shows them."""
    schema = {"$ref": REF.format(model=kind)}
    if kind != "SendKitError":
        return schema
    code = {"properties": {"code": {"enum": codes}}}
    return {"allOf": [schema, {"properties": {"error": code}}]}


def _headers(operation: Operation, status: int) -> dict[str, Any]:
    names = {}
    # One that is turned away at the door has no id.
    if status != UNAVAILABLE:
        names["X-Request-Id"] = "RequestId"
    if operation.access is not Access.OPEN and status not in _NOT_ASKED_YET:
        names |= {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
    if status in _TRY_AGAIN:
        names["Retry-After"] = "RetryAfter"
    return {name: {"$ref": f"#/components/headers/{each}"} for name, each in names.items()}


def _first_sentence(text: str | None) -> str:
    return (text or "").strip().split("\n\n")[0].replace("\n    ", " ")

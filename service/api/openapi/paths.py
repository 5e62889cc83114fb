"""Describes one operation: parameters, body, who may call, and what it answers."""

from collections.abc import Mapping
from typing import Any, Final

from service.api.openapi.examples import example_of
from service.api.openapi.operation import Access, Operation, Parameter, Sent
from service.api.openapi.parameters import WORKSPACE
from service.api.openapi.responses import Parts, describe_responses

_SEND_KIT_KEY: Final[list[dict[str, list[str]]]] = [{"sendkitKey": []}, {"sendkitBearer": []}]
_SECURITY: Final[Mapping[Access, list[dict[str, list[str]]]]] = {
    Access.SELEQT: [{"seleqtKey": []}],
    Access.WORKSPACE: _SEND_KIT_KEY,
    Access.ANYONE: _SEND_KIT_KEY,
    Access.ACCOUNT: [{"platformKey": []}, {"platformBearer": []}],
    Access.OPEN: [],
}


def describe(operation: Operation, parts: Parts) -> dict[str, Any]:
    """Return an operation as it stands in the document."""
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": _SECURITY[operation.access],
    }
    if operation.description:
        described["description"] = operation.description
    parameters = list(operation.parameters)
    if operation.access in {Access.WORKSPACE, Access.ANYONE}:
        parameters.append(WORKSPACE)
    if parameters:
        described["parameters"] = [_parameter(each) for each in parameters]
    if operation.body is not None:
        described["requestBody"] = _body(operation.body, parts)
    described["responses"] = describe_responses(operation, parts)
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }
    if parameter.as_list:
        described |= {"style": "form", "explode": False}
    return described


def _body(sent: Sent, parts: Parts) -> dict[str, Any]:
    content = {}
    for media_type, given in sent.schemas.items():
        schema = parts.schemas[given] if isinstance(given, type) else dict(given)
        example = sent.examples.get(media_type)
        content[media_type] = {
            "schema": schema,
            "example": example_of(schema, parts.defined) if example is None else example,
        }
    return {"required": sent.required, "content": content}

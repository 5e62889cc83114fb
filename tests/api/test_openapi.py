"""The OpenAPI document is valid, fresh and closed, and leaves nothing out that is served."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from service.api.openapi.document import UndescribedRouteError, build_document, document_bytes
from service.api.openapi.errors import SAMPLES
from service.api.openapi.operations import OPERATIONS
from service.domain.event_types import EventType
from service.errors import LeadfallError
from tests.api.published import read_document
from tests.api.stage import Stage

DOCUMENT = read_document()
OPEN = {"/docs", "/docs/", "/openapi.json"}


def test_the_document_is_fresh() -> None:
    """What is committed and served is what this code makes: else run `make openapi`."""
    committed = files("service.api.openapi").joinpath("openapi.json").read_bytes()

    assert document_bytes() == committed


def test_the_document_is_valid() -> None:
    """It is OpenAPI 3.1 by its own schema."""
    validate(DOCUMENT)

    assert DOCUMENT["openapi"] == "3.1.0"


async def test_every_route_is_in_it(stage: Stage) -> None:
    """Whatever a running API serves to callers is described, method by method."""
    served = {
        (route.method.lower(), canonical)
        for route in stage.client.app.router.routes()
        if route.method != "HEAD"
        and route.resource is not None
        and (canonical := route.resource.canonical).startswith(("/api/", "/v1/"))
    }
    described = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}

    assert {(m, f"{p.rstrip('/')}/" if p.startswith("/api/") else p) for m, p in served} == {
        (method, path) for method, path in described if path.startswith(("/api/", "/v1/"))
    }


@pytest.mark.parametrize(
    ("served", "named"),
    [
        ({*OPERATIONS} | {("GET", "/v1/made-up")}, "/v1/made-up"),
        ({*OPERATIONS} - {("GET", "/v1/credits")}, "/v1/credits"),
    ],
)
def test_a_route_without_a_description_is_refused(served: set[tuple[str, str]], named: str) -> None:
    """The document cannot be made while it and the routes disagree."""
    with pytest.raises(UndescribedRouteError, match=named):
        build_document(served, OPERATIONS)


def test_operations_have_names_of_their_own() -> None:
    """Clients that are made from the document have one function for each operation."""
    ids = [operation.id for operation in OPERATIONS.values()]

    assert sorted(ids) == sorted(set(ids))


def test_every_error_is_in_it() -> None:
    """Each error of the tree that callers can meet stands at one operation at least."""
    published = {
        code
        for response in DOCUMENT["components"]["responses"].values()
        for code in response["headers"]["X-Error-Code"]["schema"]["enum"]
    }

    assert {error.code for error in SAMPLES} == published
    assert {each for each in _errors(LeadfallError) if each.__module__ == "service.errors"} <= {
        *SAMPLES
    } | {each.__base__ for each in SAMPLES} | {LeadfallError, *_same_as_others()}


def _errors(kind: type[LeadfallError]) -> Iterator[type[LeadfallError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _errors(each)


def _same_as_others() -> set[type[LeadfallError]]:
    """Those that differ from the error above them in nothing but their sentence."""
    return {each for each in _errors(LeadfallError) if each.__base__ in SAMPLES and _alike(each)}


def _alike(error: type[LeadfallError]) -> bool:
    base = error.__base__
    return base is not None and issubclass(base, LeadfallError) and error.code == base.code


def test_every_event_is_in_it() -> None:
    """Each type has its schema and an example."""
    assert list(DOCUMENT["webhooks"]) == list(EventType)


def _schemas(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            yield path, node
        for name, each in node.items():
            if name not in {"example", "examples"}:
                yield from _schemas(each, f"{path}/{name}")
    elif isinstance(node, list):
        for place, each in enumerate(node):
            yield from _schemas(each, f"{path}/{place}")


def _choices(node: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield every choice of a few values."""
    if isinstance(node, dict):
        if isinstance(node.get("enum"), list):
            yield path, node["enum"]
        for name, each in node.items():
            yield from _choices(each, f"{path}/{name}")
    elif isinstance(node, list):
        for place, each in enumerate(node):
            yield from _choices(each, f"{path}/{place}")


def test_a_choice_is_one() -> None:
    """Of no values none is right: nothing could be sent."""
    choices = dict(_choices(DOCUMENT, ""))

    assert len(choices) > 0
    assert [path for path, values in choices.items() if not values] == []


def test_schemas_are_closed() -> None:
    """An object with named fields has no others; what may hold anything says so."""
    found = [path for path, each in _schemas(DOCUMENT, "") if "additionalProperties" not in each]

    assert found == []


def _examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield every example of a body with its schema."""
    whole = {**DOCUMENT["paths"], **DOCUMENT["webhooks"]}
    for path, item in whole.items():
        for method, operation in item.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for place, body in enumerate(bodies):
                for media_type, content in body.get("content", {}).items():
                    for example in _shown(content):
                        yield f"{method} {path} {place} {media_type}", content, example
    for name, response in DOCUMENT["components"]["responses"].items():
        for content in response["content"].values():
            for example in _shown(content):
                yield name, content, example


def _shown(content: dict[str, Any]) -> list[Any]:
    if "example" in content:
        return [content["example"]]
    return [example["value"] for example in content["examples"].values()]


@pytest.mark.parametrize(
    ("content", "example"),
    [pytest.param(content, example, id=name) for name, content, example in _examples()],
)
def test_an_example_is_of_its_schema(content: dict[str, Any], example: Any) -> None:
    """Whoever copies an example has something valid."""
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)

    assert [error.message for error in validator.iter_errors(example)] == []

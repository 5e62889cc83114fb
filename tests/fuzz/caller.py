"""Sends requests for operations of the document, and notes which answers were seen."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests

from tests.api.published import Published, codes_of, read_document

Answer = tuple[str, int, str | None]
"""An operation, a status, and an error's code."""

TIMEOUT_S = 30.0
_UNSET: Any = object()


class Caller:
    """Knows a good request for every operation, of which a test changes what it is about.

    Attributes:
        base_url: where the next request goes unless it says otherwise.
        ids: what stands for the path parameters, by their names.
        bodies: of requests, by operation; the document's example where there is none.
        keys: by security scheme.
        published: holds every answer against the document.
    """

    def __init__(self, base_url: str, keys: Mapping[str, str]) -> None:
        self.base_url = base_url
        self.ids: dict[str, str] = {}
        self.bodies: dict[str, Any] = {}
        self.keys = dict(keys)
        self.published = Published()
        self._session = requests.Session()
        self.document = read_document()
        self.operations: dict[str, tuple[str, str, Mapping[str, Any]]] = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
        }

    @property
    def expected(self) -> set[Answer]:
        """Every answer that is documented."""
        return {
            (name, int(status), code)
            for name, (_, _, operation) in self.operations.items()
            for status in operation["responses"]
            for code in codes_of(self.published.response(operation, status))
        }

    def send(
        self,
        name: str,
        status: int = 200,
        code: str | None = None,
        *,
        at: str | None = None,
        key: str | None = _UNSET,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = _UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request, hold the answer against what is expected and published, return it."""
        answer = self._ask(name, at=at, key=key, ids=ids, query=query, body=body, headers=headers)
        found = (answer.status_code, answer.headers.get("X-Error-Code"))
        assert found == (status, code), (name, found, answer.text[:500])
        return answer.json()

    def find(self, name: str, *, ids: Mapping[str, str], body: Any) -> tuple[int, str | None]:
        """Send a request, hold the answer against what is published, return its status and code."""
        answer = self._ask(name, ids=ids, body=body)
        return (answer.status_code, answer.headers.get("X-Error-Code"))

    def _ask(
        self,
        name: str,
        *,
        at: str | None = None,
        key: str | None = _UNSET,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Any = _UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        method, _, operation = self.operations[name]
        answer = self._session.request(
            method,
            (at or self.base_url) + self.path(name, ids),
            params=query,
            headers={**self.key_header(name, key), **(headers or {})},
            timeout=TIMEOUT_S,
            **self._body(name, body),
        )
        code = answer.headers.get("X-Error-Code")
        self.published.hold(operation, answer.status_code, code, answer.content)
        return answer

    def path(self, name: str, ids: Mapping[str, str] | None = None) -> str:
        """Return the path of an operation with ids in it."""
        path = self.operations[name][1]
        for each, value in {**self.ids, **(ids or {})}.items():
            path = path.replace(f"{{{each}}}", quote(value, safe=""))
        return path

    def key_header(self, name: str, key: str | None = _UNSET) -> dict[str, str]:
        """Return the header with the key that an operation takes, or another."""
        security = self.operations[name][2]["security"]
        if key is _UNSET:
            key = self.keys[next(iter(security[0]))] if security else None
        return {} if key is None else {"X-Api-Key": key}

    def takes_body(self, name: str) -> bool:
        """Tell whether an operation has a body."""
        return "requestBody" in self.operations[name][2]

    def _body(self, name: str, body: Any) -> dict[str, Any]:
        if not self.takes_body(name):
            return {}
        media_type, content = next(iter(self.operations[name][2]["requestBody"]["content"].items()))
        given = self.bodies.get(name, content["example"]) if body is _UNSET else body
        if isinstance(given, bytes):
            return {"data": given}
        if media_type == "multipart/form-data":
            texts = dict(given)
            return {"files": {"file": ("leads.csv", texts.pop("file"))}, "data": texts}
        return {"json": given}

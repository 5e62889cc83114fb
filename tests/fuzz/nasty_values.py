"""Values that no schema thinks of, to be put wherever a caller can put a text in a URL."""

from collections.abc import Iterator

import requests

from tests.fuzz.caller import TIMEOUT_S, Caller

REFUSED = {400, 404, 405, 409, 422}
# As they stand in a URL: NUL, half a surrogate, a byte that is no UTF-8, other digits, a slash.
NASTY = ["a%00b", "%00", "%ED%A0%80", "%FF", "%EF%BC%91", "%2F", "-1", "1e3", "9" * 30, "x" * 4_000]
PLACE = "here"


def with_nasty_ids(caller: Caller, nasty: str) -> Iterator[tuple[str, str]]:
    """Yield operation and path for every operation with an id in its path."""
    for name, (_, path, _) in caller.operations.items():
        for parameter in caller.ids:
            if f"{{{parameter}}}" in path:
                yield name, caller.path(name, {parameter: PLACE}).replace(PLACE, nasty)


def with_nasty_queries(caller: Caller, nasty: str) -> Iterator[tuple[str, str]]:
    """Yield operation and path for every parameter of every query, also given twice."""
    for name, (_, _, operation) in caller.operations.items():
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                query = f"{parameter['name']}={nasty}"
                yield name, f"{caller.path(name)}?{query}"
                yield name, f"{caller.path(name)}?{query}&{query}"


def answer(caller: Caller, name: str, path: str) -> int:
    """Send a request for an operation and hold the answer against the document."""
    method, _, operation = caller.operations[name]
    got = requests.request(
        method,
        caller.base_url + path,
        headers=caller.key_header(name),
        json={} if caller.takes_body(name) else None,
        timeout=TIMEOUT_S,
    )
    code = got.headers.get("X-Error-Code")
    if code != "METHOD_NOT_ALLOWED":
        caller.published.hold(operation, got.status_code, code, got.content)
    return got.status_code

"""The errors that many operations share: each is met by every operation that documents it."""

import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from tests.fuzz.servers import BODY_BYTES_MAX
from tests.fuzz.stage import FuzzStage

NOBODY = "f" * 24
UNKNOWN_IDS = {
    "list_id": "999999999",
    "job_id": "bulk_nothing",
    "lead_id": NOBODY,
    "webhook_id": NOBODY,
    "delivery_id": f"dlv_{'0' * 32}{NOBODY}",
    "replay_id": NOBODY,
    "workspace_id": NOBODY,
    "provider": "nobody",
    "token": "nothing",
}
OWN_KEY_ASKED = {"enrichmentTypes": ["email"], "emailProvider": "leadmagic"}
FILE_BYTES = 60 * 1024 * 1024
FORM = "multipart/form-data; boundary=x"


def meet_common_errors(stage: FuzzStage) -> None:
    """Meet each of them at each operation."""
    _ask_for_nothing(stage)
    _use_wrong_keys(stage)
    _send_bad_requests(stage)
    _send_bad_bodies(stage)
    _come_too_often(stage)
    _ask_the_needy(stage)


def _documenting(stage: FuzzStage, code: str) -> Iterator[str]:
    return (name for name, _, found in sorted(stage.caller.expected, key=str) if found == code)


def _ask_for_nothing(stage: FuzzStage) -> None:
    send = stage.caller.send
    for name in _documenting(stage, "NOT_FOUND"):
        query = {"webhookId": NOBODY} if name == "listEvents" else None
        kept: dict[str, Any] = {}
        if name == "enrichLeads":
            kept = {"body": {"leadIds": [NOBODY], "enrichmentTypes": ["email"]}}
        send(name, 404, "NOT_FOUND", ids=UNKNOWN_IDS, query=query, **kept)


def _use_wrong_keys(stage: FuzzStage) -> None:
    caller = stage.caller
    for name in _documenting(stage, "UNAUTHORIZED"):
        caller.send(name, 401, "UNAUTHORIZED", key="sk_made-up")
        caller.send(name, 401, "UNAUTHORIZED", key=None)
    for name in _documenting(stage, "FORBIDDEN"):
        is_account = "platformKey" in caller.operations[name][2]["security"][0]
        elsewhere = {} if is_account else {"X-Workspace-Id": stage.poor.public_id}
        caller.send(name, 403, "FORBIDDEN", key=caller.keys["sendkitKey"], headers=elsewhere)


def _send_bad_requests(stage: FuzzStage) -> None:
    for name in _documenting(stage, "VALIDATION_ERROR"):
        kept: dict[str, Any] = {"body": b"[]"} if stage.caller.takes_body(name) else {}
        if name == "importLeads":
            kept = {"body": {"file": "email\nada@engines.example\n", "dataCleanup": "perhaps"}}
        if name == "takeCallback":
            kept = {"body": b"no gzip", "headers": {"Content-Encoding": "gzip"}}
        stage.caller.send(name, 400, "VALIDATION_ERROR", query={"made-up": "1"}, **kept)


def _send_bad_bodies(stage: FuzzStage) -> None:
    for name in _documenting(stage, "UNSUPPORTED_MEDIA_TYPE"):
        # What a callback says may be of any type.
        headers = {"Content-Type": "text/plain", "Content-Encoding": "br"}
        stage.caller.send(name, 415, "UNSUPPORTED_MEDIA_TYPE", body=b"a", headers=headers)
    for name in _documenting(stage, "PAYLOAD_TOO_LARGE"):
        begun = b" " * (BODY_BYTES_MAX + 1)
        _send_head(stage, name, 413, "PAYLOAD_TOO_LARGE", body_bytes=FILE_BYTES, begun=begun)
    for name in _documenting(stage, "REQUEST_TIMEOUT"):
        _send_head(stage, name, 408, "REQUEST_TIMEOUT", body_bytes=2)


def _send_head(
    stage: FuzzStage, name: str, status: int, code: str, *, body_bytes: int, begun: bytes = b""
) -> None:
    """Promise a body and send but its beginning, as no client library would, to the hasty one."""
    caller = stage.caller
    method, _, operation = caller.operations[name]
    url = urlsplit(stage.servers.hasty)
    media_type = FORM if name == "importLeads" else "application/json"
    head = {
        "Host": url.netloc,
        "Content-Type": media_type,
        "Content-Length": str(body_bytes),
        "Connection": "close",
        **caller.key_header(name),
    }
    lines = [f"{method} {caller.path(name)} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items())]
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + begun)
        answer = HTTPResponse(connection)
        answer.begin()
        body = answer.read()
    found = (answer.status, answer.headers["X-Error-Code"])
    assert found == (status, code), (name, found, body[:500])
    caller.published.hold(operation, *found, body)


def _come_too_often(stage: FuzzStage) -> None:
    """Every key has sent more than its one request in this minute: all servers count together."""
    for name in _documenting(stage, "RATE_LIMITED"):
        stage.caller.send(name, 429, "RATE_LIMITED", at=stage.servers.strict)


def _ask_the_needy(stage: FuzzStage) -> None:
    servers = stage.servers
    stage.caller.send("isReady", 503, None, at=servers.cut)
    for name in _documenting(stage, "UNAVAILABLE"):
        stage.caller.send(name, 503, "UNAVAILABLE", at=servers.cut)
    for name in _documenting(stage, "TOO_BUSY"):
        stage.caller.send(name, 503, "TOO_BUSY", at=servers.full)
    for name in _documenting(stage, "SECRETS_NOT_CONFIGURED"):
        kept: dict[str, Any] = {}
        if name == "enrichLeads":
            kept = {"body": {**stage.caller.bodies[name], **OWN_KEY_ASKED}}
        stage.caller.send(name, 503, "SECRETS_NOT_CONFIGURED", at=servers.bare, **kept)
    for name in _documenting(stage, "SUPPRESSIONS_UNREADABLE"):
        stage.caller.send(name, 503, "SUPPRESSIONS_UNREADABLE", at=servers.bare)

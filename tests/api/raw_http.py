"""Sends requests byte by byte, as no client library would."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from tests.api.stage import Stage

SELEQT_BODY = "/api/v1/public/lead-lists/{list_id}/enrichment/"
SENDKIT_BODY = "/v1/enrichment/enrich"
ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The first answer on a connection, and whether the server then hung up."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    closed: bool

    @property
    def request_id(self) -> str:
        """The id under which the log has the request."""
        return self.headers["x-request-id"]

    @property
    def told(self) -> str:
        """What went wrong and what to do, in whichever shape."""
        told = orjson.loads(self.body)
        if isinstance(told["error"], dict):
            return str(told["error"]["message"])
        return f"{told['error']}. {told.get('message', '')}"

    @property
    def shape(self) -> set[str]:
        """The names that an error has at its top."""
        return set(orjson.loads(self.body))


def head(stage: Stage, path: str, *lines: str, method: str = "POST") -> bytes:
    """Return the head of a request with the key of the face that the path belongs to."""
    tenant = stage.tenant
    key = tenant.seleqt_key if path.startswith("/api/") else tenant.sendkit_key
    first = f"{method} {path.replace('{list_id}', str(tenant.people_list))} HTTP/1.1"
    return "\r\n".join([first, "Host: x", f"X-Api-Key: {key.text}", *lines, "", ""]).encode(
        "latin-1"
    )


async def send_raw(stage: Stage, *parts: bytes) -> RawAnswer:
    """Send parts, each once the one before has been read, and return the first answer.

    After more than one part the server is waited for to hang up.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.client.port)
    try:
        async with asyncio.timeout(ANSWER_S):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await _until_read(stage)
            return await _read_answer(reader, to_the_end=len(parts) > 1)
    finally:
        writer.close()


async def _until_read(stage: Stage) -> None:
    """Let the server, which is in this loop, take what was sent."""
    async with stage.client.get("/livez-or-nothing") as answer:
        await answer.read()


async def _read_answer(reader: asyncio.StreamReader, *, to_the_end: bool) -> RawAnswer:
    raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = raw.rstrip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    closed = to_the_end and await reader.read(1) == b""
    return RawAnswer(int(first.split(" ")[1]), headers, body, closed)

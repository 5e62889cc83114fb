"""A receiver for the terminal: verifies, prints, and fails in whichever way it is told to."""

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from service.commands.failures import CommandFailure
from service.commands.output import print_json, print_lines
from service.commands.stopping import stop_on_signals
from service.domain.signature_diagnosis import diagnose
from service.domain.signing import PublicKey, SigningSecret, read_public_key, read_signing_key

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
SHOWN_BYTES_MAX: Final = 16 * 1024
"""Longer bodies are verified whole and printed in part, or as JSON not at all."""
HANG_S: Final = 3_600.0
DRIP_S: Final = 0.5
ENDLESS_S: Final = 0.05
STATUSES: Final = range(300, 600)
"""What a receiver may answer for a failure."""
BOMB_BYTES: Final = 64 * 1024 * 1024
"""What the answer of `bomb` is unpacked; packed it is a thousandth of that."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def read_key(text: str) -> SigningSecret | PublicKey:
    """Return what verifies: a secret, a private or a public key.

    Raises:
        CommandFailure: it is none of these.
    """
    try:
        return read_public_key(text) if text.startswith("whpk_") else read_signing_key(text)
    except ValueError as error:
        raise CommandFailure(str(error)) from None


def read_shared(text: str) -> SigningSecret:
    """Return a secret that signs, which a public key cannot.

    Raises:
        CommandFailure: it is none.
    """
    key = read_key(text)
    if isinstance(key, PublicKey):
        raise CommandFailure("A public key cannot sign: give a whsec_ secret or hex digits.")
    return key


def _status(status: int, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, headers=named)

    return answer


async def _hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(HANG_S)
    return web.Response(status=204)


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=500)
    await response.prepare(request)
    for _ in range(int(HANG_S / DRIP_S)):
        await response.write(b".")
        await asyncio.sleep(DRIP_S)
    return response


async def _reset(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=204)


async def _garbage(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.write(b"this is not HTTP\r\n\r\n")
        request.transport.close()
    return web.Response(status=204)


async def _bomb(_: web.Request) -> web.StreamResponse:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return web.Response(status=500, headers=headers, body=gzip.compress(bytes(BOMB_BYTES)))


async def _endless_header(request: web.Request) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        transport.write(b"HTTP/1.1 204 No Content\r\nx-endless: ")
        for _ in range(int(HANG_S / ENDLESS_S)):
            if transport.is_closing():
                break
            transport.write(b"x" * 64)
            await asyncio.sleep(ENDLESS_S)
        transport.abort()
    return web.Response(status=204)


FAILURES: Final[Mapping[str, Answer]] = {
    "429": _status(429, Retry_After="30"),
    "503": _status(503, Retry_After="30"),
    "redirect": _status(302, Location="https://example.com/elsewhere"),
    "abort": _status(500, webhook_delivery="abort-message"),
    "disable": _status(500, webhook_delivery="disable"),
    "hang": _hang,
    "drip": _drip,
    "reset": _reset,
    "garbage": _garbage,
    "bomb": _bomb,
    "endless-header": _endless_header,
}
"""The ways of failing that are more than a status, by the name they are asked for with."""


def failing(fail: str) -> Answer:
    """Return what fails in the way that is named: one of `FAILURES`, or any status of a failure.

    Raises:
        CommandFailure: there is no such way.
    """
    if fail in FAILURES:
        return FAILURES[fail]
    if fail in map(str, STATUSES):
        return _status(int(fail))
    raise CommandFailure(
        f"--fail is one of: {', '.join(FAILURES)}, or any status from "
        f"{STATUSES.start} to {STATUSES.stop - 1}."
    )


async def listen(host: str, port: int, secret: str, *, fail: str | None, as_json: bool) -> None:
    """Receive until told to stop; authentic requests get 204, others 401, or all fail alike.

    Raises:
        CommandFailure: the secret, or the way to fail, is none.
    """
    key = read_key(secret)
    failure = None if fail is None else failing(fail)
    seen: set[str] = set()

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        found = diagnose(request.headers, body, key, time.time())
        event_id = request.headers.get("webhook-id", "")
        _tell(request, body, found.sentence, repeated=event_id in seen, as_json=as_json)
        if failure is not None:
            return await failure(request)
        if found.part is not None:
            return web.Response(status=401, text=found.sentence)
        seen.add(event_id)
        return web.Response(status=204)

    application = web.Application(client_max_size=BODY_BYTES_MAX)
    application.router.add_post("/{tail:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    stopping = stop_on_signals()
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        url = f"http://{host}:{runner.addresses[0][1]}/"
        if as_json:
            print_json({"url": url})
        else:
            print_lines(f"Listening on {url}")
        await stopping.wait()
    finally:
        await runner.cleanup()


def _tell(
    request: web.Request, body: bytes, sentence: str, *, repeated: bool, as_json: bool
) -> None:
    event = _parse(body)
    facts = {
        "id": request.headers.get("webhook-id"),
        "type": event.get("type"),
        "attempt": request.headers.get("webhook-attempt"),
        "sequence": request.headers.get("webhook-sequence"),
        "repeated": repeated,
        "verified": sentence,
        "body_bytes": len(body),
        "body": (event or _text(body)) if len(body) <= SHOWN_BYTES_MAX else None,
    }
    if as_json:
        print_json(facts)
        return
    again = " (had it before)" if repeated else ""
    print_lines(
        f"{time.strftime('%H:%M:%S')}  {facts['type']}  {facts['id']}  "
        f"attempt {facts['attempt']}  number {facts['sequence']}{again}",
        f"          {sentence}",
        f"          {_text(body[:SHOWN_BYTES_MAX])}",
    )


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="replace")


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}

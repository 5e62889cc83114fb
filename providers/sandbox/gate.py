"""Leads every HTTP request through the same checks: key, limit, fault, credit, delay, delivery."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final
from zlib import crc32

import orjson
from aiohttp import web

from providers.sandbox.faults import HANG_S, Fault, Moment
from providers.sandbox.keys import Account, account_of
from providers.sandbox.quota import Limiter
from providers.sandbox.vendor import Ask, Refusal, Reply, Route, Vendor
from providers.sandbox.world import SandboxWorld

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LIMITED_RETRY_S: Final = 60.0  # vendor time
# A request takes the median latency times one of these: most about the median, one in ten slow.
_LATENCY_SPREAD: Final = (0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.2, 1.5, 2.0, 3.5)
_GARBAGE: Final = b'{"data": {"email": "nad'


class Gate:
    """Turns a vendor's routes into HTTP handlers."""

    def __init__(self, world: SandboxWorld) -> None:
        self._world = world
        self._limiter = Limiter(world.pace)

    def mount(self, router: web.UrlDispatcher, vendor: Vendor) -> None:
        """Add the vendor's routes under its prefix, and its own 404 for all other paths there."""
        for route in vendor.routes():
            path = vendor.prefix + route.path
            router.add_route(route.method, path, self._handler(vendor, route))
        router.add_route("*", vendor.prefix + "/{rest:.*}", self._no_route(vendor))

    def _handler(self, vendor: Vendor, route: Route) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await _read_body(request)
            ask, refused = self._admit(vendor, route, request, raw)
            if refused is not None:
                return await self._send(request, vendor, route, refused)
            trouble = self._world.faults.next() if self._world.faults is not None else None
            if trouble is not None and trouble[1] is Moment.BEFORE_BOOKING:
                with self._world.books.closed():
                    route.answer(ask)
                return await self._fail(request, vendor, route, ask, trouble[0])
            reply = route.answer(ask)
            await self._world.pace.answer(_latency_s(route, request, raw))
            if trouble is not None:
                return await self._fail(request, vendor, route, ask, trouble[0])
            return await self._send(request, vendor, route, reply)

        return handle

    def _no_route(self, vendor: Vendor) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            await request.read()
            self._world.books.tally(vendor.slug, "no_route", "404")
            return _response(vendor.refuse(Refusal.NO_ROUTE, Ask(headers=request.headers)))

        return handle

    def _admit(
        self, vendor: Vendor, route: Route, request: web.Request, raw: bytes
    ) -> tuple[Ask, Reply | None]:
        """Return the request as read, and the refusal if it is turned away."""
        body, is_readable = _body(route, raw)
        ask = Ask("", request.match_info, request.query, request.headers, body)
        key = vendor.read_key(ask)
        if not key:
            return ask, vendor.refuse(Refusal.NO_KEY, ask)
        account = account_of(key)
        if account is Account.UNKNOWN:
            return ask, vendor.refuse(Refusal.BAD_KEY, ask)
        wait_s = LIMITED_RETRY_S
        if account is not Account.LIMITED:
            rows = 1 if route.rows is None else route.rows(body)
            wait_s = self._limiter.refusal_s(vendor.slug, key, route.quota, rows=rows)
        if wait_s > 0:
            retry_after_s = self._world.pace.header_s(wait_s)
            return ask, vendor.refuse(Refusal.RATE_LIMITED, ask, retry_after_s=retry_after_s)
        if not is_readable:
            return ask, vendor.refuse(Refusal.UNREADABLE, ask)
        ask = replace(ask, key=key)
        if route.is_paid and account is Account.EMPTY:
            return ask, vendor.refuse(Refusal.OUT_OF_CREDITS, ask)
        return ask, None

    async def _send(
        self, request: web.Request, vendor: Vendor, route: Route, reply: Reply
    ) -> web.StreamResponse:
        """Write the whole reply, and note in the books that it was."""
        response = _response(reply)
        if not reply.delivers:
            self._world.books.tally(vendor.slug, route.name, str(reply.status))
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            return response
        for sequence in reply.delivers:
            self._world.books.mark_delivered(sequence)
        return response

    async def _fail(
        self, request: web.Request, vendor: Vendor, route: Route, ask: Ask, fault: Fault
    ) -> web.StreamResponse:
        self._world.books.tally(vendor.slug, route.name, f"fault_{fault}")
        match fault:
            case Fault.THROTTLED:
                wait_s = self._world.pace.header_s(1.0)
                return _response(vendor.refuse(Refusal.RATE_LIMITED, ask, retry_after_s=wait_s))
            case Fault.DOWN:
                return web.Response(status=503, text="upstream unavailable")
            case Fault.GARBAGE:
                return web.Response(body=_GARBAGE, content_type="application/json")
            case Fault.HANG:
                await self._world.pace.wait(HANG_S)
        if isinstance(request.transport, asyncio.Transport):
            request.transport.abort()
        return web.Response(status=503)


async def _read_body(request: web.Request) -> bytes:
    """Return the body; of a form, JSON of its texts and those of its files by their names."""
    if request.content_type != "multipart/form-data":
        return await request.read()
    try:
        form = await request.post()
        texts = {
            name: each.file.read().decode() if isinstance(each, web.FileField) else str(each)
            for name, each in form.items()
        }
    except ValueError:
        return b""
    return orjson.dumps(texts)


def _response(reply: Reply) -> web.Response:
    is_plain = isinstance(reply.body, bytes)
    return web.Response(
        status=reply.status,
        body=reply.body if is_plain else orjson.dumps(reply.body),
        headers=reply.headers,
        content_type="text/plain" if is_plain else "application/json",
    )


def _body(route: Route, raw: bytes) -> tuple[Any, bool]:
    """Return the JSON body of a POST, and whether it could be read."""
    try:
        return (orjson.loads(raw) if route.method == "POST" else None), True
    except ValueError:
        return None, False


def _latency_s(route: Route, request: web.Request, raw: bytes) -> float:
    seed = crc32(raw, crc32(request.raw_path.encode()))
    return route.latency_s * _LATENCY_SPREAD[seed % len(_LATENCY_SPREAD)]

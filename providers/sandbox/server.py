"""Starts the whole sandbox: every vendor on one HTTP server, a DNS server and an SMTP server."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
import structlog
from aiohttp import web

from providers.sandbox.books import Books
from providers.sandbox.dns import DNSServer
from providers.sandbox.faults import Faults
from providers.sandbox.gate import Gate
from providers.sandbox.pace import TIME_SCALE_DEFAULT
from providers.sandbox.smtp import SMTPServer
from providers.sandbox.vendors import build_vendors
from providers.sandbox.world import SandboxWorld

PAGE_ROWS_MAX: Final = 10_000
PAGE_ROWS_DEFAULT: Final = 1_000
BODY_BYTES_MAX: Final = 1024 * 1024
_DIGITS_MAX: Final = 9

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running sandbox is found; all of it on this machine.

    Attributes:
        base_urls: by provider slug, as an adapter's base URL takes them.
    """

    http_url: str
    base_urls: Mapping[str, str]
    dns_address: tuple[str, int]
    smtp_port: int
    time_scale: float

    def as_json(self) -> dict[str, Any]:
        """Return the addresses as they are printed for other processes."""
        return asdict(self)


class Sandbox:
    """A running sandbox; stop it before its event loop ends."""

    def __init__(
        self,
        world: SandboxWorld,
        addresses: Addresses,
        *,
        http: web.AppRunner,
        dns: DNSServer,
        smtp: SMTPServer,
    ) -> None:
        self.world = world
        self.addresses = addresses
        self._http = http
        self._dns = dns
        self._smtp = smtp

    @property
    def books(self) -> Books:
        """What was asked and charged so far."""
        return self.world.books

    @property
    def base_urls(self) -> Mapping[str, str]:
        """Each vendor's base URL, by provider slug."""
        return self.addresses.base_urls

    @property
    def dns_address(self) -> tuple[str, int]:
        """Host and port of the DNS server, the same for UDP and TCP."""
        return self.addresses.dns_address

    @property
    def smtp_port(self) -> int:
        """Port of the SMTP server, at the address every made-up mail host resolves to."""
        return self.addresses.smtp_port

    async def stop(self) -> None:
        """Close every socket; requests under way are dropped."""
        await self._smtp.stop()
        await self._dns.stop()
        await self.world.callbacks.stop()
        await self._http.cleanup()
        log.info("sandbox.stopped", rows=len(self.books))


async def start_sandbox(
    *,
    host: str = "127.0.0.1",
    http_port: int = 0,
    dns_port: int = 0,
    smtp_port: int = 0,
    time_scale: float = TIME_SCALE_DEFAULT,
    faults: Faults | None = None,
    answer_after_s: float | None = None,
) -> Sandbox:
    """Start every server and return the sandbox; port 0 takes a free one.

    `time_scale` is real seconds per vendor second; `answer_after_s` is what every answer takes
    instead of the vendor's own time, in real seconds.
    """
    world = SandboxWorld.create(time_scale=time_scale, faults=faults, answer_after_s=answer_after_s)
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/_books", _entries_handler(world.books))
    app.router.add_get("/_books/summary", _summary_handler(world.books))
    vendors = build_vendors(world)
    gate = Gate(world)
    for vendor in vendors:
        gate.mount(app.router, vendor)
    http = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
    dns = DNSServer(world.books)
    smtp = SMTPServer(world.pace, world.books)
    await http.setup()
    try:
        await web.TCPSite(http, host, http_port, backlog=1024).start()
        http_url = f"http://{host}:{http.addresses[0][1]}"
        addresses = Addresses(
            http_url=http_url,
            base_urls={vendor.slug: http_url + vendor.prefix for vendor in vendors},
            dns_address=(host, await dns.start(host, dns_port)),
            smtp_port=await smtp.start(host, smtp_port),
            time_scale=time_scale,
        )
    except OSError:
        await dns.stop()
        await http.cleanup()
        raise
    log.info("sandbox.started", http_url=http_url, vendors=len(vendors), time_scale=time_scale)
    return Sandbox(world, addresses, http=http, dns=dns, smtp=smtp)


def _entries_handler(books: Books) -> Any:
    async def handle(request: web.Request) -> web.Response:
        after = _number(request.query.get("after"), default=-1)
        limit = _number(request.query.get("limit"), default=PAGE_ROWS_DEFAULT)
        entries = books.entries(after, min(limit, PAGE_ROWS_MAX))
        next_after = entries[-1].sequence if entries else after
        body = {"entries": [entry.as_json() for entry in entries], "next_after": next_after}
        return _json(body)

    return handle


def _summary_handler(books: Books) -> Any:
    async def handle(_request: web.Request) -> web.Response:
        return _json(books.summary())

    return handle


def _json(body: Any) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def _number(text: str | None, *, default: int) -> int:
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    return int(text) if text is not None and is_number else default

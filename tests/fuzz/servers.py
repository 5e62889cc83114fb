"""The API, started several times over one database: as it should be, and in every sort of need."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from providers.sandbox.server import Sandbox, start_sandbox
from service.app import api
from service.settings import Settings

MANY = 10_000_000
CONNECTIONS_MAX = 10
BODY_BYTES_MAX = 1_024


@dataclass(frozen=True, slots=True)
class Servers:
    """Base URLs.

    Attributes:
        whole: has everything, and no limit that a test could meet.
        strict: takes one request a minute of each key.
        hasty: takes small bodies alone, and none that are slow.
        bare: has neither a key to encrypt with nor any vendor's key.
        full: every connection it may hold is taken.
        cut: has lost its database.
    """

    whole: str
    strict: str
    hasty: str
    bare: str
    full: str
    cut: str


@asynccontextmanager
async def vendors() -> AsyncIterator[Sandbox]:
    """Run every vendor on this machine."""
    sandbox = await start_sandbox(time_scale=0.0001)
    try:
        yield sandbox
    finally:
        await sandbox.stop()


def settings(database_url: str, redis_url: str, **given: Any) -> Settings:
    """Return settings of an API on free ports."""
    limits = {
        "requests_per_minute": MANY,
        "sendkit_requests_per_minute": MANY,
        "sync_deadline_s": 0.05,
        **given.pop("limits", {}),
    }
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        database_pool_max=4,
        port=0,
        ops_port=0,
        limits=limits,
        # Names are looked up at an address that answers none, and soon: nothing leaves here.
        dns={"servers": "127.0.0.1:9", "timeout_s": 0.2},
        **given,
    )


def at(started: Any) -> str:
    """Return where a running API is."""
    return f"http://127.0.0.1:{started.port}"


def with_vendors(sandbox: Sandbox, secret_key: str) -> dict[str, Any]:
    """Return settings with which every provider can be asked, at the vendors of this machine."""
    providers: Mapping[str, Any] = {
        slug: {"base_url": url, "api_key": "sandbox"} for slug, url in sandbox.base_urls.items()
    }
    return {"providers": providers, "secret_keys": secret_key}


@asynccontextmanager
async def crowded(base_url: str) -> AsyncIterator[None]:
    """Hold as many connections as a server takes."""
    host, _, port = base_url.removeprefix("http://").partition(":")
    held = [await asyncio.open_connection(host, int(port)) for _ in range(CONNECTIONS_MAX)]
    try:
        yield
    finally:
        for _, writer in held:
            writer.close()


__all__ = [
    "BODY_BYTES_MAX",
    "Servers",
    "api",
    "at",
    "crowded",
    "settings",
    "vendors",
    "with_vendors",
]

"""The only place that sends webhooks over HTTP; it decides nothing about what comes of them."""

import io
import time
from asyncio import timeout
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Self

import aiohttp
from yarl import URL

from service.domain.attempt_class import AttemptClass
from service.edges.dial_guard import DialRefused, EgressPolicy
from service.edges.guarded_resolver import Lookup
from service.edges.reached import Reached
from service.edges.receiver_connector import (
    CURRENT,
    CountedSockets,
    Progress,
    receiver_connector,
)
from service.edges.receiver_fault import cause, class_of_error
from service.edges.watched_lookup import CONTROL_NAME, Answers, WatchedLookup

CONNECT_S_MAX: Final = 5.0
ANSWER_READ_S_MAX: Final = 2.0
"""How long an answer's body is read once its headers have decided; it is only evidence."""
ANSWER_BYTES_MAX: Final = 16 * 1024
ANSWER_BYTES_KEPT: Final = 4 * 1024
STALE_S_MAX: Final = 1.0
"""A pooled connection that ends sooner than this after its reuse had been closed before."""
SOCKETS_POOLED_MAX: Final = 512
"""With more sockets open than this, new requests leave no idle connection behind."""

URLS_REMEMBERED: Final = 4_096

_BODY_BYTES_AT_ONCE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Passage:
    """How a request went, in seconds from its start.

    Attributes:
        began: the request may have left us.
        reused: it went over a connection left from an earlier one.
        connected_s, headers_s: None when it did not come so far.
        tls_s: how long agreeing on TLS took, or was tried in vain; None where that never began.
    """

    duration_s: float
    began: bool = False
    reused: bool = False
    address: str | None = None
    dns_s: float | None = None
    connected_s: float | None = None
    headers_s: float | None = None
    tls_version: str | None = None
    tls_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The receiver answered.

    Attributes:
        answer: the first 4 KiB of the body, as far as it came in time.
        truncated: there was more than was read.
        location_host: where a redirect pointed; it is never followed.
    """

    status: int
    passage: Passage
    retry_after: str | None = None
    wish: str | None = None
    location_host: str | None = None
    answer: bytes = field(default=b"", repr=False)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """There was no answer.

    Attributes:
        rule: the dial guard's rule, when it refused.
    """

    attempt_class: AttemptClass
    passage: Passage
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class _Request:
    url: URL
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    started_s: float
    timeout_s: float
    owner: int | None = None

    @property
    def left_s(self) -> float:
        """Seconds until the request must be over."""
        return self.started_s + self.timeout_s - time.monotonic()


class ReceiverHTTP:
    """Posts to receivers; build it inside the running loop and close it at the end.

    It follows no redirect, keeps no cookie, decompresses nothing and reads no proxy settings.

    Args:
        answers: asked, where nobody answers for a receiver's name, whether anybody else is
            answered for; without it that is always our own fault.
        control_name: a domain that is known to exist, for that question.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        lookup: Lookup,
        *,
        answers: Answers | None = None,
        control_name: str = CONTROL_NAME,
        sockets: CountedSockets | None = None,
        sockets_pooled_max: int = SOCKETS_POOLED_MAX,
    ) -> None:
        self._policy = policy
        self._lookup = WatchedLookup(lookup, answers, control_name=control_name)
        self._reached = Reached()
        self._sockets = CountedSockets() if sockets is None else sockets
        self._sockets_pooled_max = sockets_pooled_max
        # A policy never changes, so neither does what it says of a URL; addresses are judged at
        # each dial.
        self._target = lru_cache(maxsize=URLS_REMEMBERED)(self._check)
        self._pooled = self._session(pooled=True)
        self._fresh = self._session(pooled=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._pooled.close()
        await self._fresh.close()

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        owner: int | None = None,
    ) -> Answered | Failed:
        """Send one request and return what came of it, within `timeout_s` whatever happens.

        Only finding out why nobody answered for a name takes up to three seconds more.
        An answer counts from its headers on: nothing about its body can turn it into a failure.
        A pooled connection that the receiver had closed meanwhile is replaced by a new one, once.

        Args:
            owner: whose request it is: of each, only so many names are looked up at once.
        """
        started_s = time.monotonic()
        try:
            target = self._target(url)
        except DialRefused as refusal:
            return Failed(AttemptClass.URL_REFUSED, Passage(0.0), refusal.rule)
        except ValueError:
            return Failed(AttemptClass.URL_REFUSED, Passage(0.0))
        request = _Request(target, body, headers, started_s, timeout_s, owner)
        crowded = len(self._sockets) > self._sockets_pooled_max
        result = await self._exchange(self._fresh if crowded else self._pooled, request)
        if _was_stale(result) and request.left_s > 0:
            result = await self._exchange(self._fresh, request)
        return result

    def _check(self, url: str) -> URL:
        self._policy.check_url(url)
        return URL(url)

    async def _exchange(
        self, session: aiohttp.ClientSession, request: _Request
    ) -> Answered | Failed:
        progress = Progress(owner=request.owner)
        token = CURRENT.set(progress)
        # aiohttp warns of a block of more than this; as a stream it is sent in pieces.
        body = request.body
        data = body if len(body) <= _BODY_BYTES_AT_ONCE else io.BytesIO(body)
        try:
            async with timeout(request.left_s):
                response = await session.post(
                    request.url,
                    data=data,
                    headers={**request.headers, "Content-Length": str(len(body))},
                    allow_redirects=False,
                )
        except (aiohttp.ClientError, OSError) as error:
            return await self._failed(error, progress, request)
        finally:
            CURRENT.reset(token)
        now_s = time.monotonic()
        headers_s = now_s - request.started_s
        if progress.address is not None:
            self._reached.note(progress.address, now_s)
        read = await _read_answer(response, min(request.left_s, ANSWER_READ_S_MAX))
        return _answered(response, read, _passage(progress, request.started_s, headers_s))

    async def _failed(
        self, error: aiohttp.ClientError | OSError, progress: Progress, request: _Request
    ) -> Failed:
        passage = _passage(progress, request.started_s)
        resolver_down = progress.unnamed and await self._lookup.failed_by_us(request.url.host or "")
        refusal = cause(error, DialRefused)
        return Failed(
            class_of_error(
                error,
                progress,
                resolver_down=resolver_down,
                others_reached=self._reached.others_since(passage.address or "", request.started_s),
            ),
            passage,
            None if refusal is None else refusal.rule,
        )

    def _session(self, *, pooled: bool) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=receiver_connector(self._policy, self._lookup, self._sockets, pooled=pooled),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "User-Agent": f"Leadfall/{_version()}",
            },
            auto_decompress=False,
            trust_env=False,
            # The total is kept by `post`, body included; a pause between two reads needs no bound
            # of its own, and one would cut short what the endpoint's own timeout allows.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S_MAX),
        )


def _was_stale(result: Answered | Failed) -> bool:
    passage = result.passage
    return (
        isinstance(result, Failed)
        and result.attempt_class is AttemptClass.CONNECTION_LOST
        and passage.reused
        and passage.connected_s is not None
        and passage.duration_s - passage.connected_s < STALE_S_MAX
    )


async def _read_answer(response: aiohttp.ClientResponse, patience_s: float) -> bytes:
    """Return the beginning of the body: at most one chunk more than the bound."""
    if response.content.at_eof():
        return b""
    read = bytearray()
    # A body that fails or drips is not waited for; what came of it is kept.
    with suppress(aiohttp.ClientError, OSError):
        try:
            async with timeout(patience_s):
                async for chunk in response.content.iter_any():
                    read += chunk
                    if len(read) > ANSWER_BYTES_MAX:
                        break
        finally:
            # A connection with something unread in it must not be used again.
            if not response.content.at_eof():
                response.close()
    return bytes(read)


def _answered(response: aiohttp.ClientResponse, read: bytes, passage: Passage) -> Answered:
    headers = response.headers
    return Answered(
        response.status,
        passage,
        retry_after=headers.get("Retry-After"),
        wish=headers.get("webhook-delivery"),
        location_host=_host_of(headers.get("Location")),
        answer=read[:ANSWER_BYTES_KEPT],
        truncated=len(read) > ANSWER_BYTES_MAX,
    )


def _host_of(location: str | None) -> str | None:
    if location is None:
        return None
    try:
        return URL(location).host
    except ValueError:
        return None


def _passage(progress: Progress, started_s: float, headers_s: float | None = None) -> Passage:
    connected_at_s, tls_at_s = progress.connected_at_s, progress.tls_began_at_s
    now_s = time.monotonic()
    return Passage(
        duration_s=now_s - started_s,
        began=connected_at_s is not None,
        reused=connected_at_s is not None and not progress.dialled,
        address=progress.address,
        dns_s=progress.dns_s,
        connected_s=None if connected_at_s is None else connected_at_s - started_s,
        headers_s=headers_s,
        tls_version=progress.tls_version,
        tls_s=None if tls_at_s is None else (connected_at_s or now_s) - tls_at_s,
    )


def _version() -> str:
    try:
        return version("leadfall")
    except PackageNotFoundError:
        return "0"

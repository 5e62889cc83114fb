"""The only place that talks to data vendors over HTTP; it reads nothing into what they answer.

Base URLs come from the operator or from a provider's declaration, so no dial guard stands here.
"""

import math
import re
import time
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import aiohttp
import orjson
import structlog
from prometheus_client import Histogram
from yarl import URL

from providers.contract import (
    ANSWER_BYTES_MAX,
    BrokenAnswer,
    CredentialsRejected,
    Provider,
    VendorAnswer,
    VendorDown,
    VendorFault,
    VendorRequest,
)

CONNECTIONS_PER_VENDOR_MAX: Final = 1_000
CONNECT_S_MAX: Final = 10.0
DNS_CACHE_S: Final = 60

_CHUNK_BYTES: Final = 64 * 1024
_DURATION_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_KEY: Final = re.compile(r"[\x21-\x7e]+")
_NEVER_SENT: Final = (
    aiohttp.ClientConnectorError,  # refused, unroutable, no such name, TLS not agreed
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_BROKEN: Final = (aiohttp.ClientPayloadError, aiohttp.ClientResponseError)

log = structlog.get_logger()

_duration = Histogram(
    "leadfall_vendor_request_seconds",
    "Requests to vendors by what came of them.",
    ["provider", "result"],
    buckets=_DURATION_BUCKETS_S,
)


@cache
def _duration_of(slug: str, result: str) -> Histogram:
    return _duration.labels(slug, result)


@dataclass(slots=True)
class _Progress:
    """How far one request got; written by the connector while it runs."""

    connected: bool = False


_under_way: ContextVar[_Progress] = ContextVar("_under_way")


class _NotingConnector(aiohttp.TCPConnector):
    """Notes when a request gets its connection: from then on it may be on its way.

    That moment is taken for the sending, because it is the last one that is certain. Trace hooks
    would tell it too, for a third of what a whole request costs.
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the library's name
    ) -> Any:
        connection = await super().connect(req, traces, timeout)
        _under_way.get().connected = True
        return connection


class VendorHTTP:
    """Sends vendor requests over one pooled session.

    Build it inside the running loop, one per process, and close it at the end. It never follows a
    redirect, keeps no cookies, reads no proxy settings and never sends a request a second time.
    """

    def __init__(
        self,
        *,
        connections_per_vendor_max: int = CONNECTIONS_PER_VENDOR_MAX,
    ) -> None:
        self._session = aiohttp.ClientSession(
            # No bound over all vendors: a slow one would take every connection from the others.
            connector=_NotingConnector(
                limit=0, limit_per_host=connections_per_vendor_max, ttl_dns_cache=DNS_CACHE_S
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Asked not to compress, so that the bound on the bytes read is a bound on the memory.
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "Leadfall",
            },
            auto_decompress=False,
            trust_env=False,
        )
        # aiohttp sends a GET again by itself when its connection dies before the answer. Vendors
        # charge for some GETs, so only the runner may repeat one; there is no public switch for it.
        self._session._retry_connection = False  # noqa: SLF001

    async def send(
        self,
        provider: Provider,
        request: VendorRequest,
        *,
        api_key: str,
        base_url: str | None = None,
        timeout_s: float,
    ) -> VendorAnswer:
        """Send one request with the key where the provider wants it; return the whole answer.

        Args:
            provider: whose request it is.
            request: what to send, relative to the base URL.
            api_key: shows in no error, log line, metric or repr.
            base_url: in place of the provider's own, whichever that is for this request.
            timeout_s: for everything, from the wait for a connection to the last byte.

        Raises:
            VendorDown: no answer; `sent` tells whether the vendor can have seen the request.
            BrokenAnswer: an answer that is cut short, compressed, too large or not HTTP.
            CredentialsRejected: the key has characters that no key has; nothing was sent.
        """
        progress = _Progress()
        _under_way.set(progress)
        started = time.perf_counter()
        result = "cancelled"
        try:
            answer = await self._exchange(
                _with_key(request, api_key),
                url=_url(provider, request, api_key, base_url),
                headers=_headers(provider, request, api_key),
                timeout_s=timeout_s,
            )
        except (aiohttp.ClientError, OSError, VendorFault) as error:
            fault = _fault_of(error, progress)
            result = _result_of(fault)
        else:
            result = f"{answer.status // 100}xx"
            return answer
        finally:
            _duration_of(provider.slug, result).observe(time.perf_counter() - started)
            log.debug("vendor.asked", provider=provider.slug, result=result)
        # Raised out here so that the error behind it, whose text can show the key as part of the
        # URL, is not carried along as its context.
        raise fault

    async def close(self) -> None:
        """Close every connection; a second call does nothing."""
        await self._session.close()

    async def _exchange(
        self,
        request: VendorRequest,
        *,
        url: URL,
        headers: dict[str, str],
        timeout_s: float,
    ) -> VendorAnswer:
        if request.json is not None:
            headers["Content-Type"] = "application/json"
        async with self._session.request(
            request.method,
            url,
            data=_body(request),
            headers=headers,
            timeout=aiohttp.ClientTimeout(
                total=timeout_s,
                sock_connect=min(timeout_s, CONNECT_S_MAX),
                # Else the end of all but the shortest would be put off to a whole second.
                ceil_threshold=math.inf,
            ),
            allow_redirects=False,
        ) as response:
            body = await _read_bounded(response)
            answer_headers = {name.lower(): value for name, value in response.headers.items()}
            return VendorAnswer(response.status, answer_headers, body)


def _url(provider: Provider, request: VendorRequest, api_key: str, base_url: str | None) -> URL:
    base_url = base_url or request.base_url or provider.base_url
    url = URL(base_url.rstrip("/") + request.path)
    query = dict(request.query)
    is_usual = provider.auth.place == "query" and not request.key_field
    if name := request.key_query or (provider.auth.name if is_usual else ""):
        query[name] = _checked(api_key)
    return url.with_query(query) if query else url


def _headers(provider: Provider, request: VendorRequest, api_key: str) -> dict[str, str]:
    if provider.auth.place != "header" or request.key_field or request.key_query:
        return {}
    return {provider.auth.name: provider.auth.scheme + _checked(api_key)}


def _with_key(request: VendorRequest, api_key: str) -> VendorRequest:
    if not request.key_field:
        return request
    return replace(request, json={request.key_field: _checked(api_key)} | request.json)


def _body(request: VendorRequest) -> bytes | aiohttp.FormData | None:
    if request.file is None:
        return None if request.json is None else orjson.dumps(request.json)
    form, file = aiohttp.FormData(), request.file
    form.add_field(file.part, file.text.encode(), filename=file.name, content_type="text/csv")
    return form


def _checked(api_key: str) -> str:
    if _KEY.fullmatch(api_key) is None:
        raise CredentialsRejected
    return api_key


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    # Leaving the response unread makes aiohttp close its connection instead of pooling it.
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BrokenAnswer("the answer is compressed, which was not asked for")
    if (response.content_length or ANSWER_BYTES_MAX + 1) <= ANSWER_BYTES_MAX:
        return await response.read()
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise BrokenAnswer("the answer is too large")
    return bytes(body)


def _fault_of(error: Exception, progress: _Progress) -> VendorFault:
    if isinstance(error, VendorFault):
        return error
    if isinstance(error, _BROKEN):
        return BrokenAnswer("the answer is cut short or not HTTP")
    return VendorDown(sent=progress.connected and not isinstance(error, _NEVER_SENT))


def _result_of(fault: VendorFault) -> str:
    unsent = isinstance(fault, VendorDown) and not fault.sent
    return "unsent" if unsent else fault.slug

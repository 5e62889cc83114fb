"""Bounds how many requests a minute a key may send, and tells every caller where he stands.

The headers follow draft-ietf-httpapi-ratelimit-headers of September 2025.
"""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from service.api.context import CONTEXT
from service.api.refusals import Refusal
from service.domain.kinds import Face
from service.domain.sliding_window import WINDOW_S, Tally

_TALLY: Final = web.RequestKey("tally", Tally)
_POLICY: Final = '"default"'


class RateLimitExceeded(Refusal):
    """The key has sent as many requests as it may for now."""

    code = "RATE_LIMITED"
    status = 429


async def count_request(request: web.Request, face: Face, key_id: int) -> None:
    """Count the request for its key.

    Raises:
        RateLimitExceeded: it is one too many; it was not counted.
    """
    context = request.app[CONTEXT]
    limits = context.settings.limits
    limit = (
        limits.requests_per_minute if face is Face.SELEQT else limits.sendkit_requests_per_minute
    )
    tally = await context.rate_limits.count(f"{face}:{key_id}", limit)
    request[_TALLY] = tally
    if not tally.is_within:
        # Seleqt's page shows the body without any advice.
        advice = f"Send at most {limit} requests a minute; try again in {tally.frees_in_s} s"
        raise RateLimitExceeded("Rate limit exceeded", advice if face is Face.SENDKIT else None)


@web.middleware
async def tell_rate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add to the answer what remains of the key's limit, and when it is worth coming again."""
    answer = await handler(request)
    tally = request.get(_TALLY)
    if tally is not None and not answer.prepared:
        answer.headers["RateLimit-Policy"] = f"{_POLICY};q={tally.limit};w={WINDOW_S}"
        answer.headers["RateLimit"] = f"{_POLICY};r={tally.remaining};t={tally.frees_in_s}"
        if not tally.is_within:
            answer.headers["Retry-After"] = str(tally.frees_in_s)
    return answer

"""Finds out who calls: from the text of a key to its workspace."""

from typing import Final

import structlog
from aiohttp import web

from service.api.context import CONTEXT, ApiContext
from service.api.rate_limit import count_request
from service.domain.api_key import KEY_CHARACTERS_MAX, hash_key
from service.domain.expiring_map import ExpiringMap
from service.domain.kinds import Face
from service.edges.single_flight import SingleFlight
from service.errors import NotFound
from service.store.keys import KeyOwner, find_key_owner

# How long a key may still be accepted after it was revoked.
_KNOWN_FOR_S: Final = 0.5
_KNOWN_MAX: Final = 10_000

CALLER: Final = web.RequestKey("caller", KeyOwner)


class Callers:
    """Looks keys up by their hash; only live ones are remembered, for less than a second.

    The database finds a hash by its index, so the time taken says nothing about how close a
    guessed key came. However many requests carry one key, it is looked up once at a time.
    """

    __slots__ = ("_context", "_known", "_lookups")

    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._known: ExpiringMap[tuple[Face, bytes], KeyOwner] = ExpiringMap(_KNOWN_MAX)
        self._lookups: SingleFlight[tuple[Face, bytes], KeyOwner | None] = SingleFlight()

    async def find(self, face: Face, key: str) -> KeyOwner | None:
        """Return whose key it is, or None when it is unknown, revoked or of the other face."""
        if len(key) > KEY_CHARACTERS_MAX:
            return None
        key_hash = hash_key(key)
        owner = self._known.get((face, key_hash))
        if owner is None:
            owner = await self._lookups.run((face, key_hash), lambda: self._find(face, key_hash))
        return owner

    async def _find(self, face: Face, key_hash: bytes) -> KeyOwner | None:
        async with self._context.pool.acquire() as connection:
            owner = await find_key_owner(connection, face, key_hash)
        if owner is not None:
            self._known.put((face, key_hash), owner, ttl_s=_KNOWN_FOR_S)
        return owner


CALLERS: Final = web.AppKey("callers", Callers)


async def find_caller(request: web.Request, face: Face, key: str) -> KeyOwner | None:
    """Return whose key it is, note it for the request's log line, and count the request.

    Raises:
        RateLimitExceeded: the key has sent as many requests as it may for now.
        NotFound: the path holds an id that nothing can have.
    """
    owner = await request.app[CALLERS].find(face, key)
    if owner is not None:
        request[CALLER] = owner
        structlog.contextvars.bind_contextvars(workspace=owner.workspace_public_id)
        await count_request(request, face, owner.key_id)
        refuse_impossible_ids(request)
    return owner


def refuse_impossible_ids(request: web.Request) -> None:
    """Refuse a path with a NUL character: Postgres keeps none, so nothing has such an id.

    Raises:
        NotFound: there is one.
    """
    if any("\0" in each for each in request.match_info.values()):
        raise NotFound("There is nothing with this id; check the URL")


def context_of(request: web.Request) -> ApiContext:
    """Return the context the application was built with."""
    return request.app[CONTEXT]

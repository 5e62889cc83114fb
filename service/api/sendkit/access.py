"""What every SendKit handler begins with: whose key."""

from typing import Final

from aiohttp import web

from service.api.caller import find_caller
from service.api.refusals import Forbidden, Unauthenticated
from service.domain.kinds import Face
from service.store.keys import KeyOwner

_KEY_HEADER: Final = "X-Api-Key"
_WORKSPACE_HEADER: Final = "X-Workspace-Id"
_SCHEME: Final = "bearer"


async def authenticate(request: web.Request) -> KeyOwner:
    """Return whose key the request carries, in either header or the same one in both.

    Raises:
        Unauthenticated: there is none, the headers differ, or it is not a live SendKit key.
        Forbidden: the request names a workspace that the key is not for.
    """
    given = set(request.headers.getall(_KEY_HEADER, []))
    for header in request.headers.getall("Authorization", []):
        scheme, _, token = header.partition(" ")
        if scheme.lower() != _SCHEME:
            raise Unauthenticated(
                "Invalid API key", "Send Authorization: Bearer <key>, or X-Api-Key"
            )
        given.add(token.strip())
    if not given:
        raise Unauthenticated(
            "Missing API key", "Send it in X-Api-Key or as Authorization: Bearer <key>"
        )
    if len(given) > 1:
        raise Unauthenticated(
            "Invalid API key", "X-Api-Key and Authorization carry different keys; send one"
        )
    caller = await find_caller(request, Face.SENDKIT, given.pop())
    if caller is None:
        raise Unauthenticated("Invalid API key", "Send a live workspace key (sk_...)")
    workspace = request.headers.get(_WORKSPACE_HEADER)
    if workspace is not None and workspace.lower() != caller.workspace_public_id:
        raise Forbidden(
            "Access denied", "X-Workspace-Id names another workspace than the key's; leave it out"
        )
    return caller

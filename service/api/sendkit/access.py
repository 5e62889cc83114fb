"""What every SendKit handler begins with: whose key.

A workspace key (`sk_...`) stands for one workspace. A platform key (`sk_user_...`) stands for an
account, which says in `X-Workspace-Id` in which of its workspaces it acts.
"""

import re
from typing import Final

import structlog
from aiohttp import web

from service.api.caller import CALLER, context_of, find_caller, refuse_impossible_ids
from service.api.rate_limit import count_request
from service.api.refusals import Forbidden, Unauthenticated
from service.api.validation import invalid
from service.domain.api_key import KEY_CHARACTERS_MAX, hash_key, is_platform_key
from service.domain.kinds import Face
from service.store.accounts import PlatformCaller, find_platform_caller
from service.store.keys import KeyOwner

_KEY_HEADER: Final = "X-Api-Key"
_WORKSPACE_HEADER: Final = "X-Workspace-Id"
_SCHEME: Final = "bearer"
_OBJECT_ID: Final = re.compile(r"[0-9A-Fa-f]{24}")


async def authenticate(request: web.Request) -> KeyOwner:
    """Return in which workspace the request acts, and by which key.

    Raises:
        Unauthenticated: there is no key, the headers differ, or it is not a live SendKit key.
        Forbidden: the request names a workspace that the key is not for.
        InvalidRequest: a platform key, and the request names no workspace.
    """
    key = _key_of(request)
    workspace = request.headers.get(_WORKSPACE_HEADER)
    if is_platform_key(key):
        return _act_in(request, await _find_platform(request, key, workspace), workspace)
    caller = await find_caller(request, Face.SENDKIT, key)
    if caller is None:
        raise Unauthenticated("Invalid API key", "Send a live workspace key (sk_...)")
    if workspace is not None and workspace.lower() != caller.workspace_public_id:
        raise Forbidden(
            "Access denied", "X-Workspace-Id names another workspace than the key's; leave it out"
        )
    return caller


async def authenticate_anyone(request: web.Request) -> KeyOwner | PlatformCaller:
    """Return who calls something that is not about the inside of one workspace.

    Raises:
        Unauthenticated: there is no key, the headers differ, or it is not a live SendKit key.
        Forbidden: a workspace key, and the request names another workspace.
    """
    key = _key_of(request)
    if is_platform_key(key):
        return await _find_platform(request, key, None)
    return await authenticate(request)


async def authenticate_account(
    request: web.Request, workspace: str | None = None
) -> PlatformCaller:
    """Return the account that calls, and what it may do in `workspace`, if that is given.

    Raises:
        Unauthenticated: there is no key, the headers differ, or it is not a live SendKit key.
        Forbidden: it is a workspace key.
    """
    key = _key_of(request)
    if is_platform_key(key):
        return await _find_platform(request, key, workspace)
    await authenticate(request)
    raise Forbidden(
        "Platform key required", "Send an account's key (sk_user_...); this one is a workspace's"
    )


async def _find_platform(request: web.Request, key: str, workspace: str | None) -> PlatformCaller:
    """Return the account behind a platform key, and count the request.

    Raises:
        Unauthenticated: the key is unknown or revoked.
        RateLimitExceeded: the key has sent as many requests as it may for now.
        NotFound: the path holds an id that nothing can have.
    """
    caller = None
    if len(key) <= KEY_CHARACTERS_MAX:
        named = workspace.lower() if workspace and _OBJECT_ID.fullmatch(workspace) else None
        async with context_of(request).pool.acquire() as connection:
            caller = await find_platform_caller(connection, hash_key(key), named)
    if caller is None:
        raise Unauthenticated("Invalid API key", "Send a live platform key (sk_user_...)")
    await count_request(request, Face.SENDKIT, caller.key_id)
    refuse_impossible_ids(request)
    return caller


def _act_in(request: web.Request, caller: PlatformCaller, workspace: str | None) -> KeyOwner:
    if workspace is None:
        raise invalid(
            {
                _WORKSPACE_HEADER: f"{_WORKSPACE_HEADER} is required with a platform key; "
                "GET /v1/workspaces lists the workspaces of yours"
            }
        )
    if caller.workspace is None:
        raise Forbidden(
            "Access denied",
            "X-Workspace-Id names no workspace that this account is a member of; "
            "GET /v1/workspaces lists them",
        )
    request[CALLER] = caller.workspace
    structlog.contextvars.bind_contextvars(workspace=caller.workspace.workspace_public_id)
    return caller.workspace


def _key_of(request: web.Request) -> str:
    """Return the key in either header, or the same one in both."""
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
    return given.pop()

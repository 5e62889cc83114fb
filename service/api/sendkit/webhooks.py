"""`/v1/webhooks`: makes, shows, changes, tests and rotates what a workspace is told events at."""

from typing import Any, Final

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import read_cursor, read_integer, require_known, write_cursor
from service.api.request_body import read_body, read_given, read_object
from service.api.sendkit.access import authenticate
from service.api.sendkit.webhook_bodies import (
    read_change,
    read_creation,
    read_enabling,
    read_rotation,
)
from service.api.sendkit.webhook_rows import masked, page, secret_rows, webhook_row
from service.api.validation import invalid, together
from service.domain.signing import Scheme
from service.edges.secret_box import SecretBox
from service.errors import SecretsUnavailable
from service.flows.manage_endpoints import (
    create_endpoint,
    list_endpoints,
    remove_endpoint,
    show_endpoint,
    switch_endpoint,
    update_endpoint,
)
from service.flows.replay_deliveries import enable_with_parked
from service.flows.rotate_secrets import rotate_secret, show_default
from service.store.keys import KeyOwner

PAGE_DEFAULT: Final = 25
DEFAULT_ID: Final = "default"


async def create_webhook(request: web.Request) -> web.Response:
    """Make an endpoint; answer with it and its secret."""
    caller, box = await admit(request)
    context = context_of(request)
    creation = await read_object(request, lambda raw: read_creation(raw, context.egress))
    shown = await create_endpoint(
        context.pool,
        box,
        caller.workspace_id,
        creation.terms,
        key=creation.key,
        headers=creation.headers,
        created_by=f"key:{caller.key_id}",
    )
    return _one(webhook_row(shown, caller.workspace_public_id))


async def list_webhooks(request: web.Request) -> web.Response:
    """Answer with a page of endpoints, the oldest first."""
    caller, box = await admit(request)
    after, limit, _ = together(
        lambda: read_cursor(request),
        lambda: read_limit(request),
        lambda: require_known(request, {"cursor", "limit"}),
    )
    rows, total = await list_endpoints(
        context_of(request).pool, box, caller.workspace_id, after=after, limit=limit + 1
    )
    shown = rows[:limit]
    cursor = write_cursor(shown[-1].endpoint.id) if len(rows) > limit else None
    listed = [webhook_row(each, caller.workspace_public_id) for each in shown]
    return json_answer(page(listed, {"total": total}, limit=limit, next_cursor=cursor))


async def show_webhook(request: web.Request) -> web.Response:
    """Answer with one endpoint; `default` names the workspace's default secret."""
    caller, box = await admit(request)
    require_known(request, ())
    pool = context_of(request).pool
    if _id(request) == DEFAULT_ID:
        secret, secrets = await show_default(pool, box, caller.workspace_id)
        return _one({"_id": DEFAULT_ID, "secret": masked(secret), "secrets": secret_rows(secrets)})
    shown = await show_endpoint(pool, box, caller.workspace_id, _id(request))
    return _one(webhook_row(shown, caller.workspace_public_id))


async def change_webhook(request: web.Request) -> web.Response:
    """Change an endpoint; what is left out stays as it is. PUT and PATCH are the same."""
    caller, box = await admit(request)
    context = context_of(request)
    change = await read_object(request, lambda raw: read_change(raw, context.egress))
    shown = await update_endpoint(
        context.pool,
        box,
        caller.workspace_id,
        _id(request),
        change.terms,
        headers=change.headers,
    )
    return _one(webhook_row(shown, caller.workspace_public_id))


async def remove_webhook(request: web.Request) -> web.Response:
    """Delete an endpoint; what is not yet delivered is withdrawn."""
    caller, _ = await admit(request)
    require_known(request, ())
    await remove_endpoint(context_of(request).pool, caller.workspace_id, _id(request))
    return _one({"message": "The webhook was deleted"})


async def send_test(request: web.Request) -> web.Response:
    """Deliver a test event at once and answer with what came of it."""
    caller, box = await admit(request)
    require_known(request, ())
    tested = await context_of(request).tester.send(box, caller.workspace_id, _id(request))
    return _one(
        {
            "statusCode": tested.status,
            "delivered": tested.delivered,
            "message": tested.said,
            "durationMs": tested.duration_ms,
            "address": tested.address,
            "answer": tested.answer.decode("utf-8", errors="replace"),
        }
    )


async def enable_webhook(request: web.Request) -> web.Response:
    """Send again from now on; with `replayParked` also what waits since it was off."""
    caller, box = await admit(request)
    replays_parked = await read_object(request, read_enabling)
    pool = context_of(request).pool
    if not replays_parked:
        shown = await switch_endpoint(pool, box, caller.workspace_id, _id(request), on=True)
        return _one(webhook_row(shown, caller.workspace_public_id))
    asked = await enable_with_parked(pool, caller.workspace_id, _id(request))
    shown = await show_endpoint(pool, box, caller.workspace_id, _id(request))
    row = webhook_row(shown, caller.workspace_public_id)
    row["replay"] = {"id": asked.public_id, "matched": asked.matched_count}
    return _one(row)


async def disable_webhook(request: web.Request) -> web.Response:
    """Send nothing more; what happens meanwhile waits parked."""
    caller, box = await admit(request)
    require_known(request, ())
    pool = context_of(request).pool
    shown = await switch_endpoint(pool, box, caller.workspace_id, _id(request), on=False)
    return _one(webhook_row(shown, caller.workspace_public_id))


async def rotate_webhook(request: web.Request) -> web.Response:
    """Sign with another secret from the next attempt on, for a while with the old one as well."""
    caller, box = await admit(request)
    context = context_of(request)
    # Read before anything is asked of the database, which must not wait for a slow sender.
    raw = await read_body(request)
    is_default = _id(request) == DEFAULT_ID
    scheme = Scheme.SHARED
    if not is_default:
        shown = await show_endpoint(context.pool, box, caller.workspace_id, _id(request))
        scheme = shown.secrets[0].scheme if shown.secrets else scheme
    rotation = read_given(request, raw, lambda given: read_rotation(given, scheme=scheme))
    if is_default and rotation.key.scheme is not Scheme.SHARED:
        raise invalid({"signatureScheme": "signatureScheme must be v1 for the default secret"})
    rotated = await rotate_secret(
        context.pool,
        box,
        caller.workspace_id,
        None if is_default else _id(request),
        key=rotation.key,
        overlap=rotation.overlap,
    )
    key = rotated.key
    return _one(
        {
            "_id": _id(request),
            "secret": key.text if key.scheme is Scheme.SHARED else None,
            "signatureScheme": key.scheme,
            "publicKey": key.public_key,
            "secrets": secret_rows(rotated.secrets),
        }
    )


async def admit(request: web.Request) -> tuple[KeyOwner, SecretBox]:
    """Return the caller and what opens and seals secrets.

    Raises:
        SecretsUnavailable: the operator has set nothing to seal with.
    """
    caller = await authenticate(request)
    box = context_of(request).box
    if box is None:
        raise SecretsUnavailable
    return caller, box


def read_limit(request: web.Request) -> int:
    """Return how many rows a page has.

    Raises:
        InvalidRequest: it is not from 1 to the operator's bound.
    """
    bound = context_of(request).settings.limits.page_size_max
    limit = read_integer(request, "limit", PAGE_DEFAULT, integer_max=bound)
    if limit > bound:
        raise invalid({"limit": f"limit must be at most {bound}"})
    return limit


def _id(request: web.Request) -> str:
    return request.match_info["webhook_id"]


def _one(data: dict[str, Any]) -> web.Response:
    return json_answer({"success": True, "data": data})

"""`/v1/enrichment-settings`: the workspace's own keys for providers, their order and switches."""

from typing import Any

from aiohttp import web

from providers.contract import Provider
from providers.registry import all_providers
from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.request_body import read_object
from service.api.sendkit.access import authenticate
from service.api.sendkit.bodies import PARAMETER_OF
from service.api.sendkit.settings_bodies import known_provider, read_arrangements, read_key
from service.api.validation import invalid
from service.domain.face_answers import iso
from service.domain.kinds import JOB_TYPES, Face
from service.edges.secret_box import SecretBox
from service.errors import NotFound, SecretsUnavailable
from service.flows.manage_provider_keys import (
    BUILT_IN,
    BUILT_IN_PRIORITY,
    arrange,
    find_provider_key,
    forget_provider_key,
    list_provider_keys,
    set_provider_key,
)
from service.store.provider_keys import KeptProviderKey


async def list_settings(request: web.Request) -> web.Response:
    """Answer with every provider, those that are in use first and in their order."""
    workspace_id, _ = await _admit(request)
    require_known(request, ())
    kept = await list_provider_keys(context_of(request).pool, workspace_id)
    rows = [_row(each, kept.get(slug)) for slug, each in all_providers().items()]
    rows.sort(key=lambda row: (not row["configured"], row["priority"] or 0, row["provider"]))
    return json_answer({"success": True, "data": {"providers": rows}})


async def show_setting(request: web.Request) -> web.Response:
    """Answer with one provider; its key is masked."""
    workspace_id, _ = await _admit(request)
    require_known(request, ())
    provider = _named(request)
    kept = await find_provider_key(context_of(request).pool, workspace_id, provider)
    return json_answer({"success": True, "data": _row(provider, kept)})


async def set_key(request: web.Request) -> web.Response:
    """Check a key and keep it; POST and PUT are the same."""
    workspace_id, box = await _admit(request)
    context = context_of(request)
    provider = _external(request)
    api_key = await read_object(request, read_key)
    given = context.settings.providers.get(provider.slug)
    kept, check = await set_provider_key(
        context.pool,
        box,
        context.vendor_http,
        context.checks,
        workspace_id=workspace_id,
        provider=provider,
        api_key=api_key,
        base_url=given.base_url if given else None,
    )
    data = {"message": f"{check.detail} It was saved.", **_row(provider, kept)}
    return json_answer({"success": True, "data": data})


async def remove_key(request: web.Request) -> web.Response:
    """Remove a key for good."""
    workspace_id, _ = await _admit(request)
    require_known(request, ())
    provider = _external(request)
    await forget_provider_key(context_of(request).pool, workspace_id, provider)
    message = f"The key for {provider.name} was removed"
    return json_answer({"success": True, "data": {"message": message}})


async def change_settings(request: web.Request) -> web.Response:
    """Change order and switches; what is left out stays as it is."""
    workspace_id, _ = await _admit(request)
    arrangements = await read_object(request, read_arrangements)
    await arrange(context_of(request).pool, workspace_id, arrangements)
    return json_answer({"success": True, "data": {"message": "Settings updated"}})


async def _admit(request: web.Request) -> tuple[int, SecretBox]:
    """Return the caller's workspace, and what seals its keys.

    Raises:
        SecretsUnavailable: the operator has set nothing to seal with.
    """
    caller = await authenticate(request)
    box = context_of(request).box
    if box is None:
        raise SecretsUnavailable
    return caller.workspace_id, box


def _named(request: web.Request) -> Provider:
    provider = known_provider(request.match_info["provider"])
    if provider is None:
        raise NotFound(
            "There is no provider of this name; details.providers names those there are",
            {"providers": list(all_providers())},
        )
    return provider


def _external(request: web.Request) -> Provider:
    provider = _named(request)
    if provider.slug == BUILT_IN:
        raise invalid({"provider": f"The built-in provider ({BUILT_IN}) needs no key"})
    return provider


def _row(provider: Provider, kept: KeptProviderKey | None) -> dict[str, Any]:
    built_in = provider.slug == BUILT_IN
    has_key = kept is not None and not built_in
    return {
        "provider": provider.slug,
        "name": provider.name,
        "builtIn": built_in,
        "enrichmentTypes": _types(provider),
        "configured": built_in or has_key,
        "enabled": kept.enabled if kept else built_in,
        "priority": kept.priority if kept else BUILT_IN_PRIORITY if built_in else None,
        "apiKey": kept.hint if kept and has_key else None,
        "checkResult": kept.check_result if kept and has_key else None,
        "checkedAt": iso(kept.checked_at) if kept and has_key else None,
        "createdAt": iso(kept.created_at) if kept and has_key else None,
        "updatedAt": iso(kept.updated_at) if kept else None,
    }


def _types(provider: Provider) -> list[str]:
    """Return the types for which a request may name this provider."""
    return [
        each.requested_as
        for each in JOB_TYPES
        if each.face is Face.SENDKIT
        and each.kind in PARAMETER_OF
        and (provider.slug == BUILT_IN or provider.offer(each.kind.capability))
    ]

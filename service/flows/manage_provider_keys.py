"""Sets, shows, orders and removes the keys that a workspace has for providers of its own."""

from collections.abc import Sequence
from typing import Final

import structlog

from providers.contract import Provider
from service.domain.sentences import joined
from service.edges.secret_box import SecretBox, SecretUnreadable, provider_purpose
from service.edges.vendor_http import VendorHTTP
from service.errors import InvalidRequest, NotFound, ProviderKeyRejected
from service.flows.check_pace import CheckPace
from service.flows.check_provider_key import KeyCheck, KeyState, check_key
from service.store.connection import Pool
from service.store.provider_keys import (
    Arrangement,
    KeptProviderKey,
    SealedProviderKey,
    arrange_provider_keys,
    keep_provider_key,
    lock_provider_key,
    place_builtin,
    read_ciphertext,
    read_provider_key,
    read_provider_keys,
    remove_provider_key,
    replace_provider_key,
)

BUILT_IN: Final = "enrich"
# Unless a workspace says otherwise the built-in provider comes first.
BUILT_IN_PRIORITY: Final = 0

_MASK: Final = "****"
_HINT_CHARACTERS: Final = 4
# Of a shorter key the last characters would give too much away.
_HINTED_CHARACTERS_MIN: Final = 16

_log = structlog.get_logger()


async def set_provider_key(
    pool: Pool,
    box: SecretBox,
    http: VendorHTTP,
    checks: CheckPace,
    *,
    workspace_id: int,
    provider: Provider,
    api_key: str,
    base_url: str | None = None,
) -> tuple[KeptProviderKey, KeyCheck]:
    """Check a key with its vendor, then keep it encrypted in place of the one before.

    What was asked for with the one before is still fetched with that one. A key that cannot be
    checked now is kept all the same: that a vendor is silent says nothing about the key, and
    whoever set it can send it again to have it checked.

    Raises:
        ProviderKeyRejected: the vendor does not accept it; the one before stays.
        KeyChecksLimited: the vendor may not be asked now; the one before stays.
    """
    purpose = provider_purpose(workspace_id, provider.slug)
    if provider.key_check is not None:
        async with pool.acquire() as connection:
            used = await read_ciphertext(connection, workspace_id, provider.slug)
        is_used = used is not None and _holds(box, purpose, used, api_key)
        await checks.wait(provider, credential=f"key:{used.id}" if used and is_used else None)
    check = await check_key(http, provider, api_key, base_url)
    if check.state is KeyState.REJECTED:
        raise ProviderKeyRejected(check.detail)
    async with pool.acquire() as connection, connection.transaction():
        before = await lock_provider_key(connection, workspace_id, provider.slug)
        is_other = before is not None and not _holds(box, purpose, before, api_key)
        keep = replace_provider_key if is_other else keep_provider_key
        kept = await keep(
            connection,
            workspace_id,
            provider.slug,
            ciphertext=box.seal(purpose, api_key),
            hint=mask(api_key),
            check_result=check.state,
        )
    _log.info("provider_key.set", provider=provider.slug, key_id=kept.id, check=check.state)
    return kept, check


async def list_provider_keys(pool: Pool, workspace_id: int) -> dict[str, KeptProviderKey]:
    """Return what is kept by provider: keys, and the built-in's place if it was given one."""
    async with pool.acquire() as connection:
        kept = await read_provider_keys(connection, workspace_id)
    return {key.provider: key for key in kept}


async def find_provider_key(
    pool: Pool, workspace_id: int, provider: Provider
) -> KeptProviderKey | None:
    """Return what is kept for one provider, or None."""
    async with pool.acquire() as connection:
        return await read_provider_key(connection, workspace_id, provider.slug)


async def forget_provider_key(pool: Pool, workspace_id: int, provider: Provider) -> None:
    """Remove a key for good; within seconds no worker starts a call with it.

    Raises:
        NotFound: there is none.
    """
    async with pool.acquire() as connection:
        if not await remove_provider_key(connection, workspace_id, provider.slug):
            raise NotFound(
                f"This workspace has no key for {provider.name}; "
                "GET /v1/enrichment-settings lists those it has"
            )
    _log.info("provider_key.removed", provider=provider.slug)


async def arrange(pool: Pool, workspace_id: int, arrangements: Sequence[Arrangement]) -> None:
    """Change order and switches, all of them or none.

    Raises:
        InvalidRequest: a provider has no key, or the built-in would be switched off.
    """
    asked = {each.provider for each in arrangements}
    if any(each.provider == BUILT_IN and each.enabled is False for each in arrangements):
        raise InvalidRequest(
            f"The built-in provider ({BUILT_IN}) cannot be disabled; name another provider in a "
            "request to go past it"
        )
    async with pool.acquire() as connection, connection.transaction():
        if BUILT_IN in asked:
            await place_builtin(connection, workspace_id, BUILT_IN, BUILT_IN_PRIORITY)
        there = await arrange_provider_keys(connection, workspace_id, arrangements)
        if lacking := sorted(asked - there):
            paths = joined([f"PUT /v1/enrichment-settings/{slug}" for slug in lacking])
            sentence = f"There is no key for {joined(lacking)}. Add it via {paths}"
            raise InvalidRequest(sentence, {"providers": sentence})


def _holds(box: SecretBox, purpose: str, sealed: SealedProviderKey, api_key: str) -> bool:
    try:
        return box.open(purpose, sealed.ciphertext) == api_key
    except SecretUnreadable:
        return False


def mask(api_key: str) -> str:
    """Return what may be shown of a key: the last characters of a long one."""
    shown = api_key[-_HINT_CHARACTERS:] if len(api_key) >= _HINTED_CHARACTERS_MIN else ""
    return _MASK + shown

"""Which provider a SendKit caller means, and whether it can be used."""

from dataclasses import dataclass
from typing import Final, get_args

from providers.registry import all_providers, find_provider
from service.api.context import ApiContext
from service.api.validation import invalid
from service.domain.kinds import Capability, Kind
from service.domain.sentences import joined
from service.domain.verdict import VerdictStatus
from service.domain.waterfall import Step, Waterfall
from service.errors import (
    ProviderDisabled,
    ProviderLacksCapability,
    ProviderNotConfigured,
    SecretsUnavailable,
)
from service.flows.manage_provider_keys import BUILT_IN
from service.store.connection import Connection
from service.store.provider_keys import read_provider_key

_ANY_VERDICT: Final = frozenset[VerdictStatus](get_args(VerdictStatus))


@dataclass(frozen=True, slots=True)
class ProviderParameter:
    """One of the two parameters that name a provider.

    Attributes:
        name: the canonical name; the only place where it and its alias are written down.
        purpose: how messages call its providers.
        capability: what they must be able to do.
    """

    name: str
    alias: str
    purpose: str
    capability: Capability


EMAIL_PROVIDER: Final = ProviderParameter(
    "emailProvider", "emailVerificationProvider", "Email", Capability.VERIFY_EMAIL
)
PHONE_PROVIDER: Final = ProviderParameter(
    "phoneProvider", "phoneEnrichmentProvider", "Phone", Capability.FIND_PHONE
)


def read_provider(parameter: ProviderParameter, given: str | None) -> str | None:
    """Return the slug of an external provider, or None for the built-in one.

    Raises:
        InvalidRequest: there is no such provider.
        ProviderLacksCapability: it cannot do what the parameter is for.
    """
    if given is None:
        return None
    provider = find_provider(given.strip().lower())
    able = able_providers(parameter.capability)
    if provider is None:
        problem = f"{parameter.name} is not a known provider. Use one of: {joined(able)}"
        raise invalid({parameter.name: problem})
    if provider.slug == BUILT_IN:
        return None
    if provider.offer(parameter.capability) is None:
        raise ProviderLacksCapability(parameter.purpose, provider.slug, able)
    return provider.slug


def able_providers(capability: Capability) -> list[str]:
    """Return who can do it; the built-in can do all, by the server's own waterfall."""
    others = [slug for slug, each in all_providers().items() if each.offer(capability)]
    return [BUILT_IN, *(slug for slug in others if slug != BUILT_IN)]


def own_waterfall(kind: Kind, provider: str) -> Waterfall:
    """Return the waterfall of a job that runs on the workspace's own key: that provider alone.

    Whatever the provider says is taken, and while it is away the lookup waits: there is nobody
    else to go on with.
    """
    return Waterfall(kind, (Step(provider, accept=_ANY_VERDICT, when_gate_shut="wait"),))


async def require_own_key(
    connection: Connection,
    context: ApiContext,
    workspace_id: int,
    parameter: ProviderParameter,
    provider: str,
) -> None:
    """Refuse an external provider for which the workspace has no key of its own to use.

    Raises:
        ProviderNotConfigured: says where to add the key.
        ProviderDisabled: says where to enable it.
        SecretsUnavailable: there is a key, which nobody can decrypt.
    """
    kept = await read_provider_key(connection, workspace_id, provider)
    if kept is None:
        raise ProviderNotConfigured(parameter.purpose, provider)
    if not kept.enabled:
        raise ProviderDisabled(parameter.purpose, provider)
    if context.box is None:
        raise SecretsUnavailable

"""A workspace's own keys for providers."""

from typing import Annotated, Final, Literal

from pydantic import Field

from providers.registry import all_providers
from service.api.openapi.operation import Access, Operation, Operations, json_body
from service.api.openapi.parameters import in_path
from service.api.openapi.prose import PROVIDERS
from service.api.openapi.values import CamelAnswer, Moment, wrapped
from service.api.sendkit.settings_bodies import ArrangementsBody, ProviderKeyBody
from service.errors import (
    KeyChecksLimited,
    NotFound,
    ProviderKeyRejected,
    SecretsUnavailable,
)
from service.flows.manage_provider_keys import BUILT_IN

_SETTINGS: Final = "/v1/enrichment-settings"
_ONE: Final = f"{_SETTINGS}/{{provider}}"
_ABOUT_ORDER: Final = (
    "The order is the one in which providers are listed, to be shown as a choice for instance; it "
    "decides nothing else. A request that names no provider asks the built-in one, and a request "
    "that names another asks that one alone, with your key: no key is tried after another. A "
    "provider that is switched off cannot be named; its key is kept. What is left out stays as it "
    "is."
)
_NAMED: Final = in_path(
    "provider", "The provider's name.", "zerobounce", enum=sorted(all_providers())
)
_EXTERNAL: Final = in_path(
    "provider",
    "The name of a provider that takes a key.",
    "zerobounce",
    enum=sorted(set(all_providers()) - {BUILT_IN}),
)


class ProviderSetting(CamelAnswer):
    """A provider, and the workspace's own key for it."""

    provider: Annotated[str, Field(examples=["zerobounce"])]
    name: Annotated[str, Field(examples=["ZeroBounce"])]
    built_in: Annotated[bool, Field(examples=[False])]
    enrichment_types: list[Literal["email", "phoneEnrichment"]]
    """The types for which a request may name this provider."""
    configured: bool
    enabled: bool
    priority: Annotated[int | None, Field(ge=0, examples=[10])]
    """The place in the list of providers, the lowest first; it does not decide who is asked."""
    api_key: Annotated[str | None, Field(examples=["****ab12"])]
    """The key's end."""
    check_result: Annotated[str | None, Field(examples=["valid"])]
    checked_at: Moment | None
    created_at: Moment | None
    updated_at: Moment | None


class ProviderSettings(CamelAnswer):
    """Every provider; those in use first, in their order."""

    providers: list[ProviderSetting]


class SetProvider(ProviderSetting):
    """The key was checked and kept."""

    message: Annotated[str, Field(examples=["ZeroBounce accepts this key. It was saved."])]


class ProviderKeyRemoved(CamelAnswer):
    """The key was removed for good."""

    message: str


class ProvidersArranged(CamelAnswer):
    """The order and the switches were changed."""

    message: str


def _setting(method: str, id_: str, summary: str) -> tuple[tuple[str, str], Operation]:
    return (method, _ONE), Operation(
        id_,
        summary,
        PROVIDERS,
        Access.WORKSPACE,
        wrapped(SetProvider),
        description="The provider is asked whether it accepts the key; one that it refuses is "
        "not kept. A provider is asked no more often than it allows: a key that cannot be checked "
        "within a second is answered with 429 and not kept. POST and PUT are the same.",
        parameters=(_EXTERNAL,),
        body=json_body(ProviderKeyBody, example={"apiKey": "made-up"}),
        errors=(NotFound, ProviderKeyRejected, KeyChecksLimited, SecretsUnavailable),
    )


OPERATIONS: Final[Operations] = dict(
    [
        (
            ("GET", _SETTINGS),
            Operation(
                "listProviders",
                "List providers and your keys for them",
                PROVIDERS,
                Access.WORKSPACE,
                wrapped(ProviderSettings),
                errors=(SecretsUnavailable,),
            ),
        ),
        (
            ("PATCH", _SETTINGS),
            Operation(
                "arrangeProviders",
                "Change the order of providers and their switches",
                PROVIDERS,
                Access.WORKSPACE,
                wrapped(ProvidersArranged),
                description=_ABOUT_ORDER,
                body=json_body(
                    ArrangementsBody,
                    example={"providers": [{"provider": "enrich", "priority": 5}]},
                ),
                errors=(SecretsUnavailable,),
            ),
        ),
        (
            ("GET", _ONE),
            Operation(
                "showProvider",
                "Show a provider and your key for it",
                PROVIDERS,
                Access.WORKSPACE,
                wrapped(ProviderSetting),
                parameters=(_NAMED,),
                errors=(NotFound, SecretsUnavailable),
            ),
        ),
        _setting("POST", "createProviderKey", "Set your key for a provider"),
        _setting("PUT", "setProviderKey", "Set your key for a provider, or another one"),
        (
            ("DELETE", _ONE),
            Operation(
                "removeProviderKey",
                "Remove your key for a provider",
                PROVIDERS,
                Access.WORKSPACE,
                wrapped(ProviderKeyRemoved),
                parameters=(_EXTERNAL,),
                errors=(NotFound, SecretsUnavailable),
            ),
        ),
    ]
)

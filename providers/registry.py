"""Finds every provider by scanning this folder: a module with a `PROVIDER` is one."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import providers
from providers.contract import Provider


@cache
def all_providers() -> Mapping[str, Provider]:
    """Return the providers by slug, in the order of their file names."""
    found: dict[str, Provider] = {}
    for module_info in pkgutil.iter_modules(providers.__path__):
        if module_info.ispkg:
            continue
        provider = getattr(
            importlib.import_module(f"providers.{module_info.name}"), "PROVIDER", None
        )
        if isinstance(provider, Provider):
            found[provider.slug] = provider
    return MappingProxyType(found)


def find_provider(name: str) -> Provider | None:
    """Return the provider with this slug or alias, or None."""
    return next((p for p in all_providers().values() if name == p.slug or name in p.aliases), None)

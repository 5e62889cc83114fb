"""Lists every setting with its value, default and meaning, without a secret in it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, SecretStr
from yarl import URL

from providers.registry import all_providers
from service.settings import ProviderSettings, Settings

MASK: Final = "********"

_PREFIX: Final = "LEADFALL_"


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting.

    Attributes:
        value, default: as an operator would write them, secrets masked; empty for none.
        given: whether the environment sets it.
        meaning: one line.
    """

    name: str
    value: str
    default: str
    given: bool
    meaning: str


def list_settings(settings: Settings) -> Iterator[SettingLine]:
    """Yield every setting there is, also those of each vendor that is not configured."""
    yield from _lines(settings, _PREFIX)


def _lines(section: BaseModel, prefix: str) -> Iterator[SettingLine]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        full_name = prefix + (field.alias or name).upper()
        if isinstance(value, BaseModel):
            yield from _lines(value, f"{full_name}__")
        elif name == "providers":
            yield from _provider_lines(value, full_name)
        else:
            show = _show_url if name.endswith("_url") else _show
            yield SettingLine(
                full_name,
                show(value),
                show(field.get_default(call_default_factory=True)),
                name in section.model_fields_set,
                field.description or "",
            )


def _provider_lines(
    configured: Mapping[str, ProviderSettings], prefix: str
) -> Iterator[SettingLine]:
    for slug, provider in all_providers().items():
        if provider.auth.place != "none" or slug in configured:
            section = configured.get(slug, ProviderSettings())
            yield from _lines(section, f"{prefix}__{slug.upper()}__")


def _show(value: Any) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return MASK
        case Mapping():
            return json.dumps({str(name): each for name, each in value.items()})
        case tuple() | list():
            return ",".join(map(_show, value))
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _show_url(value: SecretStr | str | None) -> str:
    """Return where a URL leads to, without user, password and query."""
    if value is None:
        return ""
    try:
        url = URL(value.get_secret_value() if isinstance(value, SecretStr) else value)
        host, port = url.host, url.explicit_port
    except ValueError:
        return MASK
    if not url.scheme or not host:
        return MASK
    credentials = f"{MASK}@" if url.user or url.password else ""
    return f"{url.scheme}://{credentials}{host}{f':{port}' if port else ''}{url.path}"

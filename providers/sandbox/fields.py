"""Reads fields of what callers sent, which may be anything."""

from collections.abc import Mapping
from typing import Any

from providers.sandbox.vendor import TEXT_LENGTH_MAX


def text_in(fields: object, name: str) -> str:
    """Return the text under `name`, stripped; "" when there is none, or no object at all."""
    value = fields.get(name) if isinstance(fields, Mapping) else None
    return value.strip()[:TEXT_LENGTH_MAX] if isinstance(value, str) else ""


def object_in(fields: object, name: str) -> Mapping[str, Any]:
    """Return the object under `name`; an empty one when there is none."""
    value = fields.get(name) if isinstance(fields, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def list_in(fields: object, name: str) -> list[Any]:
    """Return the list under `name`; an empty one when there is none."""
    value = fields.get(name) if isinstance(fields, Mapping) else None
    return value if isinstance(value, list) else []


def is_address(text: object) -> bool:
    """Tell whether a text may be an e-mail address: one `@` with something on both sides."""
    local, at, domain = text.partition("@") if isinstance(text, str) else ("", "", "")
    return bool(local and at and domain) and "@" not in domain


def is_web_url(value: object) -> bool:
    """Tell whether a value is absent or a URL that can be called back."""
    return value is None or str(value).startswith(("http://", "https://"))

"""JSON from outside, read by the type that is expected of it; anything else is a broken answer."""

import re
from typing import Any, Final

from providers.faults import BrokenAnswer

_HANDLE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")


class JsonObject:
    """A JSON object from outside, read by expected type: another type is a `BrokenAnswer`."""

    __slots__ = ("_raw",)

    def __init__(self, raw: object) -> None:
        if not isinstance(raw, dict):
            raise BrokenAnswer("expected a JSON object")
        self._raw: dict[str, Any] = raw

    def object(self, *path: str) -> "JsonObject":
        """Return the object at `path`, which must be there."""
        here: JsonObject = self
        for name in path:
            here = JsonObject(here._raw.get(name))
        return here

    def object_or_none(self, name: str) -> "JsonObject | None":
        """Return the object under `name`, or None when it is absent or null."""
        raw = self._raw.get(name)
        return None if raw is None else JsonObject(raw)

    def objects(self, name: str) -> "list[JsonObject]":
        """Return the list of objects under `name`; absent or null reads as empty."""
        raw = self._raw.get(name)
        if raw is None:
            return []
        if not isinstance(raw, list):
            raise BrokenAnswer("expected a JSON array")
        return [JsonObject(item) for item in raw]

    def text_or_none(self, name: str) -> str | None:
        """Return the text under `name`, stripped; absent, null and blank read as None."""
        raw = self._raw.get(name)
        if raw is None:
            return None
        if not isinstance(raw, str):
            raise BrokenAnswer("expected a JSON string")
        return raw.strip() or None

    def text(self, name: str) -> str:
        """Return the text under `name`, stripped, which must be there and not blank."""
        text = self.text_or_none(name)
        if text is None:
            raise BrokenAnswer("expected a JSON string")
        return text

    def number_or_none(self, name: str) -> float | None:
        """Return the number under `name`, or None when it is absent or null."""
        raw = self._raw.get(name)
        if raw is None:
            return None
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise BrokenAnswer("expected a JSON number")
        return float(raw)

    def handle(self, name: str) -> str:
        """Return the vendor's handle under `name`: 1 to 200 characters, safe in a URL path."""
        handle = self.text(name)
        if _HANDLE.fullmatch(handle) is None:
            raise BrokenAnswer("expected a handle")
        return handle

    def handle_or_none(self, name: str) -> str | None:
        """Return the handle under `name`, or None when there is none; it never raises."""
        raw = self._raw.get(name)
        return raw if isinstance(raw, str) and _HANDLE.fullmatch(raw) is not None else None

    def flag(self, name: str) -> bool:
        """Return the boolean under `name`; absent and null read as False."""
        return self.flag_or_none(name) or False

    def flag_or_none(self, name: str) -> bool | None:
        """Return the boolean under `name`, or None when it is absent or null."""
        raw = self._raw.get(name)
        if raw is not None and not isinstance(raw, bool):
            raise BrokenAnswer("expected a JSON boolean")
        return raw

"""JSON from outside, read by the type that is expected of it; anything else is a broken answer."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from providers.faults import BrokenAnswer

_HANDLE: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_NESTING_MAX: Final = 4
# Ten times what any submission of ours asks about.
_OBJECTS_MAX: Final = 1_000
_FLAGS: Final = {"true": True, "yes": True, "false": False, "no": False}
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


class JsonObject:
    """A JSON object from outside, read by expected type: another type is a `BrokenAnswer`.

    What stands beside a value that is paid for is read by the methods that begin with `side`: they
    never raise, and take another type for nothing, so that the value is not lost with it.
    """

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
        if not isinstance(raw, list) or len(raw) > _OBJECTS_MAX:
            raise BrokenAnswer("expected a JSON array of at most 1,000 items")
        return [JsonObject(item) for item in raw]

    def rows(self, name: str) -> "list[JsonObject]":
        """Return as `objects`, but with an empty object for each item that is none.

        One strange row must not cost the others, and still counts as one.
        """
        raw = self._raw.get(name)
        if not isinstance(raw, list) or len(raw) > _OBJECTS_MAX:
            return self.objects(name)
        return [JsonObject(item if isinstance(item, dict) else {}) for item in raw]

    def listed_texts(self, name: str) -> list[str]:
        """Return the texts in the list under `name`, without whatever else is in it."""
        raw = self._raw.get(name)
        if not isinstance(raw, list) or len(raw) > _OBJECTS_MAX:
            return []
        return [item for item in raw if isinstance(item, str)]

    def text_or_none(self, name: str) -> str | None:
        """Return the text under `name`, stripped; absent, null and blank read as None."""
        raw = self._raw.get(name)
        if raw is None:
            return None
        if not isinstance(raw, str):
            raise BrokenAnswer("expected a JSON string")
        return raw.strip() or None

    def require(self, *names: str) -> None:
        """Return if any of `names` is there, whatever is under it: else it is some other answer.

        Raises:
            BrokenAnswer: none of them is.
        """
        if not any(name in self._raw for name in names):
            raise BrokenAnswer("not the answer to what was asked")

    def says(self, name: str) -> bool:
        """Tell whether anything but a null, a no, a zero or an empty thing is under `name`."""
        return bool(self._raw.get(name))

    def texts(self, name: str) -> list[str]:
        """Return every text under `name`, in whatever lists and objects it lies, to some depth."""
        return list(_texts(self._raw.get(name), _NESTING_MAX))

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
        """Return the vendor's handle under `name`: 1 to 200 characters, safe in a URL path.

        It is a text, or a JSON number of nothing but digits.
        """
        raw = self._raw.get(name)
        is_number = isinstance(raw, int) and not isinstance(raw, bool)
        handle = f"{raw}" if is_number else self.text(name)
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

    def side_object(self, name: str) -> "JsonObject":
        """Return the object under `name`, or an empty one."""
        raw = self._raw.get(name)
        return JsonObject(raw if isinstance(raw, dict) else {})

    def side_text(self, name: str) -> str | None:
        """Return the text under `name`, stripped, or None; blank reads as None."""
        raw = self._raw.get(name)
        return (raw.strip() or None) if isinstance(raw, str) else None

    def side_flag(self, name: str) -> bool | None:
        """Return the boolean under `name`, also where it is spelled in a word, or None."""
        raw = self._raw.get(name)
        return raw if isinstance(raw, bool) else _FLAGS.get(str(raw).strip().lower())

    def side_number(self, name: str) -> float | None:
        """Return the number under `name`, also where it is spelled in digits, or None."""
        raw = self._raw.get(name)
        if isinstance(raw, str) and _NUMBER.fullmatch(raw.strip()):
            return float(raw)
        return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else None

    def phone_or_none(self, name: str, *, prefix: str = "") -> str | None:
        """Return the phone number under `name`, or None when it is absent, null or blank.

        Args:
            name: of what is a text, or a JSON number of nothing but digits.
            prefix: what the digits of a JSON number lack, such as `+`.
        """
        raw = self._raw.get(name)
        is_number = isinstance(raw, int) and not isinstance(raw, bool)
        return f"{prefix}{raw}" if is_number else self.text_or_none(name)


def _texts(raw: object, nesting_max: int) -> Iterator[str]:
    if isinstance(raw, str):
        yield raw
    if nesting_max == 0 or not isinstance(raw, dict | list):
        return
    inner: Iterable[object] = raw.values() if isinstance(raw, dict) else raw
    for each in inner:
        yield from _texts(each, nesting_max - 1)

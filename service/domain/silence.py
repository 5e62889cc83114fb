"""For how long a vendor that was shut off has answered nobody, for those who would wait for it."""

from typing import Final

UNWANTED_S: Final = 900.0
"""Longer than any request takes. When nobody looked for so long after it was to open again, nobody
wanted an answer, and the silence begins anew."""


class Silence:
    """Lasts from the first who found a vendor shut off, or was put off, until one has an answer."""

    __slots__ = ("_since_s", "_until_s")

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._until_s = 0.0

    def note_shut(self, shut_for_s: float, now_s: float) -> None:
        """Note that somebody wants something and has to wait for so many more seconds."""
        if self._since_s is None or now_s > self._until_s:
            self._since_s, self._until_s = now_s, now_s
        self._until_s = max(self._until_s, now_s + shut_for_s + UNWANTED_S)

    def note_answer(self) -> None:
        """End it."""
        self._since_s = None

    def lasts_s(self, now_s: float) -> float:
        """Return for how many seconds it has lasted; 0 when there is none."""
        if self._since_s is None or now_s > self._until_s:
            return 0.0
        return now_s - self._since_s

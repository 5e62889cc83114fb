"""What keeps repeats from multiplying a vendor's trouble: they are paid for."""

from typing import Final

TOKENS_MAX: Final = 10.0
TOKENS_PER_SUCCESS: Final = 0.1
TOKENS_PER_SECOND: Final = 1.0
"""In the vendor's time: a trickle, so that what waits for a repeat gets it in the end."""


class RetryBudget:
    """A bucket of tokens, full at first: a repeat takes one, each success puts a tenth back.

    So repeats are at most a tenth of the successes, plus one a second, however long it lasts.

    Args:
        time_scale: real seconds per vendor second; below 1 only against a sandbox.
    """

    __slots__ = ("_filled_at_s", "_per_s", "_tokens")

    def __init__(self, *, time_scale: float = 1.0) -> None:
        self._tokens = TOKENS_MAX
        self._per_s = TOKENS_PER_SECOND / time_scale
        self._filled_at_s: float | None = None

    def note_success(self) -> None:
        """Put back what a success pays."""
        self._tokens = min(TOKENS_MAX, self._tokens + TOKENS_PER_SUCCESS)

    def spend(self, now_s: float) -> bool:
        """Take a token for one repeat; False, and nothing is taken, when there is none.

        Args:
            now_s: monotonic.
        """
        if self._filled_at_s is not None:
            trickle = (now_s - self._filled_at_s) * self._per_s
            self._tokens = min(TOKENS_MAX, self._tokens + trickle)
        self._filled_at_s = now_s
        # Ten tenths are a little less than one in floating point.
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens = max(0.0, self._tokens - 1.0)
        return True

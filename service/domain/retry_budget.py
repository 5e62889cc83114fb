"""What keeps repeats from multiplying a vendor's trouble: they are paid for by successes."""

from typing import Final

TOKENS_MAX: Final = 10.0
TOKENS_PER_SUCCESS: Final = 0.1


class RetryBudget:
    """A bucket of tokens, full at first: a repeat takes one, each success puts a tenth back.

    So repeats are at most a tenth of the successes, plus `TOKENS_MAX`, however long it lasts.
    """

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens = TOKENS_MAX

    def note_success(self) -> None:
        """Put back what a success pays."""
        self._tokens = min(TOKENS_MAX, self._tokens + TOKENS_PER_SUCCESS)

    def spend(self) -> bool:
        """Take a token for one repeat; False, and nothing is taken, when there is none."""
        # Ten tenths are a little less than one in floating point.
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens = max(0.0, self._tokens - 1.0)
        return True

"""What everything in the sandbox shares."""

from dataclasses import dataclass

from providers.sandbox.books import Books
from providers.sandbox.callbacks import Callbacks
from providers.sandbox.faults import Faults
from providers.sandbox.keys import CREDITS_AT_START, Account, account_of
from providers.sandbox.pace import Pace


@dataclass(slots=True)
class SandboxWorld:
    """One sandbox's time, books and faults.

    Attributes:
        faults: may be set and cleared while the sandbox runs.
    """

    pace: Pace
    books: Books
    callbacks: Callbacks
    faults: Faults | None = None

    @classmethod
    def create(
        cls,
        *,
        time_scale: float,
        faults: Faults | None = None,
        answer_after_s: float | None = None,
    ) -> "SandboxWorld":
        """Return a world with empty books."""
        pace = Pace(time_scale, answer_after_s)
        books = Books()
        return cls(pace, books, Callbacks(pace, books), faults)

    def balance(self, vendor: str, key: str) -> float:
        """Return the credits this key has left at this vendor."""
        if account_of(key) is Account.EMPTY:
            return 0.0
        return max(0.0, CREDITS_AT_START - self.books.spent_credits(vendor, key))

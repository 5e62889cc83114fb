"""A check of health, how it came out, and the worst of many."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a check came out, from good to bad."""

    PASS = "pass"  # noqa: S105 - a word, no password
    WARN = "warn"
    FAIL = "fail"

    @property
    def rank(self) -> int:
        """0 for pass, 1 for warn, 2 for fail."""
        return list(Status).index(self)


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        message: one sentence for people.
        value: what was measured, in `unit`; None where there is nothing to measure.
        threshold: the value from which on the check does not pass.
    """

    name: str
    status: Status
    message: str
    value: float | None = None
    unit: str | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Every check of one look."""

    role: str
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """The worst of all checks."""
        return max((check.status for check in self.checks), key=lambda status: status.rank)

    def as_json(self) -> dict[str, Any]:
        """Return what is shown to people and probes."""
        checks = [asdict(check) for check in self.checks]
        return {"status": self.status, "role": self.role, "checks": checks}

"""The sandbox's own books: what every vendor was asked, what it charged, and what arrived.

Rows are columns of plain arrays, about 33 bytes a row, kept in memory only and append-only but for
the mark that an answer was delivered.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, TypeVar

ROWS_MAX: Final = 1_000_000
LABELS_MAX: Final = 65_000
TALLIES_MAX: Final = 10_000
REPEATS_SHOWN_MAX: Final = 100
CREDIT: Final = 1_000  # a vendor's credit in thousandths
_AT_ONCE: Final = -1.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One paid question a vendor accepted.

    Attributes:
        person: hash of whom it was about, never the person.
        reference: ours, where the vendor's wire format carries one.
        ready_at_s: when its answer can first be read, on this machine's monotonic clock; None where
            the answer is that of the request itself.
    """

    sequence: int
    vendor: str
    capability: str
    outcome: str
    key: str
    person: str
    reference: str | None
    credits: float
    delivered: bool
    ready_at_s: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the books are read over HTTP."""
        return {name: getattr(self, name) for name in self.__slots__}


def person_hash(identity: str) -> int:
    """Return the 64 bits that stand for a person in the books."""
    return int.from_bytes(blake2b(identity.encode(), digest_size=8).digest(), "big")


class Books:
    """What was asked and charged; `rows_max` rows are kept and later ones only counted."""

    def __init__(self, rows_max: int = ROWS_MAX) -> None:
        self._rows_max = rows_max
        self._label_of: dict[tuple[str, str, str], int] = {}
        self._labels: list[tuple[str, str, str]] = []
        self._key_of: dict[str, int] = {}
        self._keys: list[str] = []
        self._row_label = array("H")
        self._row_key = array("H")
        self._row_person = array("Q")
        self._row_charge = array("I")
        self._row_ready = array("d")
        self._row_delivered = bytearray()
        self._references: list[str | None] = []
        self._tallies: Counter[tuple[str, str, str]] = Counter()
        self._violations: Counter[str] = Counter()
        self._spent: Counter[tuple[str, str]] = Counter()
        self._dropped_count = 0
        self._turned_away: set[tuple[str, str, str]] = set()
        self._is_open = True

    @property
    def turned_away(self) -> frozenset[tuple[str, str, str]]:
        """Who was asked about in requests that failed before they were booked.

        Each is vendor, capability and person, as in an entry.
        """
        return frozenset(self._turned_away)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Book nothing of what is asked meanwhile; only who it was about is noted."""
        self._is_open = False
        try:
            yield
        finally:
            self._is_open = True

    def record(
        self,
        vendor: str,
        capability: str,
        outcome: str,
        *,
        key: str,
        identity: str,
        charge_thousandths: int,
        reference: str | None = None,
        ready_at_s: float | None = None,
    ) -> int:
        """Write one accepted question; return its sequence, or -1 when the books are full."""
        if not self._is_open:
            if len(self._turned_away) < self._rows_max:
                person = f"{person_hash(identity):016x}"
                self._turned_away.add((vendor, capability, person))
            return -1
        self._spent[(vendor, key)] += charge_thousandths
        if len(self._row_label) >= self._rows_max:
            self._dropped_count += 1
            return -1
        self._row_label.append(self._label((vendor, capability, outcome)))
        self._row_key.append(_intern(key, self._key_of, self._keys))
        self._row_person.append(person_hash(identity))
        self._row_charge.append(charge_thousandths)
        self._row_ready.append(_AT_ONCE if ready_at_s is None else ready_at_s)
        self._row_delivered.append(0)
        self._references.append(reference)
        return len(self._row_label) - 1

    def mark_delivered(self, sequence: int) -> None:
        """Note that the answer with this sequence was written to its caller whole."""
        if sequence >= 0:
            self._row_delivered[sequence] = 1

    def tally(self, vendor: str, capability: str, outcome: str) -> None:
        """Count an exchange that no row is kept of: a refusal, a poll, a DNS or SMTP reply."""
        label = (vendor, capability, outcome)
        if label in self._tallies or len(self._tallies) < TALLIES_MAX:
            self._tallies[label] += 1

    def violate(self, rule: str) -> None:
        """Count a breach of a rule that no client of ours may ever break."""
        self._violations[rule] += 1

    def spent_credits(self, vendor: str, key: str) -> float:
        """Return what this key was charged at this vendor, in the vendor's credits."""
        return self._spent[(vendor, key)] / CREDIT

    def __len__(self) -> int:
        return len(self._row_label)

    def entry(self, sequence: int) -> Entry:
        """Return the row with this sequence, counted from 0."""
        ready_at_s = self._row_ready[sequence]
        vendor, capability, outcome = self._labels[self._row_label[sequence]]
        return Entry(
            sequence=sequence,
            vendor=vendor,
            capability=capability,
            outcome=outcome,
            key=self._keys[self._row_key[sequence]],
            person=f"{self._row_person[sequence]:016x}",
            reference=self._references[sequence],
            credits=self._row_charge[sequence] / CREDIT,
            delivered=bool(self._row_delivered[sequence]),
            ready_at_s=None if ready_at_s == _AT_ONCE else ready_at_s,
        )

    def entries(self, after: int = -1, limit: int = 1_000) -> list[Entry]:
        """Return up to `limit` rows with a sequence above `after`, in order."""
        first = after + 1
        return [self.entry(n) for n in range(first, min(first + limit, len(self)))]

    def summary(self) -> dict[str, Any]:
        """Return counts by vendor, capability and outcome, money, repeats and violations."""
        by_label = Counter(self._row_label)
        counts = [
            {"vendor": v, "capability": c, "outcome": o, "count": by_label[label]}
            for label, (v, c, o) in enumerate(self._labels)
        ]
        repeats = self._repeats()
        charged: Counter[str] = Counter()
        for (vendor, _), thousandths in self._spent.items():
            charged[vendor] += thousandths
        return {
            "rows": len(self),
            "rows_dropped": self._dropped_count,
            "undelivered": len(self) - sum(self._row_delivered),
            "counts": counts,
            "other": [
                {"vendor": v, "capability": c, "outcome": o, "count": count}
                for (v, c, o), count in sorted(self._tallies.items())
            ],
            "credits": {vendor: total / CREDIT for vendor, total in sorted(charged.items())},
            "repeat_count": len(repeats),
            "repeats": repeats[:REPEATS_SHOWN_MAX],
            "violations": dict(sorted(self._violations.items())),
        }

    def _repeats(self) -> list[dict[str, Any]]:
        """Return who was asked about more than once at one vendor for one capability."""
        pair_of = [self._labels.index(self._first_of(label)) for label in self._labels]
        asked: Counter[tuple[int, int]] = Counter()
        charged: Counter[tuple[int, int]] = Counter()
        for label, person, charge in zip(
            self._row_label, self._row_person, self._row_charge, strict=True
        ):
            asked[(pair_of[label], person)] += 1
            charged[(pair_of[label], person)] += charge > 0
        return [
            {
                "vendor": self._labels[pair][0],
                "capability": self._labels[pair][1],
                "person": f"{person:016x}",
                "count": count,
                "charged_count": charged[(pair, person)],
            }
            for (pair, person), count in asked.items()
            if count > 1
        ]

    def _first_of(self, label: tuple[str, str, str]) -> tuple[str, str, str]:
        return next(other for other in self._labels if other[:2] == label[:2])

    def _label(self, label: tuple[str, str, str]) -> int:
        return _intern(label, self._label_of, self._labels)


def _intern(value: _T, numbers: dict[_T, int], values: list[_T]) -> int:
    number = numbers.get(value)
    if number is None:
        number = min(len(values), LABELS_MAX)
        if number == LABELS_MAX:
            return 0
        numbers[value] = number
        values.append(value)
    return number

"""What vendors that work behind an id share: submissions, when they are ready, callbacks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import uuid4

from providers.sandbox.books import person_hash
from providers.sandbox.callbacks import Callback
from providers.sandbox.keys import Account, account_of
from providers.sandbox.truth import (
    Person,
    Verdict,
    draw,
    known_email,
    known_phone,
    vendor_verdict,
)
from providers.sandbox.world import SandboxWorld

SUBMISSIONS_MAX: Final = 100_000
PAID_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """How a vendor charges and how long it takes.

    Attributes:
        charges: thousandths of a credit for one find or verification, by capability.
        is_repeat_free: whether a key pays only once for the same find.
        ready_s: shortest and longest time for one row, in vendor time; the row's person decides.
        verify: what the vendor concludes about an address.
        free: conclusions that cost nothing.
    """

    charges: Mapping[str, int]
    is_repeat_free: bool
    ready_s: tuple[float, float]
    verify: Callable[[str], Verdict] = vendor_verdict
    free: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SubmittedRow:
    """One row as the vendor understood it.

    Attributes:
        given: the row on the wire.
        wanted: capabilities asked for: `find_email`, `find_phone`, `verify_email`.
        address: what to verify.
    """

    given: Mapping[str, Any] = field(repr=False)
    person: Person = field(repr=False)
    wanted: tuple[str, ...]
    reference: str
    address: str = field(default="", repr=False)

    def identity(self, capability: str) -> str:
        """Return whom or what a capability is asked about, the key of draws and repeats."""
        return self.address if capability == "verify_email" else self.person.identity


@dataclass(frozen=True, slots=True)
class Contact:
    """One row with its result, which is settled from the start and shown when it is ready."""

    given: Mapping[str, Any] = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    verdict: Verdict | None
    charge_thousandths: int
    sequences: tuple[int, ...]
    ready_at_s: float


@dataclass(frozen=True, slots=True)
class Submission:
    """Rows handed in together; ready when the last of them is."""

    submission_id: str
    name: str
    key: str = field(repr=False)
    contacts: tuple[Contact, ...]

    @property
    def ready_at_s(self) -> float:
        """When all rows are ready, on the vendors' clock."""
        return max(contact.ready_at_s for contact in self.contacts)

    @property
    def sequences(self) -> list[int]:
        """Where the books have its rows."""
        return [sequence for contact in self.contacts for sequence in contact.sequences]


class Submissions:
    """One vendor's submissions; beyond `SUBMISSIONS_MAX` the oldest is forgotten."""

    def __init__(self, world: SandboxWorld, vendor: str, terms: Terms) -> None:
        self._world = world
        self._vendor = vendor
        self._terms = terms
        self._by_id: dict[str, Submission] = {}
        self._paid: set[int] = set()

    def add(self, key: str, name: str, rows: Sequence[SubmittedRow]) -> Submission:
        """Accept the rows and book them; an account without credits is asked for nothing."""
        contacts = tuple(self._enrich(key, row) for row in rows)
        submission = Submission(str(uuid4()), name, key, contacts)
        if len(self._by_id) >= SUBMISSIONS_MAX:
            del self._by_id[next(iter(self._by_id))]
        self._by_id[submission.submission_id] = submission
        return submission

    def find(self, key: str, submission_id: str) -> Submission | None:
        """Return the submission if this key handed it in, else None."""
        submission = self._by_id.get(submission_id)
        return submission if submission is not None and submission.key == key else None

    def call_back(
        self,
        url: str,
        contacts: tuple[Contact, ...],
        compose: Callable[[], tuple[bytes, Mapping[str, str]]],
        *,
        carries_results: bool = True,
    ) -> None:
        """Post what `compose` makes once these rows are ready.

        A 2xx counts as the delivery of their results where the callback carries them.
        """
        due_s = max(contact.ready_at_s for contact in contacts)
        on_delivered = partial(self._mark_delivered, contacts if carries_results else ())
        self._world.callbacks.schedule(Callback(self._vendor, url, due_s, compose, on_delivered))

    def _enrich(self, key: str, row: SubmittedRow) -> Contact:
        can_pay = account_of(key) is not Account.EMPTY
        wanted = row.wanted if can_pay else ()
        answers = {name: self._look_up(name, row) for name in wanted}
        charges = {name: self._charge(key, name, row, answers[name]) for name in wanted}
        ready_at_s = self._ready_at_s(row)
        sequences = tuple(
            self._world.books.record(
                self._vendor,
                name,
                answer if isinstance(answer, Verdict) else "missing" if answer is None else "found",
                key=key,
                identity=row.identity(name),
                charge_thousandths=charges[name],
                reference=row.reference,
                ready_at_s=self._world.pace.real_s(ready_at_s),
            )
            for name, answer in answers.items()
        )
        verdict = answers.get("verify_email")
        return Contact(
            row.given,
            answers.get("find_email"),
            answers.get("find_phone"),
            verdict if isinstance(verdict, Verdict) else None,
            sum(charges.values()),
            sequences,
            ready_at_s,
        )

    def _look_up(self, capability: str, row: SubmittedRow) -> str | Verdict | None:
        match capability:
            case "find_email":
                return known_email(self._vendor, row.person)
            case "find_phone":
                return known_phone(self._vendor, row.person)
            case _:
                return self._terms.verify(row.address)

    def _ready_at_s(self, row: SubmittedRow) -> float:
        shortest_s, longest_s = self._terms.ready_s
        about = row.address or row.person.identity
        spread_s = (longest_s - shortest_s) * draw("ready", self._vendor, about)
        return self._world.pace.now_s() + shortest_s + spread_s

    def _charge(self, key: str, capability: str, row: SubmittedRow, value: str | None) -> int:
        if value is None or value in self._terms.free:
            return 0
        price = self._terms.charges[capability]
        if not self._terms.is_repeat_free:
            return price
        mark = person_hash(f"{key}|{capability}|{row.identity(capability)}")
        if mark in self._paid:
            return 0
        if len(self._paid) < PAID_MAX:
            self._paid.add(mark)
        return price

    def _mark_delivered(self, contacts: tuple[Contact, ...]) -> None:
        for contact in contacts:
            for sequence in contact.sequences:
                self._world.books.mark_delivered(sequence)

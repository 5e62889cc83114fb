"""Writes one batch of given leads: new ones go in, others are skipped or changed, bad ones told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from service.domain.lead_change import GivenLead, LeadTooLargeError, apply_change
from service.domain.lead_record import Lead
from service.errors import PERSON_SUPPRESSED
from service.flows.publish_changes import publish_changes
from service.flows.suppress_people import SuppressionList
from service.store.connection import Connection
from service.store.keys import KeyOwner
from service.store.people import insert_people, lock_given, write_people

ERRORS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A row of what a caller sends.

    Attributes:
        place: where it stands, in the caller's own counting.
        email: what the row has for an address, even if it is none; for the report only.
        lead: the lead in it, or None where there is a problem.
        problem: a sentence without anything of the row's content.
    """

    place: int
    email: str | None = field(repr=False)
    lead: GivenLead | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RowError:
    """A row of which nothing came, and why."""

    place: int
    email: str | None = field(repr=False)
    problem: str


@dataclass(slots=True)
class ImportCount:
    """What became of the rows; `errors` holds the first `ERRORS_MAX` of the failed ones."""

    imported_ids: list[str] = field(default_factory=list)
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[RowError] = field(default_factory=list)

    def fail(self, row: GivenRow, problem: str) -> None:
        """Count a row of which nothing came, and keep it if there is room."""
        self.failed += 1
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(RowError(row.place, row.email, problem))

    def add(self, other: "ImportCount") -> None:
        """Count what became of more rows."""
        self.imported_ids += other.imported_ids
        self.updated += other.updated
        self.skipped += other.skipped
        self.failed += other.failed
        self.errors += other.errors[: ERRORS_MAX - len(self.errors)]


async def import_batch(
    connection: Connection,
    caller: KeyOwner,
    rows: Sequence[GivenRow],
    suppressions: SuppressionList,
    *,
    skip_duplicates: bool,
) -> ImportCount:
    """Write the rows in the caller's transaction, with `lead.updated` for each lead it changes.

    A row about somebody who is suppressed fails.

    An address that comes more than once counts as a duplicate from its second row on.
    """
    count = ImportCount()
    first: dict[str, GivenRow] = {}
    repeated: list[GivenRow] = []
    for row in await _without_suppressed(connection, caller, rows, suppressions):
        if row.lead is None:
            count.fail(row, row.problem or "")
        elif first.setdefault(row.lead.email, row) is not row:
            repeated.append(row)
    fresh = list(first.values())
    added = await insert_people(
        connection, caller.workspace_id, [row.lead for row in fresh if row.lead]
    )
    count.imported_ids += added.values()
    repeated += [row for place, row in enumerate(fresh) if place not in added]
    if skip_duplicates:
        count.skipped += len(repeated)
    elif repeated:
        repeated.sort(key=lambda row: row.place)
        await _change(connection, caller, repeated, count)
    count.errors.sort(key=lambda error: error.place)
    return count


async def _without_suppressed(
    connection: Connection,
    caller: KeyOwner,
    rows: Sequence[GivenRow],
    suppressions: SuppressionList,
) -> list[GivenRow]:
    """Return the rows with a problem in place of each lead that may not be kept."""
    leads = [(place, row.lead) for place, row in enumerate(rows) if row.lead]
    people = [(caller.workspace_id, lead.as_input) for _, lead in leads]
    hits = {leads[hit][0] for hit in await suppressions.find(connection, people)}
    return [
        replace(row, email=None, lead=None, problem=PERSON_SUPPRESSED) if place in hits else row
        for place, row in enumerate(rows)
    ]


async def _change(
    connection: Connection, caller: KeyOwner, rows: Sequence[GivenRow], count: ImportCount
) -> None:
    """Change the leads that are there with these addresses, one row after the other."""
    emails = {row.lead.email for row in rows if row.lead}
    before = await lock_given(connection, caller.workspace_id, sorted(emails))
    after = dict(before)
    for row in rows:
        lead = after.get(row.lead.email) if row.lead else None
        if lead is None or row.lead is None:
            count.fail(row, "the lead with this email was deleted meanwhile; send the row again")
            continue
        try:
            after[row.lead.email] = apply_change(lead, row.lead.change)
        except LeadTooLargeError as error:
            count.fail(row, str(error))
        else:
            count.updated += 1
    changed = [lead for email, lead in after.items() if lead != before[email]]
    await publish_changes(connection, caller, await _write(connection, changed))


async def _write(connection: Connection, changed: Sequence[Lead]) -> list[Lead]:
    if not changed:
        return []
    times = await write_people(connection, changed)
    return [replace(lead, updated_at=times[lead.id]) for lead in changed]

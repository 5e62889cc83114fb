"""Finds and removes what is kept of a person; each call is one bounded statement."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from service.domain.lead_input import LeadInput
from service.store.connection import Connection
from service.store.settlement import ClosedLookup
from service.store.statements import load_statements

_SQL: Final = load_statements("erasure")


@dataclass(frozen=True, slots=True)
class KnownLead:
    """A lead to erase, with everything by which bodies could name it.

    Attributes:
        is_given: its address was given; else one was found for it.
    """

    id: int
    public_id: str
    phones: tuple[str, ...] = field(repr=False)
    lead: LeadInput = field(repr=False)
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class Likeness:
    """By what leads and lookups of the same people are looked for, beside ids and addresses.

    Attributes:
        profiles: addresses of profiles, in all their spellings.
        names: pairs of a first and a last name, in lower case.
    """

    profiles: Sequence[str] = field(repr=False)
    names: Sequence[tuple[str, str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FoundLookup:
    """A lookup, with what it says of its person.

    Attributes:
        addresses: those it has, in its calls as well, of the ones that were asked for.
        lead: as it was when the lookup was accepted.
        shown: the same with the profile and the given address that the lead has now; None of a lead
            that is no more.
    """

    id: int
    lead_id: int
    addresses: frozenset[str] = field(repr=False)
    lead: LeadInput = field(repr=False)
    value: dict[str, Any] | None = field(repr=False)
    shown: LeadInput | None = field(repr=False)

    @property
    def told(self) -> set[str]:
        """Return the addresses that it was accepted with or ended with, in lower case."""
        found = (self.value or {}).get("email")
        return {each.lower() for each in (self.lead.email, found) if isinstance(each, str)}


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An event, its body if that may name a person, and what callers noted on its job."""

    created_at: datetime
    id: UUID
    body: str | None = field(repr=False)
    metadata: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Echo:
    """What a receiver answered to an attempt, which may name a person."""

    event_id: UUID
    endpoint_id: int
    number: int
    started_at: datetime
    answer: bytes = field(repr=False)


async def read_moment(connection: Connection) -> datetime:
    """Return the database's time."""
    moment: datetime = await connection.fetchval(_SQL["read_moment"])
    return moment


async def find_people(
    connection: Connection,
    workspace_id: int,
    *,
    public_ids: Sequence[str],
    emails: Sequence[str],
    asked: Sequence[str],
    lead_ids: Sequence[int],
) -> list[KnownLead]:
    """Return the leads with these ids or addresses; addresses are in lower case.

    Of leads that were deleted it returns what is still known: which they were. Since their names
    are not, they are found by addresses only that somebody asked for.
    """
    patterns = _patterns(emails)
    named, addresses, ids = list(public_ids), list(emails), list(lead_ids)
    rows = await connection.fetch(
        _SQL["find_people"], workspace_id, named, addresses, patterns, ids
    )
    deleted = await connection.fetch(_SQL["find_deleted"], workspace_id, named, list(asked), ids)
    gone = [KnownLead(row["lead_id"], row["public_id"], (), LeadInput()) for row in deleted]
    return [*_known(rows), *gone]


async def find_carriers(
    connection: Connection, workspace_id: int, emails: Sequence[str]
) -> list[tuple[str, str | None, str | None]]:
    """Return the leads' addresses among these, in lower case, each with a first and a last name."""
    rows = await connection.fetch(
        _SQL["find_carriers"], workspace_id, list(emails), _patterns(emails)
    )
    return [(row["email"], row["first_name"], row["last_name"]) for row in rows]


async def find_alike(
    connection: Connection, workspace_id: int, likeness: Likeness
) -> list[KnownLead]:
    """Return the leads that may be the same people: whoever asks compares.

    Profiles and names are found by index, in the spellings that are given. Not found is a name with
    capitals beyond ASCII where no word begins among small letters.
    """
    firsts, lasts = _columns(likeness)
    # Between words a name may have any blanks, and any number of them.
    words = [_escaped(f"{first} {last}").split() for first, last in likeness.names]
    patterns = [f"%{'%'.join(each)}%" for each in words]
    rows = await connection.fetch(
        _SQL["find_alike"], workspace_id, list(likeness.profiles), firsts, lasts, patterns
    )
    return _known(rows)


def _columns(likeness: Likeness) -> tuple[list[str], list[str]]:
    keys = [("".join(first.split()), "".join(last.split())) for first, last in likeness.names]
    return [first for first, _ in keys], [last for _, last in keys]


def _known(rows: Sequence[Any]) -> list[KnownLead]:
    return [
        KnownLead(
            row["id"],
            row["public_id"],
            tuple({row[name] for name in ("phone", "phone_e164") if row[name]}),
            LeadInput.from_row(dict(row)),
            row["email_source"] == "given",
        )
        for row in rows
    ]


def _patterns(texts: Sequence[str]) -> list[str]:
    return [f"%{_escaped(text)}%" for text in texts]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def next_jobs(
    connection: Connection,
    workspace_id: int,
    after: UUID | None,
    since: datetime,
    lookups_max: int,
) -> list[UUID]:
    """Return the next jobs of a workspace to look through; none at the end."""
    rows = await connection.fetch(_SQL["next_jobs"], workspace_id, after, since, lookups_max)
    return [row["id"] for row in rows]


async def find_lookups(
    connection: Connection,
    job_ids: Sequence[UUID],
    after: int,
    count_max: int,
    *,
    lead_ids: Sequence[int],
    emails: Sequence[str],
    likeness: Likeness,
) -> list[FoundLookup]:
    """Return the next lookups of these jobs, by id, that are or may be about a person.

    Those that are scrubbed already are left out.
    """
    rows = await connection.fetch(
        _SQL["find_lookups"],
        list(job_ids),
        after,
        count_max,
        list(lead_ids),
        list(emails),
        list(likeness.profiles),
        *_columns(likeness),
    )
    return [_found(row) for row in rows]


def _found(row: Any) -> FoundLookup:
    lead = LeadInput.from_row(row["input"])
    shown = replace(lead, linkedin_url=row["linkedin_url"], email=row["given_email"])
    return FoundLookup(
        row["id"],
        row["lead_id"],
        frozenset(row["addresses"]),
        lead,
        row["value"],
        shown if row["is_kept"] else None,
    )


async def scrub_lookups(
    connection: Connection, lookup_ids: Sequence[int], reason: str
) -> tuple[int, list[ClosedLookup]]:
    """Empty lookups and their calls, ending those that are open; return how many, and the ended."""
    rows = await connection.fetch(_SQL["scrub_lookups"], list(lookup_ids), reason)
    await connection.execute(_SQL["scrub_calls"], list(lookup_ids))
    return len(rows), [ClosedLookup.read(row) for row in rows if row["closed"]]


async def find_phones_alike(
    connection: Connection, workspace_id: int, phones: Sequence[str], lead_ids: Sequence[int]
) -> list[str]:
    """Return the numbers of others than these leads that may be the same, in all their spellings.

    They are found by index: whoever asks compares them.
    """
    rows = await connection.fetch(
        _SQL["find_phones_alike"], workspace_id, list(phones), list(lead_ids)
    )
    return [phone for row in rows for phone in row.values() if phone is not None]


async def find_metadata(
    connection: Connection, job_ids: Sequence[UUID]
) -> dict[UUID, Mapping[str, str]]:
    """Return what callers noted on these jobs; nothing of those without."""
    rows = await connection.fetch(_SQL["find_metadata"], list(job_ids))
    return {row["id"]: row["metadata"] for row in rows}


async def scrub_metadata(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Take the metadata off these jobs."""
    await connection.execute(_SQL["scrub_metadata"], list(job_ids))


async def find_events(
    connection: Connection,
    workspace_id: int,
    after: tuple[datetime, UUID],
    needles: Sequence[str],
    count_max: int,
) -> list[FoundEvent]:
    """Return the next events of a workspace; `needles` are in lower case."""
    rows = await connection.fetch(
        _SQL["find_events"], workspace_id, *after, list(needles), count_max
    )
    return [
        FoundEvent(
            row["created_at"],
            row["id"],
            row["body"],
            _noted(row["metadata"], row["caller_metadata"]),
        )
        for row in rows
    ]


def _noted(
    metadata: Mapping[str, Any] | None, caller_metadata: Mapping[str, str] | None
) -> Mapping[str, str]:
    # Of the two names one is the caller's; SendKit has its own counts under the other.
    texts = {name: text for name, text in (metadata or {}).items() if isinstance(text, str)}
    return caller_metadata or texts


async def find_echoes(
    connection: Connection, events: Sequence[FoundEvent], needles: Sequence[str]
) -> list[Echo]:
    """Return what receivers answered to these events where it may name a person."""
    # An answer in JSON may hold a text with its letters escaped.
    escaped = {json.dumps(needle)[1:-1] for needle in needles}
    rows = await connection.fetch(
        _SQL["find_echoes"],
        [event.id for event in events],
        min(event.created_at for event in events),
        sorted(escaped.union(needles)),
    )
    return [Echo(**row) for row in rows]


async def scrub_echoes(connection: Connection, echoes: Sequence[Echo]) -> None:
    """Empty what receivers answered to these attempts."""
    await connection.execute(
        _SQL["scrub_echoes"],
        [echo.event_id for echo in echoes],
        [echo.endpoint_id for echo in echoes],
        [echo.number for echo in echoes],
        [echo.started_at for echo in echoes],
    )


async def scrub_events(connection: Connection, events: Sequence[FoundEvent], reason: str) -> int:
    """Empty these events and what receivers answered; return how many deliveries that ended."""
    event_ids = [event.id for event in events]
    withdrawn = await connection.execute(_SQL["withdraw_deliveries"], event_ids, reason)
    await connection.execute(
        _SQL["scrub_events"], [event.created_at for event in events], event_ids
    )
    since = min(event.created_at for event in events)
    await connection.execute(_SQL["scrub_attempts"], event_ids, since)
    return int(withdrawn.rpartition(" ")[2])


async def forget_answers(
    connection: Connection,
    after: bytes,
    count_max: int,
    *,
    people: Sequence[bytes],
    emails: Sequence[str],
    phones: Sequence[str],
) -> tuple[bytes | None, int]:
    """Forget what is remembered of people in one page; return where to go on, and how many went."""
    row = await connection.fetchrow(
        _SQL["forget_answers"], after, count_max, list(people), list(emails), list(phones)
    )
    return (None, 0) if row is None else (row["next"], row["count"])


async def delete_leads(connection: Connection, workspace_id: int, lead_ids: Sequence[int]) -> int:
    """Delete leads, out of their lists too; return how many."""
    status = await connection.execute(_SQL["delete_leads"], workspace_id, list(lead_ids))
    return int(status.rpartition(" ")[2])


async def forget_deleted(
    connection: Connection, workspace_id: int, lead_ids: Sequence[int]
) -> None:
    """Forget that these leads ever were."""
    await connection.execute(_SQL["forget_deleted"], workspace_id, list(lead_ids))


async def scrub_replays(
    connection: Connection, workspace_id: int, public_ids: Sequence[str]
) -> None:
    """Leave these leads out of the answers to requests that are repeated with their key."""
    await connection.execute(_SQL["scrub_replays"], workspace_id, list(public_ids))


async def find_under_way(connection: Connection) -> list[str]:
    """Return the other transactions of this service in the database, to ask whether they ended."""
    rows = await connection.fetch(_SQL["find_under_way"])
    return [row["virtualtransaction"] for row in rows]


async def are_under_way(connection: Connection, transactions: Sequence[str]) -> bool:
    """Tell whether any of these transactions has not ended yet."""
    found: bool = await connection.fetchval(_SQL["are_under_way"], list(transactions))
    return found

"""Erases people: out of leads, lookups, traces, memory, events and what receivers answered.

Amounts stay. The people are suppressed first, so that nothing new begins while the rest goes;
their leads go last, so that an erasure that was broken off finds them again when it is repeated.
"""

from asyncio import get_running_loop, sleep, to_thread
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
import structlog

from service.domain.person_signs import PersonSigns
from service.domain.question import people_of
from service.domain.spellings import (
    spellings_of_email,
)
from service.domain.suppression import (
    ERASED,
    SuppressionReason,
    names_of,
)
from service.flows.erasure_traces import Traces
from service.flows.publish_finished import Publication, log_finished
from service.flows.settle_lookups import follow_up
from service.flows.suppress_people import SuppressionList
from service.store.connection import Connection, Pool
from service.store.erasure import (
    FoundEvent,
    are_under_way,
    delete_leads,
    find_alike,
    find_carriers,
    find_echoes,
    find_events,
    find_lookups,
    find_metadata,
    find_people,
    find_phones_alike,
    find_under_way,
    forget_answers,
    forget_deleted,
    next_jobs,
    read_moment,
    scrub_echoes,
    scrub_events,
    scrub_lookups,
    scrub_metadata,
    scrub_replays,
)
from service.store.transient import until_done

_log = structlog.get_logger()

LOOKUPS_PER_PAGE: Final = 50_000
LOOKUPS_PER_TRANSACTION: Final = 500
EVENTS_PER_PAGE_MAX: Final = 200
COMPARISONS_PER_PAGE_MAX: Final = 20_000
"""Of events with texts, whose bodies have up to some hundred kB."""
ANSWERS_PER_PAGE: Final = 20_000
ROUNDS_MAX: Final = 10
"""How often what was found is looked for in turn: leads by found addresses, lookups by those."""
OUTLASTED_S_MAX: Final = 15.0
"""How long is waited for transactions that began before, such as those of an import."""

_OUTLAST_PAUSE_S: Final = 0.02
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST: Final = UUID(int=0)
# What was accepted this long before the erasure began is looked through again at its end.
_OVERLAP: Final = timedelta(minutes=1)
_PATIENCE_S: Final = 60.0
# A letter, over which no number goes on.
_BETWEEN_TEXTS: Final = "\nx\n"


@dataclass(slots=True)
class Erased:
    """How much was removed; an erasure that is repeated counts only what it still found.

    Attributes:
        lookups: emptied, those of jobs that ended long ago included.
        refunded: credits given back for lookups that were still open.
        events: whose body was removed.
        deliveries: that were due and will not be sent.
        answers: forgotten answers of providers.
        more: people may be left who share addresses with these in a chain too long to follow, or
            whom a transaction wrote that went on for very long; to be repeated.
    """

    leads: int = 0
    lookups: int = 0
    refunded: int = 0
    events: int = 0
    deliveries: int = 0
    answers: int = 0
    more: bool = False


async def erase_people(
    pool: Pool,
    workspace_id: int,
    suppressions: SuppressionList,
    publication: Publication,
    *,
    public_ids: Sequence[str] = (),
    emails: Sequence[str] = (),
) -> Erased:
    """Erase people of a workspace by their leads' ids, or by address whether they are leads or not.

    Other leads and lookups of the workspace that what suppresses them matches are theirs and go as
    well, but for those of a namesake at the same company whose profile or given address shows him
    to be another. An address that leads of several names have takes only those who are asked for,
    or all of them where it is asked for itself. Each transaction is short. Ids and addresses of
    nobody are no error: an erasure may be repeated, and after one that was broken off it should be.

    Raises:
        SuppressionsUnreadable: nothing was done.
    """
    return await _Erasure(pool, workspace_id, suppressions, publication).run(public_ids, emails)


@dataclass(frozen=True, slots=True)
class _Erasure:
    pool: Pool
    workspace_id: int
    suppressions: SuppressionList
    publication: Publication
    erased: Erased = field(default_factory=Erased)

    async def run(self, public_ids: Sequence[str], emails: Sequence[str]) -> Erased:
        wanted = {spelling for email in emails for spelling in spellings_of_email(email)}
        async with self.pool.acquire() as connection:
            await self.suppressions.require_writable(connection)
            since = await read_moment(connection) - _OVERLAP
        traces = Traces(frozenset(wanted), set(public_ids), wanted)
        await self._follow(traces)
        # Lookups tell of addresses that the lead has no more, or never had.
        await self._suppress(traces)
        # Once more, as what came up last may stand on a job that was looked through first; and
        # before the events, since a job that ends writes its metadata into one.
        async for jobs in self._jobs(_BEGINNING):
            await self._scrub_metadata(jobs, traces)
        await self._scrub_events(traces, _BEGINNING)
        await self._delete_leads(traces)
        await self._outlast()
        # What was accepted or told meanwhile; from here on no lead is left to begin with.
        await self._scrub_lookups(traces, since)
        await self._tell_shared(traces)
        await self._scrub_events(traces, since)
        await self._forget_answers(traces)
        async with self.pool.acquire() as connection:
            await scrub_replays(connection, self.workspace_id, sorted(traces.public_ids))
            await forget_deleted(connection, self.workspace_id, sorted(traces.lead_ids))
        _log.info(
            "people.erased",
            leads=self.erased.leads,
            lookups=self.erased.lookups,
            events=self.erased.events,
            deliveries=self.erased.deliveries,
            more=self.erased.more,
        )
        return self.erased

    async def _follow(self, traces: Traces) -> None:
        """Empty lookups, and find who else has their addresses, until nothing new comes up."""
        await self._find_people(traces)
        for _ in range(ROUNDS_MAX):
            known = traces.size
            await self._suppress(traces)
            await self._outlast()
            await self._scrub_lookups(traces, _BEGINNING)
            await self._find_people(traces)
            if traces.size == known:
                return
        self.erased.more = True

    async def _find_people(self, traces: Traces) -> None:
        # What lookups told of, so that whoever has it is found in the same round.
        await self._tell_shared(traces)
        async with self.pool.acquire() as connection:
            found = await find_people(
                connection,
                self.workspace_id,
                public_ids=sorted(traces.public_ids),
                emails=sorted(traces.emails),
                asked=sorted(traces.asked),
                lead_ids=sorted(traces.lead_ids),
            )
            alike = await find_alike(connection, self.workspace_id, traces.likeness)
        traces.add_leads(found)
        names = traces.names
        traces.add_leads(
            each
            for each in alike
            if not names.isdisjoint(names_of(each.lead))
            and not traces.names_another(
                each.lead if each.is_given else replace(each.lead, email=None)
            )
        )
        await self._tell_shared(traces)

    async def _tell_shared(self, traces: Traces) -> None:
        emails = sorted({each for spellings in traces.unproven for each in spellings})
        async with self.pool.acquire() as connection:
            traces.prove(await find_carriers(connection, self.workspace_id, emails))
            traces.share_phones(
                await find_phones_alike(
                    connection, self.workspace_id, sorted(traces.phones), sorted(traces.lead_ids)
                )
            )

    async def _suppress(self, traces: Traces) -> None:
        people = [(self.workspace_id, lead) for lead in traces.suppressed]
        async with self.pool.acquire() as connection:
            await self.suppressions.add(connection, people, SuppressionReason.ERASURE)

    async def _outlast(self) -> None:
        """Wait for what began before: it may write whom nobody had suppressed, or a lookup."""
        async with self.pool.acquire() as connection:
            before = await find_under_way(connection)
        loop = get_running_loop()
        give_up_at = loop.time() + OUTLASTED_S_MAX
        while before:
            async with self.pool.acquire() as connection:
                if not await are_under_way(connection, before):
                    return
            if loop.time() > give_up_at:
                self.erased.more = True
                return
            await sleep(_OUTLAST_PAUSE_S)

    async def _jobs(self, since: datetime) -> AsyncIterator[list[UUID]]:
        after: UUID | None = None
        while True:
            async with self.pool.acquire() as connection:
                jobs = await next_jobs(
                    connection, self.workspace_id, after, since, LOOKUPS_PER_PAGE
                )
            if not jobs:
                return
            after = jobs[-1]
            yield jobs

    async def _scrub_lookups(self, traces: Traces, since: datetime) -> None:
        async for jobs in self._jobs(since):
            # First, so that the event of a job that ends by this is told, without its metadata.
            await self._scrub_metadata(jobs, traces)
            await self._scrub_jobs(jobs, traces)

    async def _scrub_jobs(self, jobs: Sequence[UUID], traces: Traces) -> None:
        after = 0
        while True:
            async with self.pool.acquire() as connection:
                page = await find_lookups(
                    connection,
                    jobs,
                    after,
                    LOOKUPS_PER_TRANSACTION,
                    lead_ids=sorted(traces.lead_ids),
                    emails=sorted(traces.emails),
                    likeness=traces.likeness,
                )
            found, holding = traces.pick(page)
            traces.add_lookups(found)
            if found or holding:
                scrub = partial(self._scrub, [lookup.id for lookup in (*found, *holding)])
                await until_done(scrub, name="erase", patience_s=_PATIENCE_S)
            if len(page) < LOOKUPS_PER_TRANSACTION:
                return
            after = page[-1].id

    async def _scrub_metadata(self, jobs: Sequence[UUID], traces: Traces) -> None:
        async with self.pool.acquire() as connection:
            noted = await find_metadata(connection, jobs)
        if not noted:
            return
        signs = traces.signs
        named = await to_thread(lambda: [job for job in noted if signs.are_in(noted[job])])
        async with self.pool.acquire() as connection:
            await scrub_metadata(connection, named)

    async def _scrub(self, lookup_ids: Sequence[int]) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            count, closed = await scrub_lookups(connection, lookup_ids, ERASED)
            finished = await follow_up(connection, closed, self.publication) if closed else []
        log_finished(finished)
        self.erased.lookups += count
        self.erased.refunded += sum(each.refunded for each in closed)

    async def _scrub_events(self, traces: Traces, since: datetime) -> None:
        after, needles, signs = (since, _FIRST), traces.needles, traces.signs
        rows, count_max = traces.rows, events_per_page(len(needles))
        while needles:
            async with self.pool.acquire() as connection, connection.transaction():
                page = await find_events(connection, self.workspace_id, after, needles, count_max)
                if page:
                    await _scrub_echoes(connection, page, needles, signs)
                held = await to_thread(_those_that_name, page, rows, signs)
                if held:
                    self.erased.deliveries += await scrub_events(connection, held, ERASED)
                    self.erased.events += len(held)
            if len(page) < count_max:
                return
            after = (page[-1].created_at, page[-1].id)

    async def _forget_answers(self, traces: Traces) -> None:
        people = [each for lead in traces.people for each in people_of(lead)]

        async def forget(after: bytes) -> tuple[bytes | None, int]:
            async with self.pool.acquire() as connection:
                return await forget_answers(
                    connection,
                    after,
                    ANSWERS_PER_PAGE,
                    people=people,
                    emails=sorted(traces.emails),
                    phones=sorted(traces.own_phones),
                )

        after: bytes | None = b""
        while after is not None:
            after, count = await until_done(
                partial(forget, after), name="erase.forget", patience_s=_PATIENCE_S
            )
            self.erased.answers += count

    async def _delete_leads(self, traces: Traces) -> None:
        async with self.pool.acquire() as connection:
            self.erased.leads += await delete_leads(
                connection, self.workspace_id, sorted(traces.lead_ids)
            )


def events_per_page(text_count: int) -> int:
    """Return how many events one statement looks through for so many texts."""
    return max(1, min(EVENTS_PER_PAGE_MAX, COMPARISONS_PER_PAGE_MAX // max(text_count, 1)))


async def _scrub_echoes(
    connection: Connection,
    events: Sequence[FoundEvent],
    needles: Sequence[str],
    signs: PersonSigns,
) -> None:
    echoes = await find_echoes(connection, events, needles)
    named = [echo for echo in echoes if signs.are_in_text(echo.answer.decode(errors="replace"))]
    if named:
        await scrub_echoes(connection, named)


def _those_that_name(
    events: Sequence[FoundEvent], rows: Iterable[str], signs: PersonSigns
) -> list[FoundEvent]:
    return [
        event
        for event in events
        if (event.body is not None and _names(event.body, rows, signs))
        or signs.are_in(event.metadata)
    ]


def _names(body: str, rows: Iterable[str], signs: PersonSigns) -> bool:
    if any(row in body for row in rows):
        return True
    # Each text by itself: what two of them say together names nobody.
    return signs.are_in_text(_BETWEEN_TEXTS.join(_texts_of(orjson.loads(body))))


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from value
        yield from _texts_of(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from _texts_of(each)

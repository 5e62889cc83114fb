"""A dispatcher may die wherever a delivery waits: nothing is lost, and little comes twice."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from service.domain.identifiers import event_header_id, new_id
from service.edges.secret_box import SecretBox
from service.flows.create_workspace import NewWorkspace, create_workspace
from service.store.connection import Pool
from service.store.events import NewEvent, insert_events
from tests.faults.fleet import Fleet, launch
from tests.faults.receiver import Receiver

KILLS = int(os.environ.get("FAULT_KILLS", "20"))
SEED = 2_026
EVENTS = max(12, KILLS // 2)
NEW_EACH_TIME = 12
PATIENCE_S = 10.0
URLS = 4
# Where the database's client opens a connection.
CONNECTING = ("__connect_addr", "_create_ssl_connection")
WAIT_S = 60.0


@dataclass
class Doom:
    """Dispatchers that die as they are told, the events they deliver, and what comes of it.

    Attributes:
        in_flight: how often each event was on its way when its dispatcher died.
        bodies: what was written, by id of the event.
        died_at: how many died at each place.
        pid: of the dispatcher that lives, or lived last.
        alive: whether it has not been heard to end.
    """

    fleet: Fleet
    pool: Pool
    workspace: NewWorkspace
    receiver: Receiver
    parent: Process
    in_flight: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, bytes] = field(default_factory=dict)
    died_at: Counter[str] = field(default_factory=Counter)
    pid: int = 0
    alive: bool = False

    async def publish(self, count: int) -> None:
        """Write so many events, for a few endpoints in turn, in one transaction."""
        events = [self._event(number) for number in range(count)]
        self.bodies |= {event_header_id(event.id): event.payload for event in events}
        async with self.pool.acquire() as connection, connection.transaction():
            await insert_events(connection, events)

    async def have_waiting(self, count: int) -> None:
        """Let at least so many deliveries be open, and some of them new."""
        open_count = await self.pool.fetchval(
            "select count(*) from deliveries where state <> 'delivered'"
        )
        await self.hurry()
        await self.publish(max(count - open_count, NEW_EACH_TIME))

    async def hurry(self) -> None:
        """Make due what was there at several deaths, and would be left alone for a while."""
        await self.pool.execute(
            "update deliveries set due_at = leadfall_now(), unsent_claim_count = 0"
            " where state = 'due'"
        )

    async def die_at(self, place: str, visit: int) -> None:
        """Let a dispatcher die at a visit to a place, and note what it left in flight.

        Where it does not come there so often, at its first visit instead.
        """
        for each in (visit, 1, 1):
            # More than come to the place before it, or the visit might not come.
            await self.have_waiting(each + 2 * NEW_EACH_TIME)
            if await self._lives_until(place, each):
                self.died_at[place] += 1
                return

    async def _lives_until(self, place: str, visit: int) -> bool:
        self.pid = (await self._ask(place, visit))["pid"]
        ending = asyncio.create_task(self._read())
        await asyncio.wait({ending}, timeout=PATIENCE_S)
        if not ending.done():
            os.kill(self.pid, signal.SIGTERM)
        end = await ending
        self.alive = False
        if not end["killed"]:
            return False
        rows = await self.pool.fetch(
            "select d.event_id from deliveries d join processes p on p.id = d.owner"
            " where p.pid = $1 and d.state = 'sending'",
            self.pid,
        )
        self.in_flight.update(event_header_id(row["event_id"]) for row in rows)
        return True

    async def live_on(self) -> list[str]:
        """Let a dispatcher deliver all there is; return where deliveries waited, in order."""
        self.pid = (await self._ask(None, 0))["pid"]
        async with asyncio.timeout(WAIT_S):
            while await self.pool.fetchval(
                "select count(*) from deliveries where state <> 'delivered'"
            ):
                await self.hurry()
                await asyncio.sleep(0.02)
        os.kill(self.pid, signal.SIGTERM)
        places: list[str] = (await self._read())["places"]
        self.alive = False
        return places

    async def _ask(self, place: str | None, visit: int) -> dict[str, Any]:
        assert self.parent.stdin is not None
        self.parent.stdin.write(orjson.dumps({"place": place, "visit": visit}) + b"\n")
        born = await self._read()
        self.alive = True
        return born

    async def _read(self) -> dict[str, Any]:
        assert self.parent.stdout is not None
        line = await asyncio.wait_for(self.parent.stdout.readline(), WAIT_S)
        facts: dict[str, Any] = orjson.loads(line)
        return facts

    def _event(self, number: int) -> NewEvent:
        event_id = new_id()
        return NewEvent(
            id=event_id,
            aggregatetype="job",
            aggregateid=str(number),
            type="enrichment.completed",
            payload=orjson.dumps({"data": {"job_id": str(event_id), "name": "Zoë"}}),
            workspace_id=self.workspace.id,
            url=f"{self.receiver.url}/{number % URLS}",
        )


@pytest.fixture
async def doom(tmp_path: Path) -> AsyncIterator[Doom]:
    """A database, a receiver that verifies what it takes, and no dispatcher yet."""
    fleet = await launch(tmp_path, roles=())
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.doomed_dispatcher",
        stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL, env=fleet.environment,
    )  # fmt: skip
    receiver = Receiver()
    made: Doom | None = None
    try:
        async with await fleet.pool() as pool:
            box = SecretBox([fleet.environment["LEADFALL_SECRET_KEYS"]])
            workspace = await create_workspace(pool, box, "fault test")
            receiver.secret = workspace.webhook_secret
            await receiver.start()
            made = Doom(fleet, pool, workspace, receiver, parent)
            await made._read()
            yield made
    finally:
        parent.kill()
        await parent.wait()
        # Its last child would go on calling the receiver.
        if made is not None and made.alive:
            os.kill(made.pid, signal.SIGKILL)
        await receiver.stop()
        await fleet.stop()


Visit = tuple[str, int]


def visits(first: Sequence[str], second: Sequence[str]) -> list[Visit]:
    """Return the places where deliveries waited in both lives, each with its safe visits.

    What comes with each delivery comes as often again; of what a life does only a few times, such
    as preparing a statement, the next one may do less.
    """
    counts = Counter(first) & Counter(second)
    return [
        (place, visit)
        for place, count in sorted(counts.items())
        for visit in range(1, (count if count >= EVENTS else (count + 1) // 2) + 1)
    ]


def is_sure(place: str) -> bool:
    """Tell whether every life comes there: that the pool has no free connection is chance."""
    return not any(name in place for name in CONNECTING)


def fates(possible: Sequence[Visit], random: Random) -> list[Visit]:
    """Return the visits in the order in which they are tried: one to each place first."""
    shuffled = random.sample(possible, len(possible))
    once = dict(shuffled)
    first = list(once.items())
    return [*first, *(each for each in shuffled if once[each[0]] != each[1])]


@pytest.mark.timeout(60 + 4 * KILLS)
async def test_kills_at_every_suspension(doom: Doom) -> None:
    """Whatever a delivery waits for when its dispatcher is killed, it arrives, the same each time.

    Only what was in flight at a kill may come once more. No visit is tried twice, and each place
    where a delivery waits is tried at least once, but for what only a full pool comes to.
    """
    await doom.publish(EVENTS)
    first = await doom.live_on()
    await doom.publish(EVENTS)
    possible = visits(first, await doom.live_on())
    for place, visit in fates(possible, Random(SEED)):  # noqa: S311 - the same each time
        # A place that a life passed by chance, such as waiting for a lock, may not come again.
        if doom.died_at.total() < KILLS:
            await doom.die_at(place, visit)
    await doom.live_on()

    received = doom.receiver.received
    again = Counter({name: count - 1 for name, count in received.items()})
    attempts = await doom.pool.fetch("select distinct event_id, body_sha256 from attempts")
    written = {(event_header_id(row["event_id"]), row["body_sha256"].hex()) for row in attempts}
    seen = {(name, digest) for name, digests in doom.receiver.bodies.items() for digest in digests}
    # Sets of what is wrong, so that a failure shows that alone.
    assert received.keys() ^ doom.bodies.keys() == set()
    assert again - doom.in_flight == Counter()
    assert seen ^ written == set()
    assert sum(doom.in_flight.values()) > 0
    assert doom.died_at.total() == KILLS
    assert {place for place, _ in possible if is_sure(place)} - doom.died_at.keys() == set()

"""A Hypothesis state machine: the flows over real Postgres beside a model that keeps it in memory.

Workers and dispatchers are owners here, not processes: they die by losing their heartbeat, and
what they held stays in their hands, so that late settlements and completions are tried as well.
"""

import asyncio
import hashlib
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import asyncpg
from cryptography.fernet import Fernet
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from service.domain.claim import Claim, Settlement
from service.domain.identifiers import new_id
from service.domain.outcome import OutcomeName
from service.edges.secret_box import SecretBox
from service.errors import DeliveryUnderWay, InsufficientCredits, JobNotCancellable, KeyReused
from service.flows.accept_jobs import Accepted
from service.flows.cancel_job import cancel_job
from service.flows.deliver_events import SignedFor, claim_deliveries
from service.flows.replay_deliveries import replay_delivery
from service.flows.settle_lookups import settle_lookups
from service.store.acceptance import Idempotency
from service.store.claims import park_lookups, reclaim_lookups, wake_due_lookups
from service.store.deliveries import Completion, complete, reclaim
from service.store.processes import leave
from service.store.secrets import Signer
from tests.flows.workshop import PUBLICATION, Workshop, new_worker, open_workshop

LEADS: Final = 6
GRANTED: Final = 40
ENDS: Final = (OutcomeName.FOUND, OutcomeName.MISSING, OutcomeName.NO_ANSWER)
LEASE: Final = timedelta(hours=1)
BATCH_MAX: Final = 1_000
DRAIN_ROUNDS_MAX: Final = 20
# Of what there is, counted round and round. What an example draws must not depend on what there
# is: which lookups a claim takes is the database's to choose, and may differ when it runs again.
PLACES: Final = st.integers(0, 59)

T = TypeVar("T")
Key = tuple[UUID, int]
DeliveryState = Literal["delivered", "exhausted", "due"]


@dataclass
class ModelJob:
    """A job as it should be."""

    public_id: str
    price: int
    cancelled: bool = False
    outcomes: dict[int, OutcomeName | None] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether every lookup has an outcome."""
        return None not in self.outcomes.values()


@dataclass
class Held:
    """What an owner believes to hold, and whether it does."""

    owner: UUID
    claim: Claim
    live: bool = True


@dataclass
class Sending:
    """A delivery that a dispatcher believes to hold, and whether it does."""

    owner: UUID
    signed_for: SignedFor
    live: bool = True


@dataclass
class Model:
    """All that should be so, kept by plain Python."""

    balance: int = GRANTED
    jobs: dict[UUID, ModelJob] = field(default_factory=dict)
    states: dict[Key, str] = field(default_factory=dict)
    keys: dict[str, tuple[tuple[int, ...], UUID]] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    sending: list[Sending] = field(default_factory=list)
    deliveries: dict[UUID, str] = field(default_factory=dict)

    def open_leads(self) -> set[int]:
        """Return the leads that have an open lookup."""
        return {lead for (_, lead), state in self.states.items() if state != "settled"}

    def in_state(self, state: str) -> set[Key]:
        """Return the lookups in a state."""
        return {key for key, each in self.states.items() if each == state}

    def outcomes(self) -> dict[Key, OutcomeName]:
        """Return the outcomes of the lookups that have one."""
        return {
            (job_id, lead): outcome
            for job_id, job in self.jobs.items()
            for lead, outcome in job.outcomes.items()
            if outcome is not None
        }

    def refunds(self) -> dict[Key, int]:
        """Return the credits given back, by lookup; those that cost nothing give nothing back."""
        return {
            key: self.jobs[key[0]].price
            for key, outcome in self.outcomes().items()
            if outcome is not OutcomeName.FOUND and self.jobs[key[0]].price
        }

    def settle(self, key: Key, outcome: OutcomeName) -> None:
        """Note the one outcome of a lookup."""
        job = self.jobs[key[0]]
        self.states[key] = "settled"
        job.outcomes[key[1]] = outcome
        if outcome is not OutcomeName.FOUND:
            self.balance += job.price


def one_of(them: Iterable[T], place: int) -> T:
    """Return the one at a place, counted round and round; there is at least one."""
    found = list(them)
    return found[place % len(found)]


class LedgerMachine(RuleBasedStateMachine):
    """Accept, repeat, claim, settle, late settle, park, reclaim, cancel, send, replay.

    A rule for which there is nothing yet does nothing.
    """

    runner: asyncio.Runner
    pool: asyncpg.Pool

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.box = SecretBox([Fernet.generate_key().decode()])

    def do(self, step: Coroutine[Any, Any, T]) -> T:
        """Run one step to its end."""
        return self.runner.run(step)

    @initialize()
    def open(self) -> None:
        """Make a workspace with leads, owners, and an endpoint that gets every event."""
        self.shop: Workshop = self.do(open_workshop(self.pool, credits_granted=GRANTED))
        self.lead_ids = self.do(self.shop.add_leads(LEADS))
        self.workers = [self.do(new_worker(self.pool)) for _ in range(2)]
        self.dispatchers = [self.do(new_worker(self.pool)) for _ in range(2)]
        self.endpoint_id, self.endpoint = self.do(self._add_endpoint())

    @rule(
        places=st.sets(st.integers(0, LEADS - 1), min_size=1),
        price=st.sampled_from([0, 1, 3, 7]),
        key=st.none() | st.sampled_from(["a", "b", "c"]),
    )
    def accept(self, places: set[int], price: int, key: str | None) -> None:
        """Accept a job, or its key says that it was accepted or that it is another's."""
        leads = tuple(self.lead_ids[place] for place in sorted(places))
        known = self.model.keys.get(key or "")
        wanted = [lead for lead in leads if lead not in self.model.open_leads()]
        try:
            accepted = self.do(self._accept(leads, price, key))
        except KeyReused:
            assert known is not None
            assert known[0] != (*leads, price)
            return
        except InsufficientCredits:
            assert known is None
            assert len(wanted) * price > self.model.balance
            return
        [job] = accepted.jobs
        assert accepted.balance == self.model.balance - (0 if known else len(wanted) * price)
        if known:
            assert (known, accepted.replayed) == (((*leads, price), job.id), True)
            return
        assert (job.lookup_count, job.charged) == (len(wanted), len(wanted) * price)
        self.model.balance -= job.charged
        self.model.jobs[job.id] = ModelJob(
            job.public_id, price, outcomes=dict.fromkeys(wanted, None)
        )
        self.model.states |= {(job.id, lead): "ready" for lead in wanted}
        if key is not None:
            self.model.keys[key] = ((*leads, price), job.id)

    @rule(place=PLACES)
    def repeat(self, place: int) -> None:
        """Ask exactly again with a key: the same job comes back, and nothing is charged."""
        if not self.model.keys:
            return
        key = one_of(self.model.keys, place)
        (*leads, price), job_id = self.model.keys[key]
        accepted = self.do(self._accept(tuple(leads), price, key))
        [job] = accepted.jobs
        first = self.model.jobs[job_id]
        assert (job.id, job.public_id, accepted.replayed) == (job_id, first.public_id, True)
        assert (job.lookup_count, job.charged) == (
            len(first.outcomes),
            len(first.outcomes) * first.price,
        )
        assert accepted.balance == self.model.balance

    @rule(worker=st.integers(0, 1), count=st.integers(1, 5))
    def claim(self, worker: int, count: int) -> None:
        """Claim as many as are ready, and nothing that somebody holds."""
        ready = self.model.in_state("ready")
        claims = self.do(self.shop.claim(self.workers[worker], count))
        keys = {(claim.job_id, claim.lead_id) for claim in claims}
        assert keys <= ready
        assert len(keys) == min(count, len(ready))
        for claim in claims:
            key = (claim.job_id, claim.lead_id)
            assert claim.cancelled == self.model.jobs[claim.job_id].cancelled
            self.model.states[key] = "running"
            self.model.held.append(Held(self.workers[worker], claim))

    @rule(places=st.sets(PLACES, min_size=1), outcome=st.sampled_from(ENDS))
    def settle(self, places: set[int], outcome: OutcomeName) -> None:
        """Settle some of what owners believe to hold, however late: only live claims count."""
        if not self.model.held:
            return
        chosen = {place % len(self.model.held) for place in places}
        batch = [self.model.held[place] for place in sorted(chosen)]
        ends = [_end(each.claim, outcome) for each in batch]
        # A lookup may be in the batch twice, once as an earlier owner has it.
        live = [each for each in batch if each.live]
        assert self.do(settle_lookups(self.pool, ends, PUBLICATION)) == len(live)
        assert self.do(settle_lookups(self.pool, ends, PUBLICATION)) == 0
        for each in live:
            each.live = False
            self.model.settle((each.claim.job_id, each.claim.lead_id), _outcome(each, outcome))

    @rule(place=PLACES)
    def park(self, place: int) -> None:
        """Let a lookup wait: only the owner of a live claim can."""
        if not self.model.held:
            return
        held = one_of(self.model.held, place)
        self.do(self._park(held))
        if held.live:
            held.live = False
            self.model.states[(held.claim.job_id, held.claim.lead_id)] = "waiting"

    @rule()
    def wake(self) -> None:
        """Wake what waits and is due."""
        assert self.do(self._wake()) == len(self.model.in_state("waiting"))
        for key in self.model.in_state("waiting"):
            self.model.states[key] = "ready"

    @rule(worker=st.integers(0, 1))
    def die(self, worker: int) -> None:
        """Lose a worker: what it held is ready again, and it settles late if at all."""
        lost = [h for h in self.model.held if h.live and h.owner == self.workers[worker]]
        assert self.do(self._lose(self.workers[worker])) == len(lost)
        for held in lost:
            held.live = False
            self.model.states[(held.claim.job_id, held.claim.lead_id)] = "ready"
        self.workers[worker] = self.do(new_worker(self.pool))

    @rule(place=PLACES)
    def cancel(self, place: int) -> None:
        """Cancel a job that is neither over nor cancelled; others refuse."""
        if not self.model.jobs:
            return
        job_id = one_of(self.model.jobs, place)
        job = self.model.jobs[job_id]
        try:
            self.do(cancel_job(self.pool, self.shop.workspace_id, "seleqt", job.public_id))
        except JobNotCancellable:
            assert job.finished or job.cancelled
            return
        assert (job.finished, job.cancelled) == (False, False)
        job.cancelled = True
        for key in self.model.in_state("waiting"):
            if key[0] == job_id:
                self.model.states[key] = "ready"

    @rule(dispatcher=st.integers(0, 1), count=st.integers(1, 4))
    def send(self, dispatcher: int, count: int) -> None:
        """Claim deliveries: none that somebody is sending."""
        owner = self.dispatchers[dispatcher]
        shares = {Signer(self.shop.workspace_id, self.endpoint_id, hidden=False): count}
        for each in self.do(claim_deliveries(self.pool, self.box, owner, shares)):
            event_id = each.delivery.event_id
            assert self.model.deliveries.get(event_id, "due") == "due"
            self.model.deliveries[event_id] = "sending"
            self.model.sending.append(Sending(owner, each))

    @rule(place=PLACES, state=st.sampled_from(["delivered", "exhausted", "due"]))
    def complete(self, place: int, state: DeliveryState) -> None:
        """Write what became of a delivery: only a live claim counts."""
        if not self.model.sending:
            return
        sending = one_of(self.model.sending, place)
        states = self.do(self._complete(sending, state))
        assert list(states.values()) == ([state] if sending.live else [])
        if sending.live:
            sending.live = False
            self.model.deliveries[sending.signed_for.delivery.event_id] = state

    @rule(dispatcher=st.integers(0, 1))
    def die_sending(self, dispatcher: int) -> None:
        """Lose a dispatcher: what it held is due again."""
        owner = self.dispatchers[dispatcher]
        lost = [each for each in self.model.sending if each.live and each.owner == owner]
        assert self.do(self._lose_dispatcher(owner)) == len(lost)
        for each in lost:
            each.live = False
            self.model.deliveries[each.signed_for.delivery.event_id] = "due"
        self.dispatchers[dispatcher] = self.do(new_worker(self.pool))

    @rule(place=PLACES)
    def replay(self, place: int) -> None:
        """Send a delivery again, unless it is being sent."""
        if not self.model.deliveries:
            return
        event_id = one_of(self.model.deliveries, place)
        state = self.model.deliveries[event_id]
        workspace_id = self.shop.workspace_id
        try:
            self.do(replay_delivery(self.pool, workspace_id, event_id, self.endpoint))
        except DeliveryUnderWay:
            assert state == "sending"
            return
        assert state != "sending"
        self.model.deliveries[event_id] = "due"

    @invariant()
    def agree(self) -> None:
        """Database and model say the same of money, lookups, ends and deliveries."""
        if not hasattr(self, "endpoint_id"):
            return
        row = self.do(self._read())
        jobs = self.model.jobs.values()
        assert row["balance"] == row["entered"] == self.model.balance
        assert row["states"] == self.model.states
        assert row["outcomes"] == self.model.outcomes()
        assert row["refunds"] == self.model.refunds()
        assert row["told"] == {job.public_id: 1 for job in jobs if job.finished}
        # The endpoint gets every event, and what no dispatcher has had is due.
        assert row["deliveries"] == dict.fromkeys(row["events"], "due") | self.model.deliveries

    def teardown(self) -> None:
        """Bring everything to its end, so that the next example finds nothing to claim."""
        if not hasattr(self, "endpoint_id"):
            return
        for _ in range(DRAIN_ROUNDS_MAX):
            self.die(0)
            self.die(1)
            self.wake()
            self.claim(0, BATCH_MAX)
            live = [held for held in self.model.held if held.live]
            ends = [_end(each.claim, OutcomeName.MISSING) for each in live]
            self.do(settle_lookups(self.pool, ends, PUBLICATION))
            for each in live:
                each.live = False
                key = (each.claim.job_id, each.claim.lead_id)
                self.model.settle(key, _outcome(each, OutcomeName.MISSING))
            if not self.model.open_leads():
                break
        self.agree()
        assert all(job.finished for job in self.model.jobs.values())

    async def _accept(self, leads: tuple[int, ...], price: int, key: str | None) -> Accepted:
        body = hashlib.sha256(repr((*leads, price)).encode()).digest()
        return await self.shop.accept(
            leads,
            price=price,
            skip_filled=False,
            idempotency=None if key is None else Idempotency(key, body),
        )

    async def _add_endpoint(self) -> tuple[int, str]:
        row = await self.pool.fetchrow(
            "insert into endpoints (workspace_id, name, url, host, port, event_types)"
            " values ($1, 'test', 'https://a.example/', 'a.example', 443, '{*}')"
            " returning id, public_id",
            self.shop.workspace_id,
        )
        assert row is not None
        return row["id"], row["public_id"]

    async def _park(self, held: Held) -> None:
        async with self.pool.acquire() as connection:
            await park_lookups(connection, held.owner, [held.claim], 0.0)

    async def _wake(self) -> int:
        async with self.pool.acquire() as connection:
            return await wake_due_lookups(connection, BATCH_MAX)

    async def _lose(self, owner: UUID) -> int:
        async with self.pool.acquire() as connection:
            await leave(connection, owner)
            return await reclaim_lookups(connection, LEASE, BATCH_MAX)

    async def _lose_dispatcher(self, owner: UUID) -> int:
        async with self.pool.acquire() as connection:
            await leave(connection, owner)
            other = next(each for each in self.dispatchers if each != owner)
            return await reclaim(
                connection, other, lease_s=LEASE.total_seconds(), count_max=BATCH_MAX
            )

    async def _complete(self, sending: Sending, state: DeliveryState) -> dict[Any, str]:
        delivery = sending.signed_for.delivery
        completion = Completion(
            event_id=delivery.event_id,
            endpoint_id=delivery.endpoint_id,
            epoch=delivery.epoch,
            state=state,
            delay_s=0.0,
            counted=True,
            status=200,
            reason="test",
            started_at=datetime.now(UTC),
            duration_ms=1,
            address=None,
            attempt_class="ok",
            answer=None,
            body_sha256=bytes(32),
        )
        async with self.pool.acquire() as connection:
            return dict(await complete(connection, sending.owner, [completion]))

    async def _read(self) -> dict[str, Any]:
        workspace_id = self.shop.workspace_id
        fetch = self.pool.fetch
        money = await self.pool.fetchrow(
            "select balance, (select coalesce(sum(amount), 0) from ledger g"
            " where g.workspace_id = w.id) as entered from workspaces w where id = $1",
            workspace_id,
        )
        lookups = await fetch(
            "select job_id, lead_id, state, outcome from lookups where workspace_id = $1",
            workspace_id,
        )
        refunds = await fetch(
            "select g.job_id, l.lead_id, sum(g.amount)::bigint as amount"
            " from ledger g join lookups l on l.id = g.lookup_id"
            " where g.workspace_id = $1 and g.kind = 'refund' group by 1, 2",
            workspace_id,
        )
        told = await fetch(
            "select aggregateid, count(*) from events where workspace_id = $1 and type in"
            " ('enrichment.completed', 'enrichment.failed', 'enrichment.cancelled') group by 1",
            workspace_id,
        )
        events = await fetch("select id from events where workspace_id = $1", workspace_id)
        deliveries = await fetch(
            "select event_id, state from deliveries where endpoint_id = $1", self.endpoint_id
        )
        assert money is not None
        return {
            **money,
            "states": {(row["job_id"], row["lead_id"]): row["state"] for row in lookups},
            "outcomes": {
                (row["job_id"], row["lead_id"]): row["outcome"] for row in lookups if row["outcome"]
            },
            "refunds": {(row["job_id"], row["lead_id"]): row["amount"] for row in refunds},
            "told": {row["aggregateid"]: row["count"] for row in told},
            "events": [row["id"] for row in events],
            "deliveries": {row["event_id"]: row["state"] for row in deliveries},
        }


def _outcome(held: Held, outcome: OutcomeName) -> OutcomeName:
    return OutcomeName.CANCELLED if held.claim.cancelled else outcome


def _end(claim: Claim, outcome: OutcomeName) -> Settlement:
    outcome = OutcomeName.CANCELLED if claim.cancelled else outcome
    if outcome is OutcomeName.FOUND:
        return Settlement(claim, outcome, {"email": f"a{new_id().hex}@a.example"})
    return Settlement(claim, outcome, reason="test", refund=claim.price)

"""All gates of one worker process, and what they learn from the other workers once a second."""

import asyncio
from collections import Counter
from typing import Final
from uuid import UUID

from prometheus_client import Gauge

from providers.contract import Limits, Provider
from service.domain.retry_budget import RetryBudget
from service.edges.rate_slices import RateSlices
from service.flows.note_outage import Credential, Outages
from service.flows.provider_gate import Gate, Subject
from service.flows.request_budget import RequestBudget
from service.flows.request_pace import Fleet, budget_name
from service.store.connection import Pool
from service.store.processes import list_processes
from service.store.transient import TRANSIENT

ALIVE_S: Final = 15.0
"""A worker silent for longer has no share. More than a beat of the longest lease that can be set;
a dead worker that still counts makes the shares smaller, never the sum too large."""
IDLE_S: Final = 3_600.0
_OPEN: Final = "open"

_states = Gauge(
    "leadfall_gates", "Gates of this process by state.", ["provider", "operation", "state"]
)
_in_flight = Gauge("leadfall_gate_in_flight", "Requests that passed a gate.", ["provider"])
_limits = Gauge(
    "leadfall_gate_in_flight_max", "Requests of this process allowed under way.", ["provider"]
)


class Gates:
    """Hands out the gates; call `refresh` about once a second.

    Args:
        process_id: this worker's row in `processes`; its place among them decides its fair share.
        time_scale: real seconds per vendor second; below 1 only against a sandbox.
    """

    def __init__(
        self, *, slices: RateSlices, pool: Pool, process_id: UUID, time_scale: float = 1.0
    ) -> None:
        self._slices = slices
        self._pool = pool
        self._process_id = process_id
        self._time_scale = time_scale
        self._fleet = Fleet()
        self._outages = Outages(pool, time_scale=time_scale)
        self._gates: dict[Subject, tuple[Gate, RequestBudget]] = {}
        self._budgets: dict[tuple[Credential, str], RequestBudget] = {}
        self._retries: dict[str, RetryBudget] = {}

    def of(self, provider: Provider, credential: str, operation: str, limits: Limits) -> Gate:
        """Return the gate for one use of a key.

        Args:
            credential: `operator`, or `key:` and the id of a provider key.
            operation: a capability's value, `submit` or `poll`; each has a breaker of its own.
            limits: those that govern the operation; operations with equal ones share a budget.
        """
        subject = Subject(Credential(provider.slug, credential), operation)
        found = self._gates.get(subject)
        if found is None:
            budget = self._budget(provider, subject.credential, limits)
            retries = self._retries.setdefault(
                provider.slug, RetryBudget(time_scale=self._time_scale)
            )
            gate = Gate(subject, budget, self._outages, retries, time_scale=self._time_scale)
            found = self._gates[subject] = gate, budget
        return found[0]

    async def start(self) -> None:
        """Learn what there is to know before the first request; a store that is gone is no bar."""
        try:
            await self._outages.begin()
            await self.refresh()
        except TRANSIENT:
            return

    async def stop(self) -> None:
        """Let writes under way end and close the connections to Redis."""
        await self._outages.close()
        await asyncio.gather(*(budget.close() for budget in self._budgets.values()))
        await self._slices.close()

    async def refresh(self) -> None:
        """See the outages that others found, and how many workers share the rates.

        Raises:
            Exception: one of `TRANSIENT`; what was known stays known.
        """
        await self._slices.open()
        try:
            await self._count_workers()
            await self._outages.refresh()
        finally:
            self._forget_idle()
            self._show()

    async def _count_workers(self) -> None:
        async with self._pool.acquire() as connection:
            processes = await list_processes(connection)
        alive = {
            each["id"]
            for each in processes
            if each["role"] == "worker" and each["beat_age_s"] < ALIVE_S
        } | {self._process_id}
        self._fleet.workers = len(alive)
        self._fleet.rank = sorted(alive).index(self._process_id)

    def _budget(self, provider: Provider, credential: Credential, limits: Limits) -> RequestBudget:
        name = budget_name(provider, credential.name, limits)
        budget = self._budgets.get((credential, name))
        if budget is None:
            # Limits are per key: what needs none is limited by this process alone.
            is_shared = provider.auth.place != "none"
            budget = self._budgets[credential, name] = RequestBudget(
                name,
                limits,
                self._slices if is_shared else None,
                self._fleet,
                time_scale=self._time_scale,
            )
        return budget

    def _forget_idle(self) -> None:
        # Workspaces' own keys come and go; whoever holds a gate across this keeps a working one.
        before_s = asyncio.get_running_loop().time() - IDLE_S
        for key, budget in list(self._budgets.items()):
            if budget.is_idle and budget.used_at_s < before_s and budget.shut_for_s() == 0:
                del self._budgets[key]
                self._gates = {
                    subject: found for subject, found in self._gates.items() if found[1] != budget
                }

    def _show(self) -> None:
        states = Counter(
            (gate.subject.credential.provider, gate.subject.operation, gate.why or _OPEN)
            for gate, _ in self._gates.values()
        )
        in_flight: Counter[str] = Counter()
        limits: Counter[str] = Counter()
        for (credential, _), budget in self._budgets.items():
            in_flight[credential.provider] += budget.in_flight.count
            limits[credential.provider] += budget.in_flight.adapting.limit
        _states.clear()
        for labels, count in states.items():
            _states.labels(*labels).set(count)
        # Read as often as anybody looks, and not counted up and down with each request.
        _in_flight.clear()
        for provider, count in in_flight.items():
            _in_flight.labels(provider).set(count)
        _limits.clear()
        for provider, limit in limits.items():
            _limits.labels(provider).set(limit)

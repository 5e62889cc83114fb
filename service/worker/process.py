"""The worker process: drain, doorbell, submissions and chores under one lease."""

from collections.abc import Collection, Mapping

import structlog

from providers.contract import Provider
from service.domain.kinds import Kind
from service.edges.doorbell import Doorbell, connect
from service.flows.ask_provider import ProviderDesk
from service.flows.finish_submission import Finisher
from service.flows.hold_lease import ProcessLease
from service.flows.make_call import CallMaker
from service.flows.poll_submissions import Poller
from service.flows.publish_finished import Publication
from service.flows.recorder import Recorder
from service.flows.run_waterfall import Policy, WaterfallRunner
from service.flows.submit_calls import Submitter
from service.flows.suppress_people import SuppressionList
from service.settings import Settings
from service.store.connection import Pool
from service.worker.doorbell import DoorbellWorker
from service.worker.drain import Drain
from service.worker.janitor import Janitor
from service.worker.loops import Loop

_log = structlog.get_logger()

_CHORES_PER_LEASE = 5
_STRAYS_EVERY_LEASES = 1
_SUBMISSION_POLL_S = 0.25
_GATES_REFRESH_S = 1.0


class WorkerProcess:
    """Everything a worker runs; start and stop it once."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        lease: ProcessLease,
        desk: ProviderDesk,
        *,
        providers: Mapping[str, Provider],
        publication: Publication,
        suppressions: SuppressionList,
    ) -> None:
        lease_s = settings.lease_s
        self.lease = lease
        self._desk = desk
        self._settings = settings
        self._bell = Doorbell(connect(settings.redis_url.get_secret_value()))
        recorder, policy = Recorder(pool, settings.lease, suppressions), _policy(settings)
        finisher = Finisher(pool, suppressions, self._go_on, policy.memory_days)
        self._recorder = recorder
        self._drain = Drain(
            pool,
            self.lease,
            runner=WaterfallRunner(
                desk,
                recorder=recorder,
                calls=CallMaker(desk, recorder, pool, patience_s=policy.gate_patience_s),
                providers=providers,
                policy=policy,
            ),
            submitter=Submitter(
                pool,
                desk,
                self.lease.process_id,
                settings.lease,
                finisher,
                publication.public_url,
                policy.gate_patience_s,
            ),
            publication=publication,
            suppressions=suppressions,
            settings=settings.worker,
        )
        self._poller = Poller(
            pool,
            desk,
            providers,
            self.lease.process_id,
            settings.lease,
            finisher,
        )
        janitor = Janitor(
            pool,
            settings.lease,
            idempotency_kept=settings.idempotency_kept,
            jobs_kept=settings.jobs_kept,
            retention=settings.retention,
            ring=self._look,
        )
        self._poll = Loop("drain", self._work, interval_s=settings.worker.poll_interval_s)
        self._loops = (
            self._poll,
            Loop("submissions", self._poller.begin_due, interval_s=_SUBMISSION_POLL_S),
            Loop("janitor", janitor.run_once, interval_s=lease_s / _CHORES_PER_LEASE),
            Loop("gates", desk.gates.refresh, interval_s=_GATES_REFRESH_S),
            Loop("strays", self._give_back_strays, interval_s=lease_s * _STRAYS_EVERY_LEASES),
        )
        self._doorbell = DoorbellWorker(
            settings.redis_url.get_secret_value(), self.lease.process_id, self._work
        )

    @property
    def beat_age_s(self) -> float:
        """Seconds for which the latest loop has not turned; a drain under way counts as turning."""
        if self._drain.draining:
            return 0.0
        return max(loop.late_s for loop in self._loops)

    async def start(self) -> None:
        """Take the lease out and begin to work."""
        await self.lease.start()
        await self._desk.gates.start()
        for loop in self._loops:
            loop.start()
        self._doorbell.start()

    async def stop(self) -> None:
        """Claim nothing more, end what is under way within the grace, give the rest back."""
        await self._drain.stop(self._settings.worker.drain_grace)
        await self._doorbell.stop()
        await self._recorder.drain()
        for loop in self._loops:
            await loop.stop()
        await self._poller.stop()
        await self._desk.gates.stop()
        await self.lease.stop()
        await self._bell.close()

    async def _work(self) -> None:
        if await self._drain.drain(self._settings.worker.drain_span):
            self._bell.ring()

    async def _give_back_strays(self) -> None:
        await self._poller.give_back()
        await self._drain.give_back_strays()

    def _go_on(self, lookup_ids: Collection[int]) -> None:
        """Go on with lookups that were answered, here or wherever there is room."""
        self._drain.go_on(lookup_ids)
        self._look()

    def _look(self) -> None:
        """Look for work here at once, and have other workers look too."""
        self._poll.wake()
        self._bell.ring()


def _policy(settings: Settings) -> Policy:
    return Policy(
        lease=settings.lease,
        interrupted_wait_s=settings.worker.interrupted_wait_s,
        gate_patience_s=settings.worker.gate_patience_s,
        reclaim_count_max=settings.worker.reclaim_count_max,
        refund_percent={kind: settings.refund_percent.get(kind, 100) for kind in Kind},
        credit_costs={slug: each.credit_cost for slug, each in settings.providers.items()},
        memory_days=settings.memory_days,
    )

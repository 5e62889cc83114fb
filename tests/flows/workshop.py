"""What flow tests start from: a workspace with credits and leads, and jobs accepted over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from service.domain.claim import Claim, Settlement
from service.domain.identifiers import new_id
from service.domain.kinds import JOB_TYPES, JobType
from service.domain.outcome import OutcomeName
from service.domain.waterfall import Step, Waterfall
from service.flows.accept_jobs import (
    ASYNC_PRIORITY,
    Accepted,
    JobOrder,
    Order,
    Selection,
    accept_jobs,
)
from service.flows.publish_finished import Publication
from service.flows.share_commits import SharedCommits
from service.store.acceptance import Idempotency
from service.store.claims import claim_lookups
from service.store.connection import Connection
from service.store.ledger import enter_grant
from service.store.processes import beat
from service.store.waterfalls import keep_waterfall

PUBLICATION: Final = Publication()
TYPES: Final = {job_type.requested_as: job_type for job_type in JOB_TYPES}
FIND_EMAIL: Final = TYPES["FIND_EMAIL"]


@dataclass(frozen=True, slots=True)
class Workshop:
    """A workspace to test with."""

    pool: asyncpg.Pool
    workspace_id: int

    async def balance(self) -> int:
        """Return the workspace's credits."""
        found: int = await self.pool.fetchval(
            "select balance from workspaces where id = $1", self.workspace_id
        )
        return found

    async def add_leads(self, count: int) -> list[int]:
        """Add people without an address and return their ids."""
        rows = await self.pool.fetch(
            "insert into leads (workspace_id, first_name, last_name, company_domain)"
            " select $1, 'Nadia', 'Okafor' || n, 'brightwater.leadfall'"
            " from generate_series(1, $2) n returning id",
            self.workspace_id,
            count,
        )
        return [row["id"] for row in rows]

    async def accept(
        self,
        lead_ids: Sequence[int],
        *,
        job_types: Sequence[JobType] = (FIND_EMAIL,),
        price: int = 3,
        idempotency: Idempotency | None = None,
        mode: str = "async",
        webhook_url: str | None = None,
        skip_filled: bool = True,
        lead_events: bool = False,
        metadata: Mapping[str, str] | None = None,
        waterfall: Waterfall | None = None,
        commits: SharedCommits | None = None,
    ) -> Accepted:
        """Accept a request for these leads, as a face would."""

        async def select(connection: Connection) -> Selection:
            open_count = await connection.fetchval(
                "select count(*) from lookups where lead_id = any($1) and state <> 'settled'"
                " and target = any($2)",
                lead_ids,
                [job_type.kind.target for job_type in job_types],
            )
            return Selection(lead_ids, len(lead_ids) * len(job_types) - open_count)

        jobs = []
        for job_type in job_types:
            steps = waterfall or Waterfall(job_type.kind, (Step("enrich"),))
            async with self.pool.acquire() as connection:
                await keep_waterfall(connection, steps)
            jobs.append(JobOrder(job_type, price, steps.version))
        order = Order(
            workspace_id=self.workspace_id,
            face=job_types[0].face,
            mode=mode,
            jobs=tuple(jobs),
            skip_filled=skip_filled,
            webhook_url=webhook_url,
            lead_events=lead_events,
            metadata=metadata,
            idempotency=idempotency,
        )
        return await accept_jobs(commits or SharedCommits(self.pool), order, select, PUBLICATION)

    async def claim(self, owner: UUID, count_max: int = 1_000) -> list[Claim]:
        """Claim what is ready for a process that is alive."""
        async with self.pool.acquire() as connection:
            await beat(connection, owner, "worker", "test", 1)
            return await claim_lookups(
                connection,
                owner,
                priority=ASYNC_PRIORITY,
                count_max=count_max,
                after_workspace=0,
            )


async def open_workshop(pool: asyncpg.Pool, *, credits_granted: int = 1_000) -> Workshop:
    """Make a workspace with so many credits."""
    async with pool.acquire() as connection, connection.transaction():
        workspace_id = await connection.fetchval(
            "insert into workspaces (public_id, name) values (leadfall_object_id(), 'test')"
            " returning id"
        )
        if credits_granted:
            await enter_grant(connection, workspace_id, credits_granted, "test")
    return Workshop(pool, workspace_id)


async def new_worker(pool: asyncpg.Pool) -> UUID:
    """Register a living worker process and return its id."""
    process_id = new_id()
    async with pool.acquire() as connection:
        await beat(connection, process_id, "worker", "test", 1)
    return process_id


def found(claim: Claim, email: str = "nadia@brightwater.leadfall") -> Settlement:
    """Settle a claim as found."""
    return Settlement(
        claim, OutcomeName.FOUND, {"email": email, "verdict": "deliverable", "reason": "test"}
    )


def missing(claim: Claim) -> Settlement:
    """Settle a claim as missing, refunded in full."""
    return Settlement(claim, OutcomeName.MISSING, refund=claim.price)

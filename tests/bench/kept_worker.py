"""The bare worker over the product's jobs: its statements that claim, intend and settle, no more.

So a lookup is claimed under an epoch by a process that beats, memory is asked and each intent takes
its question's turn, for a whole claim at once and before a lookup has its slot; and a settlement
writes call, memory, lead, lookup, job, refund, ledger and the event of the job's end, as every
settlement does. Left out is everything that is decided in the process: waterfalls of several steps,
gates, rates, budgets, adapters, who is suppressed, what is learned, retries, metrics, logs.
Run as a program, it works until it is killed.
"""

import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import aiohttp
import structlog

from service.domain.claim import Answer, Claim, Settlement, ToRemember
from service.domain.kinds import Capability
from service.domain.outcome import OutcomeName
from service.domain.question import SHARED
from service.flows.accept_jobs import ASYNC_PRIORITY
from service.flows.hold_lease import ProcessLease
from service.flows.publish_finished import Publication
from service.flows.settle_lookups import settle_lookups
from service.store.calls import Grant, Intent, write_intents
from service.store.claims import claim_lookups, mark_started
from service.store.connection import Pool, open_pool
from service.store.memory import recall
from tests.bench.bare_worker import Item, Lookups, ask_plainly, run_program
from tests.bench.peers.work import SLUG, database_url

LEASE: Final = timedelta(seconds=5)
LASTS_S: Final = 60.0
REMEMBERED_DAYS: Final = 30.0
PRICE_FOUND: Final = 1_000
CONNECTIONS_MAX: Final = 2


@asynccontextmanager
async def open_kept() -> AsyncIterator[tuple[Pool, ProcessLease]]:
    """Connect, and beat until the end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with await open_pool(
        database_url(), size_min=CONNECTIONS_MAX, size_max=CONNECTIONS_MAX, role="bench"
    ) as pool:
        lease = ProcessLease(pool, "worker", LEASE)
        await lease.start()
        yield pool, lease


class KeptLookups:
    """The tables that a worker of ours writes to, for jobs of one step."""

    claim_max = 256
    linger_s = 0.05

    def __init__(self, pool: Pool, lease: ProcessLease) -> None:
        self._pool = pool
        self._lease = lease

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Lookups]:
        """Connect, and beat until the end."""
        async with open_kept() as (pool, lease):
            yield cls(pool, lease)

    async def claim(self) -> list[Item]:
        """Take leads that nobody has, with their intents committed."""
        async with self._pool.acquire() as connection:
            claims = await claim_lookups(
                connection,
                self._lease.process_id,
                priority=ASYNC_PRIORITY,
                count_max=self.claim_max,
                after_workspace=0,
            )
            if not claims:
                return []
            if started := {claim.job_id for claim in claims if claim.first_of_job}:
                await mark_started(connection, sorted(started))
            intents = [self.intent(claim) for claim in claims]
            known = await recall(connection, intents)
            grants = await write_intents(connection, intents, LEASE)
        # Nobody else has their names, and no job is cancelled: each must be asked, and now.
        assert all(each is None for each in known)
        assert all(grant is Grant.GRANTED for grant in grants)
        return [_item(claim, intent) for claim, intent in zip(claims, intents, strict=True)]

    async def ask(self, http: aiohttp.ClientSession, item: Item) -> Any:
        """Return the address that the vendor knows, if any."""
        return await ask_plainly(http, item)

    async def settle(self, answered: Sequence[tuple[Item, Any]]) -> None:
        """Settle as the product does, with what the calls came to."""
        settlements = [self.settlement(item, came) for item, came in answered]
        settled = await settle_lookups(self._pool, settlements, Publication())
        assert settled == len(settlements)

    def intent(self, claim: Claim) -> Intent:
        """Return the intent to ask about a lead."""
        lead = claim.lead
        told = f"{lead.first_name}\x1f{lead.last_name}\x1f{lead.company_domain}"
        question = hashlib.sha256(told.encode()).digest()
        return Intent(claim.lookup_id, 0, SLUG, claim.epoch, question=question, lasts_s=LASTS_S)

    def settlement(self, item: Item, came: Any) -> Settlement:
        """Return the end to which an address, or none, leads."""
        claim, question = item.claim
        email: str | None = came
        outcome, value = OutcomeName.MISSING, None
        if email is not None:
            outcome, value = OutcomeName.FOUND, {"email": email, "verdict": "deliverable"}
        keep = ToRemember(
            question=question,
            scope=SHARED,
            provider=SLUG,
            capability=Capability.FIND_EMAIL,
            # The product hashes the person once more, in another spelling.
            person=question,
            outcome=outcome,
            value=value,
            days=REMEMBERED_DAYS,
        )
        answer = Answer(
            claim.lookup_id,
            0,
            claim.epoch,
            outcome,
            value,
            price_thousandths=0 if email is None else PRICE_FOUND,
            duration_ms=0,
            keep=keep,
        )
        refund = claim.price if email is None else 0
        return Settlement(claim, outcome, value, refund=refund, answer=answer)


def _item(claim: Claim, intent: Intent) -> Item:
    lead = claim.lead
    person = (lead.first_name or "", lead.last_name or "", lead.company_domain or "")
    return Item(person, (claim, intent.question))


if __name__ == "__main__":
    run_program(KeptLookups.open)

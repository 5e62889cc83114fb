"""A workspace whose worker knows nobody but the built-in provider and a mail world on loopback."""

import asyncio
from dataclasses import dataclass

import asyncpg

from service import app
from service.settings import DNSSettings, EgressSettings, Settings, SMTPSettings
from tests.flows.workshop import TYPES, Workshop

WAIT_S = 20.0

_ENDED = (
    "select l.outcome, c.value->>'email' as email, c.reason, c.epoch, c.ask_count, l.reclaim_count"
    " from lookups l join calls c on c.lookup_id = l.id"
    " where l.state = 'settled' and l.lead_id = $1"
)


@dataclass(frozen=True)
class Office:
    """A workspace beside a mail world, and the settings of its worker."""

    shop: Workshop
    settings: Settings

    async def outcome_of(self, first_name: str, last_name: str, domain: str) -> asyncpg.Record:
        """Run one lookup for an address with a worker; return its outcome and its one call."""
        pool = self.shop.pool
        lead_id = await pool.fetchval(
            "insert into leads (workspace_id, first_name, last_name, company_domain)"
            " values ($1, $2, $3, $4) returning id",
            self.shop.workspace_id,
            first_name,
            last_name,
            domain,
        )
        await self.shop.accept([lead_id], job_types=(TYPES["FIND_EMAIL"],))
        async with app.worker(self.settings), asyncio.timeout(WAIT_S):
            while (ended := await pool.fetchrow(_ENDED, lead_id)) is None:
                await asyncio.sleep(0.02)
        return ended


def settings_of(
    database_url: str, redis_url: str, *, dns_server: str, smtp_port: int, time_scale: float
) -> Settings:
    """Return a worker's settings for a mail world on loopback."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        lease_s=1,
        vendor_time_scale=time_scale,
        egress=EgressSettings(allow="127.0.0.0/8"),
        dns=DNSSettings(servers=dns_server, timeout_s=0.5),
        smtp=SMTPSettings(port=smtp_port, host_interval_s=0, step_timeout_s=1),
    )

"""What fault tests do as callers: put people into a list, start a job, wait for its end."""

import asyncio
from typing import Any

import aiohttp
import asyncpg

from tests.faults.fleet import Fleet, Tenant

WAIT_S = 150.0


async def add_people(
    pool: asyncpg.Pool, tenant: Tenant, list_id: int, count: int, name: str = "Ada"
) -> None:
    """Put people with distinct names into a list."""
    await pool.execute(
        "with added as (insert into leads (workspace_id, first_name, last_name, company_domain)"
        " select $1, $4::text || translate(n::text, '0123456789', 'abcdefghij'),"
        " 'Ng' || translate(n::text, '0123456789', 'klmnopqrst'), 'brightwater.leadfall'"
        " from generate_series(1, $3) n returning id)"
        " insert into list_leads (list_id, lead_id) select $2, id from added",
        tenant.workspace.id,
        list_id,
        count,
        name,
    )


async def post_job(fleet: Fleet, tenant: Tenant, list_id: int, **body: Any) -> str:
    """Start an enrichment as its caller would and return the job's id."""
    url = f"{fleet.base_url}/api/v1/public/lead-lists/{list_id}/enrichment/"
    headers = {"X-API-Key": tenant.seleqt_key}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()
        job_id: str = (await answer.json())["job_id"]
        return job_id


async def until(pool: asyncpg.Pool, condition: str, job_id: str, wait_s: float = WAIT_S) -> None:
    """Wait until a condition on the job holds; a database that is away counts as not yet."""
    async with asyncio.timeout(wait_s):
        while True:
            try:
                statement = f"select {condition} from jobs where public_id = $1"
                if await pool.fetchval(statement, job_id):
                    return
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass
            await asyncio.sleep(0.05)

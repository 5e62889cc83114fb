"""A workspace with keys, lists and leads behind a running API, and a worker's part on demand."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from service.api.context import ApiContext
from service.domain.api_key import ApiKey
from service.domain.claim import Claim, Settlement
from service.domain.kinds import Face, Target
from service.domain.outcome import OutcomeName
from service.flows.create_list import create_list
from service.flows.manage_keys import create_api_key
from service.flows.settle_lookups import settle_lookups
from service.store.claims import claim_lookups
from service.store.connection import Pool
from service.store.leads import NewLead, insert_leads
from service.store.ledger import enter_grant

Client = TestClient[Request, Application]
End = Callable[[Claim], Settlement]

TABLES = ("jobs", "lookups", "ledger", "events", "deliveries", "endpoints", "idempotency_keys")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace with a key of each face and an empty list of each sort."""

    id: int
    public_id: str
    seleqt_key: ApiKey
    sendkit_key: ApiKey
    people_list: int
    company_list: int


@dataclass(slots=True)
class Stage:
    """The running API and its database; `rung` counts how often the doorbell rang."""

    context: ApiContext
    client: Client
    tenant: Tenant
    rings: list[None] = field(default_factory=list)

    @property
    def pool(self) -> Pool:
        """The pool that the API uses as well."""
        return self.context.pool

    async def seleqt(
        self, body: Any = None, *, list_id: int | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Start an enrichment of the people list; return status and body of the answer."""
        path = f"/api/v1/public/lead-lists/{list_id or self.tenant.people_list}/enrichment/"
        return await self._post(path, body, {"X-API-Key": self.tenant.seleqt_key.text, **headers})

    async def sendkit(self, body: Any, **headers: str) -> tuple[int, Any]:
        """Call enrich; return status and body of the answer."""
        key = self.tenant.sendkit_key.text
        return await self._post("/v1/enrichment/enrich", body, {"X-Api-Key": key, **headers})

    async def _post(self, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else None
        json = None if isinstance(body, bytes) else body
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        if raw is not None:
            shown.setdefault("Content-Type", "application/json")
        async with self.client.post(path, data=raw, json=json, headers=shown) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str, face: Face, **query: Any) -> tuple[int, Any]:
        """Get a path with the tenant's key of a face; return status and body of the answer."""
        key = self.tenant.seleqt_key if face is Face.SELEQT else self.tenant.sendkit_key
        async with self.client.get(path, params=query, headers={"X-Api-Key": key.text}) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Post to a path with the tenant's SendKit key; return status and body of the answer."""
        return await self._post(path, body, {"X-Api-Key": self.tenant.sendkit_key.text})

    async def get_seleqt(self, tail: str, *, list_id: int | None = None, **query: Any) -> Any:
        """Get something below the people list and return the body of its 200."""
        path = f"/api/v1/public/lead-lists/{list_id or self.tenant.people_list}/{tail}"
        status, body = await self.get(path, Face.SELEQT, **query)
        assert status == 200, body
        return body

    async def add_leads(
        self, leads: Sequence[Mapping[str, str]], *, list_id: int | None = None
    ) -> list[str]:
        """Put leads into the people list and return their 24-hex ids."""
        async with self.pool.acquire() as connection:
            last = await connection.fetchval("select coalesce(max(id), 0) from leads")
            await insert_leads(
                connection,
                self.tenant.id,
                list_id or self.tenant.people_list,
                [NewLead(lead, lead.get("phone"), {}) for lead in leads],
            )
            rows = await connection.fetch(
                "select public_id from leads where id > $1 order by id", last
            )
        return [row["public_id"] for row in rows]

    async def count_rows(self) -> dict[str, int]:
        """Count what an accepted request writes; a refused one must leave it as it was."""
        async with self.pool.acquire() as connection:
            return {
                table: await connection.fetchval(f"select count(*) from {table}")
                for table in TABLES
            }

    async def balance(self) -> int:
        """Return the tenant's credits."""
        async with self.pool.acquire() as connection:
            found: int = await connection.fetchval(
                "select balance from workspaces where id = $1", self.tenant.id
            )
        return found

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Run a statement and return its rows."""
        async with self.pool.acquire() as connection:
            rows: list[Any] = await connection.fetch(statement, *arguments)
        return rows

    async def settle(self, end: End, *, priority: int = 1, count_max: int = 1_000) -> int:
        """Do a worker's part: claim what is ready and settle each as `end` says."""
        async with self.pool.acquire() as connection:
            claims = await claim_lookups(
                connection, uuid4(), priority=priority, count_max=count_max, after_workspace=0
            )
        return await settle_lookups(
            self.pool, [end(claim) for claim in claims], self.context.publication
        )

    async def settle_sync(self, end: End, *, count_max: int = 1_000) -> int:
        """Wait until a sync caller's lookups are there, then settle them."""
        async with asyncio.timeout(10):
            while not (count := await self.settle(end, priority=0, count_max=count_max)):
                await asyncio.sleep(0.01)
        return count


def found(claim: Claim) -> Settlement:
    """End a lookup with a value that follows from the lead."""
    name = (claim.lead.first_name or "someone").lower()
    values: dict[Target, dict[str, Any]] = {
        Target.EMAIL: {"email": f"{name}@found.example", "verdict": "deliverable"},
        Target.PHONE: {"phone": "+14155550100"},
        Target.VERIFICATION: {
            "email": claim.lead.email,
            "verdict": "deliverable",
            "reason": "accepted_email",
        },
        Target.GATEWAY: {"slug": "proofpoint", "name": "Proofpoint"},
        Target.ESP: {"slug": "google", "name": "Gmail"},
    }
    return Settlement(claim, OutcomeName.FOUND, values[claim.kind.target])


def missing(claim: Claim) -> Settlement:
    """End a lookup without a value, refunded in full."""
    return Settlement(claim, OutcomeName.MISSING, refund=claim.price)


def found_if_first_name(name: str) -> End:
    """End the lookup of one lead with a value and all others without."""

    def end(claim: Claim) -> Settlement:
        return found(claim) if claim.lead.first_name == name else missing(claim)

    return end


async def add_tenant(pool: Pool, name: str, credit: int) -> Tenant:
    """Make a workspace with credits, keys and lists."""
    public_id = uuid4().hex[:24]
    async with pool.acquire() as connection:
        workspace_id = await connection.fetchval(
            "insert into workspaces (public_id, name) values ($1, $2) returning id",
            public_id,
            name,
        )
        if credit:
            await enter_grant(connection, workspace_id, credit, "test")
    people = await create_list(pool, workspace_id, "people", "PEOPLE")
    companies = await create_list(pool, workspace_id, "companies", "COMPANY")
    _, seleqt_key = await create_api_key(pool, workspace_id, Face.SELEQT, "test")
    _, sendkit_key = await create_api_key(pool, workspace_id, Face.SENDKIT, "test")
    return Tenant(workspace_id, public_id, seleqt_key, sendkit_key, people.id, companies.id)


def people(count: int, first: int = 1) -> list[dict[str, str]]:
    """Return leads that lack email and phone."""
    return [
        {
            "first_name": f"First{number}",
            "last_name": f"Last{number}",
            "company_name": f"Company {number}",
            "company_domain": f"company{number}.example",
        }
        for number in range(first, first + count)
    ]

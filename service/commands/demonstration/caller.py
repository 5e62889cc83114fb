"""A caller of both APIs over HTTP, as a client of either would be written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from service.commands.failures import CommandFailure

_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls with a workspace's keys; an answer other than 200 ends the demo with a sentence."""

    session: aiohttp.ClientSession
    base_url: str
    seleqt_key: str = field(repr=False)
    sendkit_key: str = field(repr=False)

    async def find_emails(self, list_id: int, *, limit: int, webhook_url: str) -> dict[str, Any]:
        """Start Seleqt's waterfall for a list and return the answer."""
        body = {
            "enrichment_type": "FIND_EMAIL_WATERFALL",
            "prospect_limit": limit,
            "mode": "async",
            "webhook_url": webhook_url,
        }
        return await self._seleqt("POST", f"{list_id}/enrichment/", body)

    async def verify_emails(self, lead_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Start SendKit's e-mail verification and gateway detection; return the jobs."""
        body = {"leadIds": list(lead_ids), "enrichmentTypes": ["email", "segGateway"]}
        answer = await self._sendkit("POST", "/enrich", body)
        jobs: list[dict[str, Any]] = answer["data"]["jobs"]
        return jobs

    async def found_emails(self, list_id: int, job_id: str) -> list[dict[str, Any]]:
        """Return every result row of a Seleqt job."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = f"page_size=100&cursor={cursor}" if cursor else "page_size=100"
            page = await self._seleqt("GET", f"{list_id}/enrichment/{job_id}/results/?{query}")
            rows += page["results"]
            cursor = page["next_cursor"]
        return rows

    async def job_results(self, job_id: str) -> list[dict[str, Any]]:
        """Return every result row of a SendKit job."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = f"limit=100&cursor={cursor}" if cursor else "limit=100"
            page = await self._sendkit("GET", f"/jobs/{job_id}/results?{query}")
            rows += page["data"]
            cursor = page["pagination"]["nextCursor"]
        return rows

    async def job(self, job_id: str) -> dict[str, Any]:
        """Return a SendKit job with its counts and credits."""
        answer = await self._sendkit("GET", f"/jobs/{job_id}")
        job: dict[str, Any] = answer["data"]
        return job

    async def seleqt_job(self, list_id: int, job_id: str) -> dict[str, Any]:
        """Return a Seleqt job with its counts and credits."""
        return await self._seleqt("GET", f"{list_id}/enrichment/{job_id}/results/?page_size=1")

    async def balance(self, list_id: int) -> int:
        """Return the credits that are left."""
        answer = await self._seleqt("GET", f"{list_id}/enrichment/count/")
        balance: int = answer["available_credits"]
        return balance

    async def _seleqt(self, method: str, tail: str, body: Any = None) -> dict[str, Any]:
        url = f"{self.base_url}/api/v1/public/lead-lists/{tail}"
        return await self._call(method, url, {"X-API-Key": self.seleqt_key}, body)

    async def _sendkit(self, method: str, tail: str, body: Any = None) -> dict[str, Any]:
        url = f"{self.base_url}/v1/enrichment{tail}"
        return await self._call(method, url, {"X-Api-Key": self.sendkit_key}, body)

    async def _call(
        self, method: str, url: str, headers: dict[str, str], body: Any
    ) -> dict[str, Any]:
        async with self.session.request(
            method, url, headers=headers, json=body, timeout=_TIMEOUT
        ) as answer:
            text = await answer.text()
            if answer.status != 200:  # noqa: PLR2004 - both APIs answer nothing else to a success
                raise CommandFailure(f"{method} {url} answered {answer.status}: {text[:500]}")
            parsed: dict[str, Any] = await answer.json()
            return parsed

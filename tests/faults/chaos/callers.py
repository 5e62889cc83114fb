"""Callers as they should be: each request has a key and is sent again until it is answered."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, Final

import aiohttp

from service.errors import JobNotCancellable
from service.flows.cancel_job import cancel_job
from service.flows.create_list import create_list
from tests.faults.chaos.site import Site, patiently
from tests.faults.enrichment import add_people
from tests.faults.fleet import Tenant

LEADS_MAX: Final = 40
# While so many lookups wait, callers wait too: what is left at the end is then bounded.
OPEN_MAX: Final = 2_000
ASKED_AGAIN_SHARE: Final = 0.2
CANCELLED_SHARE: Final = 0.1
LEAD_EVENTS_SHARE: Final = 0.2
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_AGAIN_S: Final = (0.1, 0.5)
_REST_S: Final = (0.1, 0.8)
_LETTERS: Final = str.maketrans("0123456789", "abcdefghij")
_AGAIN_STATUSES: Final = frozenset({409, 429, 500, 502, 503, 504})


@dataclass
class Log:
    """What callers saw.

    Attributes:
        jobs: by Idempotency-Key, every job id that was answered to it.
        refused: answers that a caller does not repeat; there should be none.
        asked: requests sent, answered or not.
    """

    jobs: dict[str, set[str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    asked: int = 0
    cancelled: int = 0


class Caller:
    """Posts jobs over people whom nobody else asks about, one after the other."""

    _names = count()

    def __init__(
        self, site: Site, tenant: Tenant, log: Log, random: Random, *, open_max: int
    ) -> None:
        self._site = site
        self._tenant = tenant
        self._log = log
        self._random = random
        self._open_max = open_max

    async def work(self, stopping: asyncio.Event) -> None:
        """Post jobs until told to stop; the one under way is seen to its answer."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while not stopping.is_set():
                if self._site.open_lookups < self._open_max:
                    await self._post_job(session)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._random.uniform(*_REST_S)):
                        await stopping.wait()

    async def _post_job(self, session: aiohttp.ClientSession) -> None:
        size = self._random.randint(1, LEADS_MAX)
        list_id = await patiently(lambda: self._fill_list(size))
        key = f"job-{list_id}"
        body = {
            "enrichment_type": "FIND_EMAIL_WATERFALL",
            "prospect_limit": size,
            "webhook_url": f"{self._site.inbox.url}/{self._tenant.workspace.id}",
            "lead_events": self._random.random() < LEAD_EVENTS_SHARE,
        }
        job_id = await self._ask(session, list_id, body, key)
        if job_id is not None and self._random.random() < ASKED_AGAIN_SHARE:
            await self._ask(session, list_id, body, key)
        if job_id is not None and self._random.random() < CANCELLED_SHARE:
            await patiently(lambda: self._cancel(job_id))

    async def _fill_list(self, size: int) -> int:
        """Make a list of new people; one that was made in vain is left as it is."""
        name = f"{next(self._names)}"
        made = await create_list(self._site.pool, self._tenant.workspace.id, f"list {name}")
        letters = f"Ada{name.translate(_LETTERS)}x"
        await add_people(self._site.pool, self._tenant, made.id, size, letters)
        return made.id

    async def _ask(
        self, session: aiohttp.ClientSession, list_id: int, body: dict[str, Any], key: str
    ) -> str | None:
        url = f"{self._site.fleet.base_url}/api/v1/public/lead-lists/{list_id}/enrichment/"
        headers = {"X-API-Key": self._tenant.seleqt_key, "Idempotency-Key": key}
        while True:
            self._log.asked += 1
            answer = await self._send(session, url, body, headers)
            if answer is not None:
                break
            await asyncio.sleep(self._random.uniform(*_AGAIN_S))
        if "job_id" not in answer:
            self._log.refused.append(str(answer))
            return None
        job_id: str = answer["job_id"]
        self._log.jobs.setdefault(key, set()).add(job_id)
        return job_id

    async def _send(
        self, session: aiohttp.ClientSession, url: str, body: Any, headers: dict[str, str]
    ) -> dict[str, Any] | None:
        """Return the answer; None where it is worth asking again."""
        try:
            async with session.post(url, json=body, headers=headers) as answer:
                if answer.status in _AGAIN_STATUSES:
                    return None
                told: dict[str, Any] = await answer.json()
                return told
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def _cancel(self, job_id: str) -> None:
        workspace_id = self._tenant.workspace.id
        with suppress(JobNotCancellable):
            await cancel_job(self._site.pool, workspace_id, "seleqt", job_id)
            self._log.cancelled += 1

"""A caller whose request met a lost answer asks again with its key, and is charged once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from pydantic import SecretStr

from service import app
from service.domain.kinds import Face
from service.flows.create_list import create_list
from service.flows.manage_keys import create_api_key
from tests.faults.crash.flows.jobs import broken_jobs
from tests.faults.crash.scene import Scene, open_scene
from tests.faults.proxy import Loss, Proxy, ends_postgres_answer

LEADS = 3
FAILED = {500, 503}


@dataclass
class Caller:
    """A caller of an API whose connections to Postgres go through a proxy.

    Attributes:
        statuses: of every first try.
    """

    scene: Scene
    proxy: Proxy
    base_url: str
    statuses: list[int]

    async def order(self, lost_at: int | None, loss: Loss) -> tuple[int, list[str]]:
        """Order a job, twice with one key; return the answers counted and what is broken."""
        workspace = await self.scene.workspace()
        _, key = await create_api_key(self.scene.pool, workspace.id, Face.SELEQT, "test")
        made = await create_list(self.scene.pool, workspace.id, "people")
        leads = await self.scene.leads(workspace.id, LEADS)
        await self.scene.pool.execute(
            "insert into list_leads (list_id, lead_id) select $1, unnest($2::bigint[])",
            made.id,
            leads,
        )
        headers = {"X-API-Key": key.text, "Idempotency-Key": "the only one"}
        url = f"{self.base_url}/api/v1/public/lead-lists/{made.id}/enrichment/"
        body = {"enrichment_type": "FIND_EMAIL", "prospect_limit": LEADS}
        async with aiohttp.ClientSession(headers=headers) as session:
            self.proxy.watch(lost_at, loss)
            async with session.post(url, json=body) as answer:
                self.statuses.append(answer.status)
            counted = self.proxy.answer_count
            self.proxy.watch()
            async with session.post(url, json=body) as answer:
                again = [] if answer.status == 200 else [f"asked again: {answer.status}"]
        unsettled = {"every lookup is settled", "each job has one terminal event, not 0"}
        broken = await broken_jobs(self.scene, workspace.id, jobs=1, lookups=LEADS)
        # No worker runs, so the job is as its acceptance left it.
        paid = "balance is what was granted less what was kept"
        return counted, [*again, *(each for each in broken if each not in unsettled | {paid})]


@pytest.fixture
async def caller(database_url: str, redis_url: str) -> AsyncIterator[Caller]:
    """A caller, and an API that has just started."""
    async with (
        open_scene(database_url, redis_url) as scene,
        Proxy(database_url, ends_postgres_answer) as proxy,
    ):
        settings = scene.settings.model_copy(
            update={"database_url": SecretStr(proxy.url), "port": 0}
        )
        async with app.api(settings) as running:
            yield Caller(scene, proxy, f"http://127.0.0.1:{running.port}", [])


@pytest.mark.parametrize("loss", Loss)
async def test_key_is_charged_once_whatever_answer_was_lost(caller: Caller, loss: Loss) -> None:
    """Each answer of the database to a request is lost in turn."""
    await caller.order(None, loss)
    counted, _ = await caller.order(None, loss)

    broken = [(await caller.order(number, loss))[1] for number in range(1, counted + 1)]

    assert counted > 1
    assert [each for each in broken if each] == []
    assert set(caller.statuses) <= {200} | FAILED
    assert set(caller.statuses) & FAILED != set()

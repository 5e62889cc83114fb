"""The examples of the two APIs' pages, as their readers write them, run against `make dev`.

They and README's lines need curl, and one needs Node.js; `conftest.py` says what happens where a
machine has not got them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.commands.made_dev import MadeDev, make_dev
from tests.commands.processes import PATIENCE_S, Finished, run_program
from tests.commands.programs import RUNNERS
from tests.commands.readme import read_lines

EXAMPLES = Path(__file__).parent / "examples"
JOBS = {"email_verification": 2, "phone_enrichment": 40, "seg_gateway": 0}


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeDev]:
    """A `make dev` for the tests of this file."""
    with make_dev(tmp_path_factory.mktemp("made")) as running:
        yield running


class Hook:
    """A receiver of webhooks."""

    def __init__(self) -> None:
        self.url = ""
        self._bodies: asyncio.Queue[Any] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        """Keep the body and answer with success."""
        self._bodies.put_nowait(await request.json())
        return web.Response()

    async def next(self) -> Any:
        """Wait for a body."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._bodies.get()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """A receiver on this machine."""
    hook = Hook()
    app = web.Application()
    app.router.add_post("/webhook/enrichment", hook.take)
    async with TestServer(app, host="127.0.0.1") as server:
        hook.url = str(server.make_url("/webhook/enrichment"))
        yield hook


async def run_example(dev: MadeDev, name: str, webhook_url: str = "") -> Finished:
    """Run an example to its end, with host and keys in its environment."""
    file = EXAMPLES / name
    settings = {**dev.variables, "WEBHOOK_URL": webhook_url}
    done = await run_program(RUNNERS[file.suffix], str(file), settings=settings)
    assert done.code == 0, done.errors
    return done


@pytest.mark.parametrize("name", ["sendkit_enrich.sh", "sendkit_enrich.py", "sendkit_enrich.mjs"])
async def test_sendkits_example(dev: MadeDev, name: str) -> None:
    """Three jobs for two leads, priced as on the page, and each of them ends."""
    answer = json.loads((await run_example(dev, name)).output)

    jobs = answer["data"]["jobs"]
    assert answer["success"]
    assert {job["type"]: job["creditsUsed"] for job in jobs} == JOBS
    assert [job["totalItems"] for job in jobs] == [2, 2, 2]
    assert (answer["data"]["totalLeads"], answer["data"]["totalCreditsCharged"]) == (2, 42)
    assert [await wait_for_job(dev, job["jobId"]) for job in jobs] == ["completed"] * 3


async def test_seleqts_async_example(dev: MadeDev) -> None:
    """It starts in the background, and the answer says what was charged."""
    answer = json.loads((await run_example(dev, "seleqt_async.sh")).output)

    assert (answer["success"], answer["mode"], answer["webhook_url"]) == (True, "async", None)
    assert answer["enriched_count"] <= 100
    assert answer["credits_deducted"] == 3 * answer["enriched_count"]


async def test_seleqts_webhook_example(dev: MadeDev, hook: Hook) -> None:
    """The receiver is called with the result of this very job."""
    answer = json.loads((await run_example(dev, "seleqt_webhook.sh", hook.url)).output)

    told = await hook.next()
    assert answer["message"].endswith(f"Results will be sent to {hook.url}")
    assert told["data"]["job_id"] == answer["job_id"]
    assert told["data"]["credits_deducted"] == answer["credits_deducted"]


async def test_seleqts_sync_example(dev: MadeDev) -> None:
    """The results are in the answer."""
    answer = json.loads((await run_example(dev, "seleqt_sync.sh")).output)

    assert (answer["success"], answer["mode"]) == (True, "sync")
    assert len(answer["results"]) == answer["total_count"] <= 50
    assert answer["success_count"] == sum(row["success"] for row in answer["results"])


async def test_seleqts_python_example_with_a_webhook(dev: MadeDev, hook: Hook) -> None:
    """Count, enrich what was counted, and be told."""
    done = await run_example(dev, "seleqt_webhook.py", hook.url)

    told = await hook.next()
    assert f"Enrichment started for {told['data']['total_count']} prospects" in done.output
    assert f"Results will be sent to {hook.url}" in done.output


async def test_seleqts_python_example_in_sync_mode(dev: MadeDev) -> None:
    """There is a line for each lead."""
    output = (await run_example(dev, "seleqt_sync.py")).output

    first, *_ = output.splitlines()
    assert first == f"Enriched {output.count('found ') + output.count('missed ')} prospects"


async def test_seleqts_whole_workflow(dev: MadeDev) -> None:
    """It waits until no lead says `Loading...` and finds addresses in the list."""
    lines = (await run_example(dev, "seleqt_workflow.py")).output.splitlines()

    assert "Enrichment complete!" in lines
    assert lines[-1].endswith("prospects now have emails")
    assert int(lines[-1].partition("/")[0]) > 0


async def test_the_lines_that_it_prints_can_be_copied(dev: MadeDev) -> None:
    """Each of them is answered with success by curl in a shell; a job's id is put in as told."""
    *others, enrich, look = dev.curl_lines
    settings: dict[str, str] = {}

    answers = [await copy_line(line, settings) for line in [*others, enrich]]
    job_id = answers[-1]["data"]["jobs"][0]["jobId"]
    shown = await copy_line(look.replace("JOB_ID", job_id), settings)

    assert len(dev.curl_lines) == 6
    assert shown["data"]["id"] == job_id


@pytest.mark.parametrize("line", read_lines("curl"))
async def test_readmes_lines_can_be_copied(dev: MadeDev, line: str) -> None:
    """With the three variables that README names."""
    assert await copy_line(line, dev.variables)


async def copy_line(line: str, settings: dict[str, str]) -> Any:
    """Run a line in a shell and return the JSON that it prints; any other status than 2xx fails."""
    failing = line.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
    done = await run_program("sh", "-c", failing, settings=settings)
    assert done.code == 0, (done.output, done.errors)
    return json.loads(done.output)


async def wait_for_job(dev: MadeDev, job_id: str) -> str:
    """Wait until a job is done and return its status."""
    given = dev.variables
    url = f"{given['LEADFALL']}/v1/enrichment/jobs/{job_id}"
    async with (
        asyncio.timeout(PATIENCE_S),
        aiohttp.ClientSession(headers={"X-Api-Key": given["SENDKIT_KEY"]}) as session,
    ):
        while True:
            async with session.get(url) as answer:
                status: str = (await answer.json())["data"]["status"]
            if status not in {"pending", "processing"}:
                return status
            await asyncio.sleep(0.05)

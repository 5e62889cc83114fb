"""NeverBounce's jobs as their adapter meets them: numbered, read when done, called back."""

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from providers.sandbox.server import Sandbox

VALID = "nadia.onlybuiltin@brightwater.leadfall"
CATCH_ALL = "anybody@opendoor.leadfall"
JOB: dict[str, Any] = {
    "input_location": "supplied",
    "input": [{"email": VALID}, {"email": CATCH_ALL}, {"email": VALID}],
    "auto_parse": True,
    "auto_start": True,
}


async def create(
    sandbox: Sandbox, client: aiohttp.ClientSession, body: object, key: str = "sandbox"
) -> Any:
    url = f"{sandbox.base_urls['neverbounce']}/jobs/create?key={key}"
    async with client.post(url, json=body) as answer:
        assert answer.status == 200
        return await answer.json()


async def results(
    sandbox: Sandbox, client: aiohttp.ClientSession, query: dict[str, str]
) -> dict[str, Any]:
    url = sandbox.base_urls["neverbounce"] + "/jobs/results"
    async with client.get(url, params={"key": "sandbox"} | query) as answer:
        assert answer.status == 200
        body: dict[str, Any] = await answer.json()
        return body


async def read_when_ready(
    sandbox: Sandbox, client: aiohttp.ClientSession, query: dict[str, str]
) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while (body := await results(sandbox, client, query))["status"] != "success":
            pass
    return body


async def test_a_job_tells_each_address_once_with_its_verdict(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    job = await create(sandbox, client, JOB)

    body = await read_when_ready(sandbox, client, {"job_id": f"{job['job_id']}"})

    told = [(row["data"]["email"], row["verification"]["result"]) for row in body["results"]]
    assert told == [(VALID, "valid"), (CATCH_ALL, "catchall")]
    assert body["total_results"] == 2
    assert [(entry.credits, entry.delivered) for entry in sandbox.books.entries()] == [
        (1.0, True)
    ] * 2


async def test_a_page_holds_as_many_rows_as_are_asked_for(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    job = await create(sandbox, client, JOB)
    query = {"job_id": f"{job['job_id']}", "items_per_page": "1"}

    body = await read_when_ready(sandbox, client, query)

    assert (len(body["results"]), body["total_pages"]) == (1, 2)


async def test_a_job_that_is_not_done_is_a_failure_in_words(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    job = await create(slow_sandbox, client, JOB)

    body = await results(slow_sandbox, client, {"job_id": f"{job['job_id']}"})

    assert body["status"] == "general_failure"
    assert not any(entry.delivered for entry in slow_sandbox.books.entries())


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [
        (JOB | {"input": []}, "sandbox", "general_failure"),
        (JOB | {"input": ["nadia"]}, "sandbox", "general_failure"),
        (JOB | {"input_location": "remote_url"}, "sandbox", "general_failure"),
        (JOB | {"auto_start": False}, "sandbox", "general_failure"),
        (JOB | {"callback_url": "file:///etc"}, "sandbox", "general_failure"),
        ([], "sandbox", "general_failure"),
        (JOB, "sandbox-empty", "general_failure"),
        (JOB, "sandbox-limited", "throttle_triggered"),
        (JOB, "wrong", "auth_failure"),
    ],
)
async def test_a_job_that_is_refused_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, body: object, key: str, status: str
) -> None:
    refused = await create(sandbox, client, body, key)

    assert refused["status"] == status
    assert len(sandbox.books) == 0


@pytest.mark.parametrize(
    "query",
    [
        {"job_id": "1"},
        {"job_id": "nadia"},
        {},
        {"job_id": "150970", "items_per_page": "1001"},
        {"job_id": "150970", "key": "sandbox-user-b"},
    ],
)
async def test_results_of_no_job_of_this_key_are_refused(
    sandbox: Sandbox, client: aiohttp.ClientSession, query: dict[str, str]
) -> None:
    await create(sandbox, client, JOB)

    assert (await results(sandbox, client, query))["status"] == "general_failure"


async def test_ten_jobs_an_hour_are_all_there_are(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    said = [(await create(slow_sandbox, client, JOB))["status"] for _ in range(11)]

    assert said == ["success"] * 10 + ["throttle_triggered"]


async def test_a_callback_names_the_job_by_its_number(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        await received.put(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    async with TestServer(app) as server, asyncio.timeout(5):
        job = await create(sandbox, client, JOB | {"callback_url": str(server.make_url("/hook"))})
        body = await received.get()

    assert body == {"job_id": job["job_id"], "event": "job_run_finished"}

"""`leadfall dev`: the documented examples run against it, and its data outlives everything."""

import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis.asyncio

from tests.commands.processes import Dev, find_free_port, run, start

PEOPLE = "/api/v1/public/lead-lists/123"
TWO_LEADS = ["507f1f77bcf86cd799439011", "507f1f77bcf86cd799439012"]
KEYS = [
    "base_url",
    "database_url",
    "lead_ids",
    "list_id",
    "redis_url",
    "seleqt_api_key",
    "sendkit_api_key",
    "webhook_secret",
    "workspace_id",
]


@pytest.fixture
async def session(dev: Dev) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that speaks to the shared dev server."""
    async with aiohttp.ClientSession(dev.told["base_url"]) as opened:
        yield opened


async def call(
    session: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str], body: Any
) -> tuple[int, Any]:
    """Return status and body of an answer."""
    async with session.request(method, path, headers=headers, json=body) as answer:
        return answer.status, await answer.json()


def test_it_prints_what_programs_need(dev: Dev) -> None:
    """One JSON line has exactly the keys that are documented."""
    assert sorted(dev.told) == KEYS
    assert dev.told["list_id"] == 123
    assert dev.told["lead_ids"][:2] == TWO_LEADS
    assert len(dev.told["lead_ids"]) == 200


async def test_seleqts_workflow_runs_as_documented(
    dev: Dev, session: aiohttp.ClientSession
) -> None:
    """Count, enrich all that was counted in the background, and list the leads."""
    headers = {"X-API-Key": dev.told["seleqt_api_key"]}
    _, counted = await call(
        session, "GET", f"{PEOPLE}/enrichment/count/?enrichment_type=FIND_EMAIL", headers, None
    )
    body = {
        "enrichment_type": "FIND_EMAIL",
        "prospect_limit": counted["unenriched_count"],
        "mode": "async",
        "webhook_url": "http://127.0.0.1:9/webhook/enrichment",
    }

    status, started = await call(session, "POST", f"{PEOPLE}/enrichment/", headers, body)
    _, listed = await call(session, "GET", f"{PEOPLE}/leads/?page=1&page_size=100", headers, None)

    assert status == 200
    assert counted["has_enough_credits"]
    assert started["success"]
    assert started["enriched_count"] == counted["unenriched_count"]
    assert started["credits_deducted"] == counted["total_cost"]
    assert started["message"].endswith("Results will be sent to " + body["webhook_url"])
    assert len(listed["prospects"]) == 100


async def test_seleqts_sync_mode_returns_results(dev: Dev, session: aiohttp.ClientSession) -> None:
    """Each prospect of the answer has what its example reads."""
    headers = {"X-API-Key": dev.told["seleqt_api_key"]}
    body = {"enrichment_type": "FIND_EMAIL_WATERFALL", "prospect_limit": 50, "mode": "sync"}

    status, result = await call(session, "POST", f"{PEOPLE}/enrichment/", headers, body)

    assert status == 200
    assert result["success"]
    assert len(result["results"]) == result["total_count"] <= 50
    assert all(
        {"id", "first_name", "last_name", "success", "data"} <= set(row)
        for row in result["results"]
    )


async def test_a_company_list_is_refused(dev: Dev, session: aiohttp.ClientSession) -> None:
    """List 124 is there for the error that people lists are asked for."""
    headers = {"X-API-Key": dev.told["seleqt_api_key"]}

    answer = await call(session, "POST", "/api/v1/public/lead-lists/124/enrichment/", headers, {})

    assert answer == (
        400,
        {"error": "Email/phone enrichment is only available for people lists"},
    )


async def test_sendkits_request_runs_as_documented(
    dev: Dev, session: aiohttp.ClientSession
) -> None:
    """Three jobs for the two leads of the example, with the key in both headers at once."""
    key = dev.told["sendkit_api_key"]
    headers = {"X-Api-Key": key, "Authorization": f"Bearer {key}"}
    body = {"leadIds": TWO_LEADS, "enrichmentTypes": ["email", "phoneEnrichment", "segGateway"]}

    status, answer = await call(session, "POST", "/v1/enrichment/enrich", headers, body)

    assert status == 200
    assert answer["success"]
    assert answer["data"]["totalLeads"] == 2
    assert answer["data"]["totalCreditsCharged"] == 42
    assert [
        (job["type"], job["status"], job["totalItems"], job["creditsUsed"])
        for job in answer["data"]["jobs"]
    ] == [
        ("email_verification", "pending", 2, 2),
        ("phone_enrichment", "pending", 2, 40),
        ("seg_gateway", "pending", 2, 0),
    ]


async def test_the_urls_it_prints_lead_to_its_servers(dev: Dev) -> None:
    """An operator's commands and a Redis client work with them."""
    settings = {"LEADFALL_DATABASE_URL": dev.told["database_url"]}

    shown = await run("credits", "show", dev.told["workspace_id"], "--json", settings=settings)
    async with redis.asyncio.Redis.from_url(dev.told["redis_url"]) as client:
        answered = await client.ping()

    assert shown.json["granted"] == 100_000
    assert answered


async def test_data_outlives_a_kill_of_everything(tmp_path: Path) -> None:
    """After SIGKILL to it and its servers, a second start has the same keys, leads and credits."""
    arguments = ("dev", "--data-dir", str(tmp_path / "data"), "--port", str(find_free_port()))
    async with start(*arguments) as first:
        headers = {"X-API-Key": first.told["seleqt_api_key"]}
        body = {"enrichment_type": "FIND_EMAIL", "prospect_limit": 5, "mode": "sync"}
        async with aiohttp.ClientSession(first.told["base_url"]) as session:
            _, found = await call(session, "POST", f"{PEOPLE}/enrichment/", headers, body)
        kill_all(first.process.pid, tmp_path / "data")
        await first.process.wait()

    async with start(*arguments) as second:
        async with aiohttp.ClientSession(second.told["base_url"]) as session:
            _, count = await call(session, "GET", f"{PEOPLE}/enrichment/count/", headers, None)
        code = await second.stop()

    assert code == 0
    assert without_ports(first.told) == without_ports(second.told)
    assert count["available_credits"] == found["remaining_credits"] < 100_000


async def test_it_stops_cleanly_on_an_interrupt(tmp_path: Path) -> None:
    """Ctrl-C ends it with 0, and another start on the same folder and port works at once."""
    arguments = ("dev", "--data-dir", str(tmp_path / "data"), "--port", str(find_free_port()))
    async with start(*arguments) as first:
        interrupted = await first.stop(signal.SIGINT)
    async with start(*arguments) as second:
        terminated = await second.stop(signal.SIGTERM)

    assert (interrupted, terminated) == (0, 0)


async def test_its_secrets_are_for_its_owner_alone(tmp_path: Path) -> None:
    """The file that keeps the keys can be read by nobody else."""
    data_dir = tmp_path / "data"
    async with start("dev", "--data-dir", str(data_dir), "--port", str(find_free_port())):
        modes = {path.name: path.stat().st_mode & 0o777 for path in data_dir.glob("*.json")}

    assert modes == {"secrets.json": 0o600}


async def test_a_port_in_use_is_a_sentence(dev: Dev, tmp_path: Path) -> None:
    """It is said before anything is started."""
    port = dev.told["base_url"].rpartition(":")[2]

    failed = await run("dev", "--port", port, "--data-dir", str(tmp_path / "data"))

    assert (failed.code, failed.errors) == (
        1,
        f"leadfall: Port {port} is in use by another program; choose one with --port.\n",
    )
    assert not (tmp_path / "data").exists()


async def test_what_the_operator_sets_wins(tmp_path: Path) -> None:
    """A variable in the environment counts, beside everything that is chosen for a local run."""
    settings = {"LEADFALL_LIMITS__PAGE_SIZE_MAX": "7"}
    port = str(find_free_port())
    async with start(
        "dev", "--port", port, "--data-dir", str(tmp_path / "data"), settings=settings
    ) as started:
        headers = {"X-API-Key": started.told["seleqt_api_key"]}
        async with aiohttp.ClientSession(started.told["base_url"]) as session:
            _, page = await call(session, "GET", f"{PEOPLE}/leads/?page_size=50", headers, None)

    assert page["page_size"] == 7


async def test_servers_that_are_given_are_used(settings: dict[str, str], tmp_path: Path) -> None:
    """With both URLs in the environment, nothing is started for it below the data folder."""
    arguments = ("dev", "--port", str(find_free_port()), "--data-dir", str(tmp_path / "data"))

    async with start(*arguments, settings=settings) as started:
        told = started.told
        code = await started.stop()

    assert code == 0
    assert (told["database_url"], told["redis_url"], told["list_id"]) == (
        settings["LEADFALL_DATABASE_URL"],
        settings["LEADFALL_REDIS_URL"],
        123,
    )
    assert [path.name for path in listed(tmp_path / "data")] == ["secrets.json"]


@pytest.mark.parametrize("command", ["dev", "demo"])
async def test_made_up_answers_do_not_mix_with_real_ones(
    settings: dict[str, str], command: str, tmp_path: Path
) -> None:
    """Beside a worker that is not its own, it refuses to work on the same database."""
    options = {"dev": ["--port", str(find_free_port()), "--data-dir", str(tmp_path / "data")]}
    async with start("worker", settings=settings):
        failed = await run(command, *options.get(command, []), settings=settings)

    assert failed.code == 1
    assert "Other Leadfall processes are at work on this database" in failed.errors


def listed(folder: Path) -> list[Path]:
    """Return what is in a folder."""
    return list(folder.iterdir())


def kill_all(process_id: int, data_dir: Path) -> None:
    """Send SIGKILL to a dev server and to the servers and supervisors below its folder."""
    others = [
        int(line)
        for server in ("postgres", "valkey")
        for line in (data_dir / server / "server.pid").read_text().split()
    ]
    for each in (process_id, *others):
        os.kill(each, signal.SIGKILL)


def without_ports(told: dict[str, Any]) -> dict[str, Any]:
    """Return what must be the same at each start: the servers' passwords and ports are new."""
    return {
        name: value
        for name, value in told.items()
        if not re.fullmatch("database_url|redis_url", name)
    }

"""The log of a whole run: every role at work over both APIs, and nothing private in it."""

import json
from collections import Counter
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from providers.sandbox.sample import read_sample
from tests.commands.processes import find_free_port, start, wait_for

PEOPLE = "/api/v1/public/lead-lists/123/enrichment/"
ENRICH = "/v1/enrichment/enrich"
FOLLOWED = "followed-by-the-test"
WEBHOOK_PATH = "/hidden/path-with-a-token"
BODIES = [
    {"enrichment_type": "FIND_EMAIL_WATERFALL", "mode": "sync"},
    {"enrichment_type": "FIND_PHONE", "mode": "sync", "prospect_limit": 60},
    # Refused: a log must not repeat what was wrong with a request either.
    {"enrichment_type": "FIND_EMAIL", "webhook_url": "http://private.example/secret"},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `leadfall dev` printed, after a run that used everything; the log is in `log`."""
    folder = tmp_path_factory.mktemp("dev")
    log = folder / "log"
    arguments = ("dev", "--port", str(find_free_port()), "--data-dir", str(folder / "data"))
    async with start(*arguments, log=log) as started:
        told = started.told
        webhook_url = f"http://127.0.0.1:{find_free_port()}{WEBHOOK_PATH}"
        async with aiohttp.ClientSession(told["base_url"]) as session:
            for body in BODIES:
                await post(session, PEOPLE, told["seleqt_api_key"], body)
            body = {"webhook_url": webhook_url}
            await post(session, PEOPLE, told["seleqt_api_key"], body, FOLLOWED)
            types = ["email", "phoneEnrichment", "segGateway", "espDetection"]
            body = {"leadIds": told["lead_ids"], "enrichmentTypes": types}
            await post(session, ENRICH, told["sendkit_api_key"], body)
            await post(session, ENRICH, "sk_nobodys_key_at_all", body)
        await wait_for(lambda: "attempt.finished" in log.read_text())
        await started.stop()
    return {**told, "log": log.read_text()}


async def post(
    session: aiohttp.ClientSession, path: str, key: str, body: object, request_id: str = ""
) -> None:
    """Post and read the answer to its end."""
    headers = {"X-API-Key": key, "X-Request-Id": request_id}
    async with session.post(path, json=body, headers=headers) as answer:
        await answer.read()


def test_nothing_private_is_logged(told: dict[str, Any]) -> None:
    """Keys, secrets, addresses, names, numbers, profiles and paths of webhooks are not in it."""
    log = told["log"]
    sample = read_sample()
    private = {
        told["seleqt_api_key"],
        told["sendkit_api_key"],
        "sk_nobodys_key_at_all",
        told["webhook_secret"],
        str(urlsplit(told["database_url"]).password),
        str(urlsplit(told["redis_url"]).password),
        WEBHOOK_PATH,
        "private.example",
        "linkedin.com",
        "@",
        "+1",
        *(str(lead.first_name) for lead in sample),
        *(str(lead.last_name) for lead in sample),
    }

    assert [text for text in sorted(private) if text in log] == []
    assert "Traceback" not in log
    assert log.count("batch.settled") > 1


def test_a_request_can_be_followed_through_the_log(told: dict[str, Any]) -> None:
    """From its id to its job, from there to the event, and to the attempt to deliver that."""
    lines = [json.loads(line) for line in told["log"].splitlines()]

    (accepted,) = find(lines, "job.accepted", request_id=FOLLOWED)
    (finished,) = find(lines, "job.finished", job_id=accepted["job_id"])
    attempts = find(lines, "attempt.finished", event_id=finished["event_id"])
    (request,) = find(lines, "request.finished", request_id=FOLLOWED)

    assert [attempt["attempt"] for attempt in attempts][:1] == [1]
    assert request["status"] == 200


def test_each_request_has_one_line(told: dict[str, Any]) -> None:
    """Those of the callers; vendors call back as often as they like."""
    lines = [json.loads(line) for line in told["log"].splitlines()]
    routes = Counter(line["route"] for line in find(lines, "request.finished"))

    assert routes[PEOPLE.replace("123", "{list_id}")] == len(BODIES) + 1
    assert routes[ENRICH] == 2


def find(lines: list[dict[str, Any]], event: str, **values: str) -> list[dict[str, Any]]:
    """Return the lines of an event that hold these values, in order."""
    wanted = {"event": event, **values}
    return [line for line in lines if wanted.items() <= line.items()]


def test_the_sample_is_what_was_asked_about() -> None:
    """The leads whose names must not be found are those of the file that dev imports."""
    text = files("providers.sandbox").joinpath("sample_leads.csv").read_text(encoding="utf-8")

    assert text.count("\n") - 1 == len(read_sample()) == 200

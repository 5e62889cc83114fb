"""The log of a whole run: every role at work over both APIs, and nothing private in it."""

from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from providers.sandbox.sample import read_sample
from tests.commands.processes import find_free_port, start, wait_for

PEOPLE = "/api/v1/public/lead-lists/123/enrichment/"
WEBHOOK_PATH = "/hidden/path-with-a-token"
BODIES = [
    {"enrichment_type": "FIND_EMAIL_WATERFALL", "mode": "sync"},
    {"enrichment_type": "FIND_PHONE", "mode": "sync", "prospect_limit": 60},
    # Refused: a log must not repeat what was wrong with a request either.
    {"enrichment_type": "FIND_EMAIL", "webhook_url": "http://private.example/secret"},
]


@pytest.fixture
async def told(tmp_path: Path) -> dict[str, str]:
    """What `leadfall dev` printed, after a run that used everything; the log is in `log`."""
    log = tmp_path / "log"
    arguments = ("dev", "--port", str(find_free_port()), "--data-dir", str(tmp_path / "data"))
    async with start(*arguments, log=log) as started:
        told = started.told
        webhook_url = f"http://127.0.0.1:{find_free_port()}{WEBHOOK_PATH}"
        async with aiohttp.ClientSession(told["base_url"]) as session:
            for body in (*BODIES, {"webhook_url": webhook_url}):
                await post(session, PEOPLE, told["seleqt_api_key"], body)
            types = ["email", "phoneEnrichment", "segGateway", "espDetection"]
            body = {"leadIds": told["lead_ids"], "enrichmentTypes": types}
            await post(session, "/v1/enrichment/enrich", told["sendkit_api_key"], body)
            await post(session, "/v1/enrichment/enrich", "sk_nobodys_key_at_all", body)
        await wait_for(lambda: "attempt." in log.read_text())
        await started.stop()
    return {**told, "log": log.read_text()}


async def post(session: aiohttp.ClientSession, path: str, key: str, body: object) -> None:
    """Post and read the answer to its end."""
    async with session.post(path, json=body, headers={"X-API-Key": key}) as answer:
        await answer.read()


async def test_nothing_private_is_logged(told: dict[str, str]) -> None:
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
    assert log.count("request.finished") == 6


def test_the_sample_is_what_was_asked_about() -> None:
    """The leads whose names must not be found are those of the file that dev imports."""
    text = files("providers.sandbox").joinpath("sample_leads.csv").read_text(encoding="utf-8")

    assert text.count("\n") - 1 == len(read_sample()) == 200

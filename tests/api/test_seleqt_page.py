"""Every request and answer of Seleqt's page on enriching lists, sent and compared as it stands.

The page shows no refunds; so here nothing that is not found is refunded, which is a policy that
operators can choose. What we answer beyond the page is named in one place.
"""

import asyncio
import json
from typing import Any

import pytest

from service.domain.claim import Claim, Settlement
from service.domain.kinds import Face
from service.domain.outcome import OutcomeName
from tests.api.conftest import OpenStage
from tests.api.stage import Stage, people

LIST = 123
PATH = f"/api/v1/public/lead-lists/{LIST}"
BEYOND_THE_PAGE = {"job_id", "credits_refunded", "pending_count"}

REQUEST = """{
"enrichment_type": "FIND_EMAIL",
"prospect_limit": 100,
"mode": "async",
"webhook_url": "https://your-domain.com/webhook",
"filters": {},
"sort_field": "id",
"sort_direction": "asc"
}"""
ASYNC_ANSWER = """{
"success": true,
"mode": "async",
"enrichment_type": "FIND_EMAIL",
"enriched_count": 100,
"credits_deducted": 300,
"remaining_credits": 700,
"webhook_url": "https://your-domain.com/webhook",
"message": "Enrichment started in background. Results will be sent to https://your-domain.com/webhook"
}"""
CURL_ASYNC = """{
"enrichment_type": "FIND_EMAIL",
"prospect_limit": 100,
"mode": "async"
}"""
CURL_WEBHOOK = """{
"enrichment_type": "FIND_EMAIL",
"prospect_limit": 100,
"mode": "async",
"webhook_url": "https://your-domain.com/webhook/enrichment"
}"""
CURL_SYNC = """{
"enrichment_type": "FIND_EMAIL",
"prospect_limit": 50,
"mode": "sync"
}"""
SYNC_ANSWER = """{
"success": true,
"mode": "sync",
"enrichment_type": "FIND_EMAIL",
"total_count": 100,
"success_count": 87,
"credits_deducted": 300,
"remaining_credits": 700,
"results": [
{
"id": 12345,
"first_name": "John",
"last_name": "Doe",
"success": true,
"data": {
"email": "john.doe@company.com"
}
},
{
"id": 12346,
"first_name": "Jane",
"last_name": "Smith",
"success": false,
"data": {
"email": null
},
"message": "Email not found"
}
]
}"""
TOO_FEW_CREDITS = """{
"success": false,
"error": "insufficient_credits",
"message": "Not enough credits. Need 300, have 250"
}"""
INVALID_TYPE = """{
"error": "enrichment_type must be FIND_EMAIL, FIND_EMAIL_WATERFALL, or FIND_PHONE"
}"""
WORKFLOW = '{"enrichment_type": "FIND_EMAIL", "prospect_limit": 100}'


@pytest.fixture
async def page(stage: Stage) -> Stage:
    """The page's account: 1,000 credits, and list 123 with a hundred people, two of them named."""
    await stage.fetch(
        "insert into lists (id, workspace_id, name, search_type) overriding system value"
        " values ($1, $2, 'page', 'PEOPLE')",
        LIST,
        stage.tenant.id,
    )
    await stage.fetch("alter table leads alter column id restart with 12345")
    named = [
        {"first_name": "John", "last_name": "Doe"},
        {"first_name": "Jane", "last_name": "Smith"},
    ]
    await stage.add_leads([*named, *people(98)], list_id=LIST)
    return stage


async def send(stage: Stage, body: str, list_id: int = LIST) -> tuple[int, Any]:
    """Send a body as it stands on the page, with the headers of its examples."""
    headers = {"X-API-Key": stage.tenant.seleqt_key.text, "Content-Type": "application/json"}
    path = f"/api/v1/public/lead-lists/{list_id}/enrichment/"
    async with stage.client.post(path, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


def shown(answer: dict[str, Any]) -> dict[str, Any]:
    """Return of an answer what the page would show."""
    return {name: value for name, value in answer.items() if name not in BEYOND_THE_PAGE}


def as_on_the_page(claim: Claim) -> Settlement:
    """Find John and 86 others; keep the credits of Jane and the last twelve."""
    if claim.lead.first_name == "Jane" or claim.lead.first_name in {
        f"First{number}" for number in range(87, 99)
    }:
        return Settlement(claim, OutcomeName.MISSING)
    return Settlement(
        claim, OutcomeName.FOUND, {"email": "john.doe@company.com", "verdict": "deliverable"}
    )


@pytest.mark.parametrize(
    ("body", "webhook_url"),
    [
        (REQUEST, "https://your-domain.com/webhook"),
        (CURL_WEBHOOK, "https://your-domain.com/webhook/enrichment"),
    ],
)
async def test_async_with_a_webhook(page: Stage, body: str, webhook_url: str) -> None:
    """The answer is the page's, to the letter; only the URL is the request's own."""
    expected = ASYNC_ANSWER.replace("https://your-domain.com/webhook", webhook_url)

    status, answer = await send(page, body)

    assert status == 200
    assert shown(answer) == json.loads(expected)
    assert list(shown(answer)) == list(json.loads(expected))


@pytest.mark.parametrize("body", [CURL_ASYNC, WORKFLOW, "{}", ""])
async def test_async_without_a_webhook(page: Stage, body: str) -> None:
    """The same without anybody to send results to; all fields have the page's defaults."""
    status, answer = await send(page, body)

    assert status == 200
    assert shown(answer) == {
        **json.loads(ASYNC_ANSWER),
        "webhook_url": None,
        "message": "Enrichment started in background.",
    }


async def test_sync(page: Stage) -> None:
    """Fields and their order, found and missed rows, and the sums are the page's."""
    expected = json.loads(SYNC_ANSWER)
    body = CURL_SYNC.replace("50", "100")

    (status, answer), _ = await asyncio.gather(send(page, body), page.settle_sync(as_on_the_page))

    assert status == 200
    assert list(shown(answer)) == list(expected)
    assert shown(answer) == {**expected, "results": answer["results"]}
    assert answer["results"][:2] == expected["results"]
    assert len(answer["results"]) == 100


async def test_sync_of_fifty(page: Stage) -> None:
    """The page's call asks for fifty at most."""
    (status, answer), _ = await asyncio.gather(
        send(page, CURL_SYNC), page.settle_sync(as_on_the_page)
    )

    assert (status, answer["total_count"], answer["credits_deducted"]) == (200, 50, 150)


async def test_the_cost_is_checked_first(page: Stage) -> None:
    """The keys that the page's programs read are there."""
    status, count = await page.get(
        f"{PATH}/enrichment/count/", Face.SELEQT, enrichment_type="FIND_EMAIL"
    )

    assert status == 200
    assert {name: count[name] for name in ("unenriched_count", "total_cost")} == {
        "unenriched_count": 100,
        "total_cost": 300,
    }
    assert (count["has_enough_credits"], count["available_credits"]) == (True, 1_000)


async def test_progress_is_seen_in_the_list(page: Stage) -> None:
    """`Loading...` while it goes on, then addresses, by the page's own tests of a row."""
    asked = {"page": 1, "page_size": 100}
    await send(page, WORKFLOW)

    _, before = await page.get(f"{PATH}/leads/", Face.SELEQT, **asked)
    await page.settle(as_on_the_page)
    _, after = await page.get(f"{PATH}/leads/", Face.SELEQT, **asked)

    assert sum(1 for p in before["prospects"] if p.get("email") == "Loading...") == 100
    assert sum(1 for p in after["prospects"] if p.get("email") == "Loading...") == 0
    assert sum(1 for p in after["prospects"] if p.get("email") and "@" in p["email"]) == 87


async def test_too_few_credits(open_stage: OpenStage) -> None:
    """A hundred leads for three credits each cannot be paid from 250."""
    stage = await open_stage(250)
    await stage.add_leads(people(100))

    answer = await send(stage, CURL_ASYNC, stage.tenant.people_list)

    assert answer == (400, json.loads(TOO_FEW_CREDITS))


async def test_an_unknown_type(page: Stage) -> None:
    """The page's sentence."""
    answer = await send(page, CURL_ASYNC.replace("FIND_EMAIL", "FIND_FAX"))

    assert answer == (400, json.loads(INVALID_TYPE))


async def test_errors_of_lists(stage: Stage) -> None:
    """A list of companies, and one that is not there."""
    companies = await send(stage, CURL_ASYNC, stage.tenant.company_list)
    nothing = await send(stage, CURL_ASYNC)

    assert companies == (
        400,
        {"error": "Email/phone enrichment is only available for people lists"},
    )
    assert nothing == (404, {"error": "Lead list not found"})

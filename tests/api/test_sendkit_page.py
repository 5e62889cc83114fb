"""Every request and answer of SendKit's page on enriching leads, sent and compared as it stands.

The page's own answer belongs to another request than it shows: it has one job for the three types
that are asked for. So its bodies are compared where a request could have had them.
"""

import json
import re
from typing import Any

import pytest

from tests.api.conftest import OpenStage
from tests.api.stage import Stage, people

IDS = ["507f1f77bcf86cd799439011", "507f1f77bcf86cd799439012"]
BEYOND_THE_PAGE = {"creditsRefunded", "remainingCredits", "skippedLeadIds"}

BODY = """{
"leadIds": [
"507f1f77bcf86cd799439011",
"507f1f77bcf86cd799439012"
],
"enrichmentTypes": [
"email",
"phoneEnrichment",
"segGateway"
]
}"""
# As each language of the page writes it on the wire.
SPELLINGS = {
    "curl, Go, Ruby": BODY,
    "Python": json.dumps(json.loads(BODY)),
    "JavaScript": json.dumps(json.loads(BODY), separators=(",", ":")),
}
ANSWER = """{
"success": true,
"data": {
"jobs": [
{
"jobId": "bulk_email_verification_1710000000000_abc1234",
"type": "email_verification",
"status": "pending",
"totalItems": 2,
"creditsUsed": 2
}
],
"totalLeads": 2,
"totalCreditsCharged": 2
}
}"""
TOO_FEW_CREDITS = """{
"success": false,
"error": {
"code": "INSUFFICIENT_CREDITS",
"message": "Insufficient credits",
"details": {
"required": 100,
"available": 10,
"leads": 5,
"enrichmentTypes": [
"email",
"phoneEnrichment"
]
}
}
}"""
# The page forgets to escape the quotes.
NOT_CONFIGURED = r"""{
"success": false,
"error": {
"code": "PROVIDER_NOT_CONFIGURED",
"message": "Phone provider \"leadmagic\" is not configured. Add your API key via PUT /v1/enrichment-settings/leadmagic"
}
}"""  # noqa: E501 - a line of the page


async def add_the_page_s_leads(stage: Stage) -> None:
    """Make the two leads that the page names, each with an address."""
    made = await stage.add_leads(
        [{**lead, "email": f"{lead['first_name']}@x.example"} for lead in people(2)]
    )
    await stage.fetch(
        "update leads l set public_id = wanted.id"
        " from unnest($1::text[], $2::text[]) as wanted(id, made) where l.public_id = wanted.made",
        IDS,
        made,
    )


async def send(stage: Stage, body: str, **headers: str) -> tuple[int, Any]:
    """Send a body as it stands, with both headers of the page's examples."""
    key = stage.tenant.sendkit_key.text
    given = {"X-Api-Key": key, "Authorization": f"Bearer {key}", **headers}
    async with stage.client.post(
        "/v1/enrichment/enrich", data=body, headers={"Content-Type": "application/json", **given}
    ) as answer:
        return answer.status, await answer.json()


def shown(answer: dict[str, Any]) -> dict[str, Any]:
    """Return of an answer what the page would show; only the job's name is its own."""
    data = {name: value for name, value in answer["data"].items() if name not in BEYOND_THE_PAGE}
    jobs = [
        {**job, "jobId": re.sub(r"_\d{13}_[0-9a-z]{7}$", "_1710000000000_abc1234", job["jobId"])}
        for job in data["jobs"]
    ]
    return {**answer, "data": {**data, "jobs": jobs}}


@pytest.mark.parametrize("body", SPELLINGS.values(), ids=SPELLINGS)
async def test_the_request_in_every_language(stage: Stage, body: str) -> None:
    """Three types are three jobs; the first of them is the page's job, to the letter."""
    await add_the_page_s_leads(stage)

    status, answer = await send(stage, body)

    assert status == 200
    assert shown(answer)["data"]["jobs"][0] == json.loads(ANSWER)["data"]["jobs"][0]
    assert [job["type"] for job in answer["data"]["jobs"]] == [
        "email_verification",
        "phone_enrichment",
        "seg_gateway",
    ]
    assert (answer["data"]["totalLeads"], answer["data"]["totalCreditsCharged"]) == (2, 42)


async def test_the_answer(stage: Stage) -> None:
    """Asked for one type, the answer is the page's: fields, order and numbers."""
    await add_the_page_s_leads(stage)

    status, answer = await send(stage, json.dumps({"leadIds": IDS, "enrichmentTypes": ["email"]}))

    assert status == 200
    assert json.dumps(shown(answer)) == json.dumps(json.loads(ANSWER))


@pytest.mark.parametrize("header", ["X-Api-Key", "Authorization"])
async def test_either_header_is_enough(stage: Stage, header: str) -> None:
    """The page's examples send the key twice; its text says that either will do."""
    await add_the_page_s_leads(stage)
    key = stage.tenant.sendkit_key.text
    value = {"X-Api-Key": key, "Authorization": f"Bearer {key}"}[header]

    async with stage.client.post(
        "/v1/enrichment/enrich",
        data=BODY,
        headers={"Content-Type": "application/json", header: value},
    ) as answer:
        assert answer.status == 200


async def test_too_few_credits(open_stage: OpenStage) -> None:
    """The page's refusal; its sum of 100 is that of a server where verifying costs nothing."""
    prices = {"sendkit": {"email": 0, "phoneEnrichment": 20, "segGateway": 0, "espDetection": 0}}
    stage = await open_stage(10, prices=prices)
    ids = await stage.add_leads(people(5))

    status, answer = await send(
        stage, json.dumps({"leadIds": ids, "enrichmentTypes": ["email", "phoneEnrichment"]})
    )

    assert status == 402
    assert json.dumps(answer) == json.dumps(json.loads(TOO_FEW_CREDITS))


async def test_a_provider_without_a_key(stage: Stage) -> None:
    """The page's refusal, with the quotes that JSON needs."""
    await add_the_page_s_leads(stage)
    body = {**json.loads(BODY), "phoneProvider": "leadmagic"}

    status, answer = await send(stage, json.dumps(body))

    assert status == 400
    assert json.dumps(answer) == json.dumps(json.loads(NOT_CONFIGURED))

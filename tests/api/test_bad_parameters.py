"""Parameters of a URL that nobody reads are refused together with what is wrong in the body."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.api.conftest import OpenStage
from tests.api.stage import Stage

SOME_ID = "507f1f77bcf86cd799439011"

SENDKIT: list[tuple[str, str, Any, str]] = [
    ("POST", "/v1/enrichment/enrich", {"leadIds": 5}, "leadIds"),
    ("POST", "/v1/leads", {"email": 5}, "email"),
    ("POST", "/v1/leads/search", {"limit": "x"}, "limit"),
    ("POST", "/v1/leads/bulk", {"leads": 5}, "leads"),
    ("POST", "/v1/leads/erase", {"emails": 5}, "emails"),
    ("PATCH", f"/v1/leads/{SOME_ID}", {"tags": 5}, "tags"),
    ("DELETE", "/v1/leads", {"leadIds": 5}, "leadIds"),
    ("POST", "/v1/webhooks", {"name": 5}, "name"),
    ("POST", "/v1/webhooks/default/rotate", {"overlapHours": "x"}, "overlapHours"),
]
SELEQT: list[tuple[str, Any, str]] = [
    ("prospects/search/", {"page": "x"}, "page"),
    ("lead-lists/", {"name": 5}, "name"),
    ("lead-lists/{}/add-leads/", {"prospect_ids": "x"}, "prospect_ids"),
    ("lead-lists/{}/import/", {"prospects": [{}] * 5_001}, "prospects"),
    ("lead-lists/{}/enrichment/", {"mode": 5}, "mode"),
]


@pytest.mark.parametrize(("method", "path", "body", "field"), SENDKIT, ids=str)
async def test_sendkit_names_both(
    open_stage: OpenStage, method: str, path: str, body: Any, field: str
) -> None:
    """A bad parameter hides no bad field of the body, nor the other way round."""
    stage = await open_stage(secret_keys=Fernet.generate_key().decode())
    headers = {"X-Api-Key": stage.tenant.sendkit_key.text}

    async with stage.client.request(
        method, f"{path}?dryRun=1", json=body, headers=headers
    ) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["code"]) == (400, "VALIDATION_ERROR")
    assert {"dryRun", field} <= error["details"]["fields"].keys()


@pytest.mark.parametrize(("tail", "body", "field"), SELEQT, ids=str)
async def test_seleqt_names_both(stage: Stage, tail: str, body: Any, field: str) -> None:
    """Its POSTs take no parameters, and say so as its GETs do."""
    path = f"/api/v1/public/{tail.format(stage.tenant.people_list)}"
    headers = {"X-API-Key": stage.tenant.seleqt_key.text}

    async with stage.client.post(f"{path}?dry_run=1", json=body, headers=headers) as answer:
        shown = await answer.json()

    assert answer.status == 400
    assert "dry_run is not a known parameter; there are none here" in shown["error"]
    assert field in shown["error"]


async def test_a_csv_import_takes_no_parameters(stage: Stage) -> None:
    """They are refused before the file is taken."""
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/import/?dry_run=1"
    headers = {"X-API-Key": stage.tenant.seleqt_key.text, "Content-Type": "text/csv"}

    async with stage.client.post(path, data=b"email\na@b.co\n", headers=headers) as answer:
        shown = await answer.json()

    assert (answer.status, shown["error"].split(";")[0]) == (
        400,
        "dry_run is not a known parameter",
    )

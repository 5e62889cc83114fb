"""Calls the SendKit face the way its clients do: with the tenant's key, JSON or a form."""

from io import BytesIO
from typing import Any

from aiohttp import FormData

from tests.api.stage import Stage


async def call(
    stage: Stage, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any
) -> tuple[int, Any]:
    """Send a request with the tenant's workspace key, or another; return status and body."""
    headers = {"X-Api-Key": key or stage.tenant.sendkit_key.text}
    async with stage.client.request(
        method, path, json=body, params=query, headers=headers
    ) as answer:
        return answer.status, await answer.json()


async def done(stage: Stage, method: str, path: str, body: Any = None, **query: Any) -> Any:
    """Send a request that must succeed; return the whole answer."""
    status, answer = await call(stage, method, path, body, **query)
    assert status == 200, answer
    assert answer["success"] is True
    return answer


async def create(stage: Stage, email: str, **given: Any) -> dict[str, Any]:
    """Create a lead and return it as the API shows it."""
    answer = await done(stage, "POST", "/v1/leads", {"email": email, **given})
    lead: dict[str, Any] = answer["data"]
    return lead


async def upload(stage: Stage, content: bytes, **fields: str) -> tuple[int, Any]:
    """Send a CSV file with the fields before it; return status and body of the answer."""
    form = FormData()
    for name, text in fields.items():
        form.add_field(name, text)
    form.add_field("file", BytesIO(content), filename="leads.csv", content_type="text/csv")
    headers = {"X-Api-Key": stage.tenant.sendkit_key.text}
    async with stage.client.post("/v1/leads/import/csv", data=form, headers=headers) as answer:
        return answer.status, await answer.json()

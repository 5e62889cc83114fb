"""Callers who send slowly wait without any connection of the pool, whatever they call."""

import asyncio
import re

import pytest

from service.api.seleqt.routes import seleqt_routes
from service.api.sendkit.routes import sendkit_routes
from service.domain.kinds import Face
from tests.api.conftest import OpenStage
from tests.api.stage import Stage

ROUTES = sorted(
    {
        (each.method, each.path.rstrip("/"))
        for each in (*seleqt_routes(), *sendkit_routes())
        if each.method != "GET"
    }
)
LIMIT = 1_000
SENDERS = 12
FORM = "multipart/form-data; boundary=x"
TYPES = {"/v1/leads/import/csv": FORM, "/api/v1/public/lead-lists/{list_id}/import": "text/csv"}


def head_of(stage: Stage, method: str, path: str) -> bytes:
    """Return the head of a request and the beginning of its body, of which more is announced."""
    seleqt = path.startswith("/api/")
    key = stage.tenant.seleqt_key if seleqt else stage.tenant.sendkit_key
    known = {"list_id": str(stage.tenant.people_list), "provider": "hunter"}
    url = re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], "0" * 24), path)
    begun = "--x\r\n" if TYPES.get(path) == FORM else "{"
    return (
        f"{method} {url} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key.text}\r\n"
        f"Content-Length: 500\r\nContent-Type: {TYPES.get(path, 'application/json')}\r\n\r\n{begun}"
    ).encode()


async def counted(stage: Stage, path: str) -> int:
    """Return how many requests the face has counted for the key, this one included."""
    seleqt = path.startswith("/api/")
    key = stage.tenant.seleqt_key if seleqt else stage.tenant.sendkit_key
    probe = "/api/v1/api-keys/" if seleqt else "/v1/credits"
    async with stage.client.get(probe, headers={"X-Api-Key": key.text}) as answer:
        assert answer.status == 200
        (remaining,) = re.findall(r"r=(\d+)", answer.headers["RateLimit"])
    return LIMIT - int(remaining)


async def wait_until_counted(stage: Stage, path: str) -> None:
    """Wait until every sender has come as far as the limiter."""
    asked = 1
    async with asyncio.timeout(10):
        while await counted(stage, path) < SENDERS + asked:
            asked += 1


async def wait_until_idle(stage: Stage) -> None:
    """Wait until every connection is back in the pool, while the senders still send."""
    async with asyncio.timeout(5):
        while stage.pool.get_idle_size() < stage.pool.get_size():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_half_a_body_holds_no_connection(
    open_stage: OpenStage, method: str, path: str
) -> None:
    """With more of them than the pool has connections, others are served."""
    stage = await open_stage(
        limits={"requests_per_minute": LIMIT, "sendkit_requests_per_minute": LIMIT}
    )
    head = head_of(stage, method, path)
    streams = [
        await asyncio.open_connection("127.0.0.1", stage.client.port) for _ in range(SENDERS)
    ]
    for _, writer in streams:
        writer.write(head)

    await wait_until_counted(stage, path)
    async with asyncio.timeout(5):
        await stage.get("/api/v1/api-keys/", Face.SELEQT)
        await stage.get("/v1/credits", Face.SENDKIT)

    await wait_until_idle(stage)
    for _, writer in streams:
        writer.close()
        await writer.wait_closed()

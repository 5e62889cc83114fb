"""A gigabyte in a megabyte of gzip, against a real `leadfall api`: refused, in little memory."""

import asyncio
import gzip

import aiohttp
import pytest
from cryptography.fernet import Fernet

from service.domain.kinds import Face
from service.flows.create_list import create_list
from service.flows.manage_keys import create_api_key
from service.store.connection import Pool
from service.store.workspaces import insert_workspace
from tests.api.test_lead_import_memory import forget_peak, peak_bytes, resident_bytes
from tests.commands.processes import find_free_port, start

MEBIBYTE = 1024 * 1024
MEMBERS = 64
# 64 times 16 MiB of zeros, one behind the other.
BOMB = gzip.compress(bytes(16 * MEBIBYTE), mtime=0) * MEMBERS
AT_ONCE = 4
GROWTH_BYTES_MAX = 50 * MEBIBYTE


@pytest.mark.parametrize(
    ("tail", "media_type"), [("enrichment/", "application/json"), ("import/", "text/csv")]
)
async def test_bombs_need_little_memory(
    pool: Pool, database_url: str, redis_url: str, tail: str, media_type: str
) -> None:
    """Several at once are each a 413, with memory as it was but for the bound of a body each."""
    async with pool.acquire() as connection:
        workspace_id, _ = await insert_workspace(connection, "Acme")
    people = await create_list(pool, workspace_id, "people", "PEOPLE")
    _, key = await create_api_key(pool, workspace_id, Face.SELEQT, "test")
    settings = {
        "LEADFALL_DATABASE_URL": database_url,
        "LEADFALL_REDIS_URL": redis_url,
        "LEADFALL_SECRET_KEYS": Fernet.generate_key().decode(),
        "LEADFALL_PORT": str(find_free_port()),
        "LEADFALL_LOG_FORMAT": "json",
    }
    headers = {
        "X-API-Key": key.text,
        "Content-Type": media_type,
        "Content-Encoding": "gzip",
    }
    path = f"/api/v1/public/lead-lists/{people.id}/{tail}"
    async with (
        start("api", settings=settings) as api,
        aiohttp.ClientSession(f"http://127.0.0.1:{settings['LEADFALL_PORT']}") as client,
    ):

        async def send() -> int:
            async with client.post(path, data=BOMB, headers=headers) as answer:
                return answer.status

        async with client.get("/v1/nothing") as warm:
            assert warm.status == 404
        before = resident_bytes(api.process.pid)
        forget_peak(api.process.pid)
        statuses = await asyncio.gather(*(send() for _ in range(AT_ONCE)))
        growth = peak_bytes(api.process.pid) - before

    assert {413, 503} >= set(statuses)
    assert 413 in statuses
    assert growth < GROWTH_BYTES_MAX, f"{growth / MEBIBYTE:.1f} MiB"

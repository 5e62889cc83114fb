"""Imports of the largest size against a real `leadfall api`: what goes in, and its memory."""

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from cryptography.fernet import Fernet

from service.domain.kinds import Face
from service.flows.manage_keys import create_api_key
from service.store.connection import Pool
from service.store.workspaces import insert_workspace
from tests.commands.processes import find_free_port, start

MEBIBYTE = 1024 * 1024
BULK_ROWS = 5_000
CSV_ROWS = 50_000
# Every hundredth row is bad.
BAD_EACH = 100
GROWTH_BYTES_MAX = 50 * MEBIBYTE


def emails(count: int, domain: str) -> Iterator[str]:
    """Yield addresses, every hundredth of which is none."""
    for number in range(count):
        yield "nonsense" if number % BAD_EACH == 0 else f"person{number}@{domain}"


def csv_file() -> bytes:
    """Return a file of the most rows there may be, with some weight in each."""
    rows = (
        f"{email},First{n},Last{n},Company {n},Engineer,London,{'note ' * 40}\n"
        for n, email in enumerate(emails(CSV_ROWS, "csv.example"))
    )
    return "".join(["email,firstName,lastName,company,title,city,note\n", *rows]).encode()


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has now."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def forget_peak(pid: int) -> None:
    """Let a process's greatest memory be counted from now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """Return how much memory a process had at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@pytest.mark.timeout(180)
async def test_imports_of_the_largest_size_need_little_memory(
    pool: Pool, database_url: str, redis_url: str
) -> None:
    """Good rows are in, each bad one is told by line and reason, memory grows by under 50 MB."""
    async with pool.acquire() as connection:
        workspace_id, _ = await insert_workspace(connection, "Acme")
    _, key = await create_api_key(pool, workspace_id, Face.SENDKIT, "test")
    settings = {
        "LEADFALL_DATABASE_URL": database_url,
        "LEADFALL_REDIS_URL": redis_url,
        "LEADFALL_SECRET_KEYS": Fernet.generate_key().decode(),
        "LEADFALL_PORT": str(find_free_port()),
        "LEADFALL_LOG_FORMAT": "json",
    }
    bulk = {"leads": [{"email": email} for email in emails(BULK_ROWS, "bulk.example")]}
    headers = {"X-Api-Key": key.text}
    async with (
        start("api", settings=settings) as api,
        aiohttp.ClientSession(
            f"http://127.0.0.1:{settings['LEADFALL_PORT']}", headers=headers
        ) as client,
    ):
        async with client.get("/v1/leads") as warm:
            assert warm.status == 200
        before = resident_bytes(api.process.pid)
        forget_peak(api.process.pid)
        async with client.post("/v1/leads/bulk", json=bulk) as answer:
            of_bulk = (await answer.json())["data"]
        with closing(BytesIO(csv_file())) as file:
            form = aiohttp.FormData({"file": file})
            async with client.post("/v1/leads/import/csv", data=form) as answer:
                of_csv = (await answer.json())["data"]
        growth = peak_bytes(api.process.pid) - before

    assert (of_bulk["imported"], of_bulk["failed"]) == (4_950, 50)
    assert list(range(0, BULK_ROWS, BAD_EACH)) == [row["index"] for row in of_bulk["errors"]]
    assert (of_csv["imported"], of_csv["failed"]) == (49_500, 500)
    assert list(range(2, CSV_ROWS + 2, BAD_EACH)) == [row["line"] for row in of_csv["errors"]]
    assert {"email is required and must be an e-mail address"} == {
        row["error"] for row in [*of_bulk["errors"], *of_csv["errors"]]
    }
    assert await pool.fetchval("select count(*) from leads") == 54_450
    assert growth < GROWTH_BYTES_MAX, f"{growth / MEBIBYTE:.1f} MiB"

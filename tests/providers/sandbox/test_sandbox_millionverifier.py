"""MillionVerifier's files as its adapter meets them: uploaded, looked after, downloaded."""

import asyncio
import csv
from io import StringIO
from typing import Any

import aiohttp
import orjson
import pytest

from providers.sandbox.server import Sandbox

VALID = "nadia.onlybuiltin@brightwater.leadfall"
INVALID = "nadia.onlynobody@brightwater.leadfall"
CATCH_ALL = "anybody@opendoor.leadfall"
UNKNOWN = "a.b@stuckpost.leadfall"


async def upload(
    sandbox: Sandbox, client: aiohttp.ClientSession, *lines: str, key: str = "sandbox"
) -> Any:
    form = aiohttp.FormData()
    text = "".join(f"{line}\n" for line in lines)
    form.add_field("file_contents", text, filename="1.csv", content_type="text/csv")
    return await send(sandbox, client, "POST", "/upload", form, key=key)


async def look(sandbox: Sandbox, client: aiohttp.ClientSession, path: str, **query: str) -> Any:
    return await send(sandbox, client, "GET", path, **{"key": "sandbox", **query})


async def send(
    sandbox: Sandbox,
    client: aiohttp.ClientSession,
    method: str,
    path: str,
    form: Any = None,
    **query: str,
) -> Any:
    """Return the body, as JSON where it is; a failure is told with 200 as well."""
    url = sandbox.base_urls["millionverifier"] + path
    async with client.request(method, url, data=form, params=query) as answer:
        text = await answer.text()
        return orjson.loads(text) if text.startswith("{") else text


async def test_a_report_tells_each_address_once_and_charges_as_a_check_does(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    addresses = [VALID, INVALID, CATCH_ALL, UNKNOWN]
    file = await upload(sandbox, client, "email", *addresses, VALID)
    async with asyncio.timeout(5):
        while (await look(sandbox, client, "/fileinfo", file_id=file["file_id"]))[
            "status"
        ] != "finished":
            await asyncio.sleep(0.001)

    report = await look(sandbox, client, "/download", file_id=file["file_id"], filter="all")

    header, *rows = csv.reader(StringIO(report))
    assert header == ["email", "quality", "result", "free", "role"]
    assert [(row[0], row[2]) for row in rows] == list(
        zip(addresses, ["ok", "invalid", "catch_all", "unknown"], strict=True)
    )
    assert [(one.credits, one.delivered) for one in sandbox.books.entries()] == [
        (1.0, True),
        (1.0, True),
        (0.0, True),
        (0.0, True),
    ]


async def test_a_file_that_is_not_finished_has_no_report(
    slow_sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    file = await upload(slow_sandbox, client, "email", VALID)
    looked = await look(slow_sandbox, client, "/fileinfo", file_id=file["file_id"])
    report = await look(slow_sandbox, client, "/download", file_id=file["file_id"], filter="all")

    assert [file["status"], looked["status"]] == ["in_progress"] * 2
    assert report == {"error": "file_not_found"}


@pytest.mark.parametrize("path", ["/fileinfo", "/download"])
async def test_another_keys_file_is_not_found(
    sandbox: Sandbox, client: aiohttp.ClientSession, path: str
) -> None:
    file = await upload(sandbox, client, "email", VALID)

    looked = await look(sandbox, client, path, file_id=file["file_id"], key="sandbox-user-b")

    assert looked == {"error": "file_not_found"}


@pytest.mark.parametrize("lines", [[], ["email"], ["email", "nobody"]], ids=str)
async def test_a_file_without_addresses_is_refused_and_books_nothing(
    sandbox: Sandbox, client: aiohttp.ClientSession, lines: list[str]
) -> None:
    assert await upload(sandbox, client, *lines) == {"error": "no_emails_in_file"}
    assert len(sandbox.books) == 0


@pytest.mark.parametrize(
    ("key", "error"), [("wrong", "Invalid API key"), ("sandbox-empty", "Insufficient credits")]
)
async def test_a_file_is_refused_as_a_check_is(
    sandbox: Sandbox, client: aiohttp.ClientSession, key: str, error: str
) -> None:
    assert (await upload(sandbox, client, "email", VALID, key=key))["error"] == error
    assert len(sandbox.books) == 0


async def test_what_is_no_form_is_refused(sandbox: Sandbox, client: aiohttp.ClientSession) -> None:
    body = await send(sandbox, client, "POST", "/upload", b"[7]", key="sandbox")

    assert body == {"error": "no_emails_in_file"}

"""Requests that no client library writes: each has an answer at once, in its face's own shape."""

import asyncio
import re
from contextlib import closing

import orjson
import pytest

from tests.api.conftest import OpenStage
from tests.api.raw_http import SELEQT_BODY, SENDKIT_BODY, head, send_raw
from tests.api.stage import Stage
from tests.log_lines import LogLines, logged

JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
IMPORT = "/api/v1/public/lead-lists/{list_id}/import/"
FORM_IMPORT = "/v1/leads/import/csv"
FORM = "Content-Type: multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nemail\r\n'
CALLBACK = "/v1/callbacks/enrow/made-up"
SHAPES = {SELEQT_BODY: {"error", "message"}, SENDKIT_BODY: {"success", "error"}}
FACES = sorted(SHAPES)


def alarms(lines: LogLines) -> list[str]:
    """Return what was logged that somebody would have to look at."""
    return [line["event"] for line in lines() if line["level"] in {"warning", "error", "critical"}]


@pytest.mark.parametrize("broken", [b"zz\r\n", b"-1\r\n", b"5\n", b"2\r\n{}{}\r\n"])
@pytest.mark.parametrize(
    ("path", "media_type", "begun"),
    [
        (SELEQT_BODY, JSON, b"1\r\n{\r\n"),
        (SENDKIT_BODY, JSON, b"1\r\n{\r\n"),
        (IMPORT, "Content-Type: text/csv", b"5\r\nemail\r\n"),
        (FORM_IMPORT, FORM, b"%x\r\n%b\r\n" % (len(PART), PART)),
        (CALLBACK, JSON, b"1\r\n{\r\n"),
    ],
)
async def test_chunks_that_break_off(
    stage: Stage, path: str, media_type: str, begun: bytes, broken: bytes
) -> None:
    """Whoever reads the body is told at once; the connection, which cannot go on, is closed."""
    before = await stage.count_rows()

    with logged() as lines:
        answer = await send_raw(stage, head(stage, path, media_type, CHUNKED) + begun, broken)

    assert answer.status == 400
    assert "Request body is not valid HTTP" in answer.told
    assert answer.closed
    assert [line["status"] for line in lines() if line.get("request_id") == answer.request_id] == [
        400
    ]
    assert alarms(lines) == []
    assert await stage.count_rows() == before


async def test_chunks_that_break_off_once_they_are_answered(stage: Stage) -> None:
    """The connection is closed without a further word."""
    begun = head(stage, "/v1/nothing", JSON, CHUNKED) + b"1\r\n{\r\n"

    with logged() as lines:
        answer = await send_raw(stage, begun, b"zz\r\n")

    assert (answer.status, answer.closed) == (404, True)
    assert alarms(lines) == []


@pytest.mark.parametrize("path", FACES)
async def test_an_unknown_expectation(stage: Stage, path: str) -> None:
    """It is a 417 that says what to send instead."""
    before = await stage.count_rows()
    sent = head(stage, path, JSON, "Content-Length: 2", "Expect: banana") + b"{}"

    with logged() as lines:
        answer = await send_raw(stage, sent)

    (line,) = lines("request.unreadable")
    assert (answer.status, answer.shape) == (417, SHAPES[path])
    assert answer.headers["x-error-code"] == "EXPECTATION_FAILED"
    assert "send Expect: 100-continue" in answer.told
    assert (line["request_id"], line["status"]) == (answer.request_id, 417)
    assert await stage.count_rows() == before


async def test_the_known_expectation(stage: Stage) -> None:
    """Whoever waits for it is told to go on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.client.port)
    with closing(writer):
        lines = (JSON, "Content-Length: 2", "Expect: 100-continue")
        writer.write(head(stage, SELEQT_BODY, *lines))
        go_on = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"{}")
        status = await reader.readline()

    assert (go_on, status) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("path", FACES)
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (("Content-Length: 5", CHUNKED), b"2\r\n{}\r\n0\r\n\r\n"),
        (("Content-Length: 2", "Content-Length: 3"), b"{} "),
        (("Content-Length: -2",), b"{}"),
        (("Content-Length: +2",), b"{}"),
        (("Content-Length: 0x2",), b"{}"),
        (("Content-Length: 9" + "9" * 30,), b"{}"),
        (("Transfer-Encoding: xchunked",), b"2\r\n{}\r\n0\r\n\r\n"),
        (("Transfer-Encoding: gzip, chunked",), b"2\r\n{}\r\n0\r\n\r\n"),
        (("Transfer-Encoding: chunked, gzip",), b"2\r\n{}\r\n0\r\n\r\n"),
        (("Transfer-Encoding : chunked",), b"2\r\n{}\r\n0\r\n\r\n"),
        (("X-A: b", "  c", "Content-Length: 2"), b"{}"),
        ((CHUNKED,), b"2\r\n{}\r\nzz\r\n"),
        (("X-A: " + "a" * 9_000, "Content-Length: 2"), b"{}"),
        (("X-A: " + "a" * 100_000, "Content-Length: 2"), b"{}"),
        (tuple(f"X-{number}: a" for number in range(200)), b""),
        (("Content-Type: text/plain", "Content-Length: 2"), b"{}"),
    ],
)
async def test_what_servers_could_read_in_two_ways(
    stage: Stage, path: str, lines: tuple[str, ...], body: bytes
) -> None:
    """It is refused in the face's shape, and nothing of it is done."""
    before = await stage.count_rows()

    with logged() as logs:
        answer = await send_raw(stage, head(stage, path, JSON, *lines) + body)

    ids = [line["request_id"] for line in logs() if "request_id" in line]
    assert (answer.status, answer.shape) == (400, SHAPES[path])
    assert answer.request_id in ids
    assert await stage.count_rows() == before


async def test_requests_one_behind_the_other(stage: Stage) -> None:
    """Each is answered in its turn, good or bad."""
    good = head(stage, SELEQT_BODY, JSON, "Content-Length: 2") + b"{}"
    bad = head(stage, SELEQT_BODY, JSON, "Content-Length: 1", "Connection: close") + b"{"
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.client.port)
    with closing(writer):
        writer.write(good + bad)
        async with asyncio.timeout(5):
            answers = await reader.read(-1)

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"400"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/leads/%zz", 404),
        ("/v1/leads/%ff", 404),
        ("/v1/leads/%00", 404),
        ("/api/v1/public/lead-lists/%ff/", 404),
        ("/api/v1/public/lead-lists/" + "9" * 400 + "/", 404),
        ("/v1/leads/\xff", 400),
        ("/v1/leads?search=\xff", 400),
        ("/v1/leads?search=%00", 400),
        ("/v1/leads?search=%ff", 200),
        ("/v1/leads?search=%ED%A0%80", 200),
        ("/v1/leads?" + "&".join("a=1" for _ in range(1_500)), 400),
        ("/v1/leads?search=" + "x" * 9_000, 400),
        ("//v1//leads", 404),
        ("//elsewhere.example/v1/leads", 404),
        ("/v1/../v1/leads", 404),
        ("/v1%2fleads", 404),
        ("http://x/v1/leads", 200),
        ("http://[::1/v1/leads", 400),
        ("http://x:99999/v1/leads", 400),
    ],
)
async def test_strange_paths(stage: Stage, path: str, status: int) -> None:
    """They name nothing, or what they would name unescaped, and never fail."""
    with logged() as lines:
        answer = await send_raw(stage, head(stage, path, method="GET"))

    assert answer.status == status
    assert answer.request_id in [line.get("request_id") for line in lines()]
    assert alarms(lines) == []


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
async def test_other_methods(stage: Stage, method: str) -> None:
    """They are a 405 that names those there are."""
    answer = await send_raw(stage, head(stage, "/v1/leads", method=method))

    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, POST")


@pytest.mark.parametrize("header", ["X-Workspace-Id", "Idempotency-Key", "X-Request-Id", "Cookie"])
async def test_a_header_that_is_no_text(stage: Stage, header: str) -> None:
    """It is bad input or passed over, and never a fault."""
    sent = head(stage, SENDKIT_BODY, JSON, f"{header}: \xff\xfe", "Content-Length: 2") + b"{}"

    answer = await send_raw(stage, sent)

    assert answer.status in {400, 403}
    assert answer.headers["x-request-id"].isascii()


async def test_a_part_whose_name_is_no_text(stage: Stage) -> None:
    """It is told as an unknown field, as far as it can be shown."""
    body = b'--x\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\na\r\n--x--\r\n'

    answer = await send_raw(
        stage, head(stage, FORM_IMPORT, FORM, f"Content-Length: {len(body)}") + body
    )

    assert answer.status == 400
    assert "?? is not a known field" in orjson.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize(
    "lines",
    [("Content-Length: 5000",), (CHUNKED,)],
)
@pytest.mark.parametrize(
    ("path", "media_type", "begun"),
    [
        (SELEQT_BODY, JSON, b"{"),
        (SENDKIT_BODY, JSON, b"{"),
        (IMPORT, "Content-Type: text/csv", b"email\nada@"),
        (FORM_IMPORT, FORM, b"--x\r\nContent-Disp"),
        (FORM_IMPORT, FORM, PART),
        (CALLBACK, JSON, b"{"),
    ],
)
async def test_a_caller_who_hangs_up_within_his_body(
    open_stage: OpenStage, path: str, media_type: str, begun: bytes, lines: tuple[str, ...]
) -> None:
    """It is noted as his doing, not as a fault of the database, and changes nothing."""
    stage = await open_stage()
    before = await stage.count_rows()
    framed = b"%x\r\n%b" % (len(begun) + 100, begun) if lines == (CHUNKED,) else begun

    with logged() as logs:
        _, writer = await asyncio.open_connection("127.0.0.1", stage.client.port)
        writer.write(head(stage, path, media_type, *lines) + framed)
        await wait_until_under_way(stage)
        writer.close()
        async with asyncio.timeout(5):
            while not [line for line in logs("request.finished") if line["method"] == "POST"]:
                await asyncio.sleep(0.01)

    statuses = [line["status"] for line in logs("request.finished") if line["method"] == "POST"]
    assert statuses == [499]
    assert alarms(logs) == []
    assert await stage.count_rows() == before


async def wait_until_under_way(stage: Stage) -> None:
    """Let the server, which is in this loop, come as far as the body."""
    for _ in range(3):
        await stage.client.get("/v1/nothing")

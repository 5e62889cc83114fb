"""Bodies with a content coding: gzip and deflate are taken within bounds, others refused."""

import asyncio
import gzip
import os
import re
import zlib
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.fernet import Fernet

from service.api.body_pieces import MEMBERS_MAX, PIECE_BYTES, pieces_of
from service.api.callbacks import callback_routes
from service.api.seleqt.routes import seleqt_routes
from service.api.sendkit.routes import sendkit_routes
from tests.api.conftest import OpenStage
from tests.api.raw_http import SELEQT_BODY, SENDKIT_BODY, head, send_raw
from tests.api.stage import Stage
from tests.log_lines import logged

IMPORT = "/api/v1/public/lead-lists/{list_id}/import/"
FORM_IMPORT = "/v1/leads/import/csv"
BODY = b'{"prospect_limit": 1}'
TYPES = {FORM_IMPORT: "multipart/form-data; boundary=x", IMPORT: "text/csv"}
# Switched off or on whatever their body is; they read none.
BODILESS = re.compile(r"/(cancel|disable|test|replay|api-key)$|/replays/|^DELETE .*/\{")


def gzipped(body: bytes) -> bytes:
    """Return a body in gzip, the same at any time."""
    return gzip.compress(body, mtime=0)


def raw_deflate(body: bytes) -> bytes:
    """Return a body as many send it who call it deflate."""
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


def request(stage: Stage, path: str, body: bytes, *lines: str, method: str = "POST") -> bytes:
    """Return a request with a body."""
    media_type = TYPES.get(path, "application/json")
    length = f"Content-Length: {len(body)}"
    return head(stage, path, length, f"Content-Type: {media_type}", *lines, method=method) + body


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(BODY)),
        ("x-gzip", gzipped(BODY)),
        ("GZIP", gzipped(BODY[:5]) + gzipped(BODY[5:])),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("identity", BODY),
        ("identity, gzip", gzipped(BODY)),
        ("gzip", b""),
        ("br", b""),
    ],
)
async def test_what_is_taken(stage: Stage, coding: str, body: bytes) -> None:
    """It is as good as the plain body."""
    status, answer = await stage.seleqt(body, Content_Encoding=coding)

    assert (status, answer["success"]) == (200, True)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", BODY),
        ("gzip", gzipped(BODY)[:-5]),
        ("gzip", gzipped(BODY)[:-8] + bytes(8)),
        ("gzip", gzipped(BODY) + b"more"),
        ("deflate", BODY),
        ("deflate", zlib.compress(BODY)[:-2]),
    ],
)
@pytest.mark.parametrize("path", [SELEQT_BODY, SENDKIT_BODY])
async def test_what_is_not_of_its_coding(stage: Stage, path: str, coding: str, body: bytes) -> None:
    """It is a 400 that says so, in the face's shape, and one line in the log."""
    before = await stage.count_rows()

    with logged() as lines:
        answer = await send_raw(stage, request(stage, path, body, f"Content-Encoding: {coding}"))

    assert answer.status == 400
    assert f"Request body is not valid {coding}" in answer.told
    assert [line["status"] for line in lines() if line.get("request_id") == answer.request_id] == [
        400
    ]
    assert "Traceback" not in lines.text()
    assert await stage.count_rows() == before


@pytest.mark.parametrize("path", [SELEQT_BODY, SENDKIT_BODY, IMPORT])
async def test_many_members(stage: Stage, path: str) -> None:
    """A body of more files of gzip than anybody puts together is refused at once."""
    body = gzipped(b"") * (1024 * 1024 // len(gzipped(b"")))

    answer = await send_raw(stage, request(stage, path, body, "Content-Encoding: gzip"))

    assert answer.status == 400
    assert f"Request body has more than {MEMBERS_MAX} members of gzip" in answer.told


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_the_members_that_a_body_may_have(stage: Stage, coding: str) -> None:
    """So many are taken and one more is not, of deflate as well."""
    compressed = {"gzip": gzipped, "deflate": zlib.compress}[coding]
    body = compressed(b"") * (MEMBERS_MAX - 1) + compressed(BODY)

    taken, _ = await stage.seleqt(body, Content_Encoding=coding)
    refused, _ = await stage.seleqt(compressed(b"") + body, Content_Encoding=coding)

    assert (taken, refused) == (200, 400)


@pytest.mark.parametrize("spaces", [8, 8 * 1024, 512 * 1024])
async def test_members_of_any_length(stage: Stage, spaces: int) -> None:
    """What follows a long one, of several pieces, is read once as what follows a short one is."""
    body = gzipped(b" " * spaces) * 5 + gzipped(BODY)

    status, _ = await stage.seleqt(body, Content_Encoding="gzip")

    assert status == 200


@pytest.mark.parametrize(
    "body",
    [bytes(8 * 1024 * 1024), os.urandom(512 * 1024)],
    ids=["of-few-bytes", "of-many"],
)
async def test_others_have_their_turns_meanwhile(body: bytes) -> None:
    """However much comes at once, or however much it means, no two pieces are decoded in one go."""
    turns, seen = 0, []
    pieces: list[bytes] = []

    async def take(asked: web.Request) -> web.Response:
        async for piece in pieces_of(asked, 2 * len(body)):
            pieces.append(piece)
            seen.append(turns)
        return web.Response()

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    application = web.Application(handler_args={"auto_decompress": False})
    application.router.add_post("/", take)
    async with TestClient(TestServer(application)) as client:
        turning = asyncio.create_task(turn())
        async with client.post(
            "/", data=gzipped(body), headers={"Content-Encoding": "gzip"}
        ) as answer:
            assert answer.status == 200
        turning.cancel()

    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert len(seen) > 1
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "made-up"])
@pytest.mark.parametrize("path", [SELEQT_BODY, SENDKIT_BODY, IMPORT, FORM_IMPORT])
async def test_what_is_in_another_coding(stage: Stage, path: str, coding: str) -> None:
    """It is a 415, whatever the body is."""
    answer = await send_raw(stage, request(stage, path, b"{}", f"Content-Encoding: {coding}"))

    assert answer.status == 415
    assert "Unsupported content coding. Send the" in answer.told
    assert answer.headers["x-error-code"] == "UNSUPPORTED_MEDIA_TYPE"


def routes_with_bodies() -> list[tuple[str, str]]:
    """Return method and path of every route that reads a body."""
    routes = [*seleqt_routes(), *sendkit_routes(), *callback_routes()]
    return sorted(
        {
            (each.method, each.path)
            for each in routes
            if each.method != "GET" and not BODILESS.search(f"{each.method} {each.path}")
        }
    )


@pytest.mark.parametrize(("method", "path"), routes_with_bodies())
async def test_no_route_fails_of_it(open_stage: OpenStage, method: str, path: str) -> None:
    """Each answers with a 4xx of its own, and the connection goes on."""
    stage = await open_stage(secret_keys=[Fernet.generate_key().decode()])
    known = {"list_id": str(stage.tenant.people_list), "provider": "hunter", "token": "none"}
    url = re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], "0" * 24), path)
    sent = request(stage, url, b"no gzip", "Content-Encoding: gzip", method=method)

    with logged() as lines:
        answer = await send_raw(stage, sent)

    assert 400 <= answer.status < 500
    assert answer.headers.get("connection") != "close"
    assert [line for line in lines() if line["level"] in {"warning", "error"}] == []


@pytest.mark.parametrize("path", [SELEQT_BODY, SENDKIT_BODY])
async def test_a_bomb(stage: Stage, path: str) -> None:
    """What decodes to more than a body may have is refused, however few bytes were sent."""
    bomb = gzipped(bytes(20 * 1024 * 1024))

    answer = await send_raw(stage, request(stage, path, bomb, "Content-Encoding: gzip"))

    assert (answer.status, answer.headers["x-error-code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_many_bytes_that_mean_nothing(open_stage: OpenStage) -> None:
    """The bound holds for what is sent as well."""
    stage = await open_stage(limits={"body_bytes_max": 2_048})
    body = gzipped(b"") * 200

    answer = await send_raw(
        stage,
        head(
            stage,
            SELEQT_BODY,
            "Transfer-Encoding: chunked",
            "Content-Type: application/json",
            "Content-Encoding: gzip",
        )
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
    )

    assert answer.status == 413


async def test_a_compressed_csv(stage: Stage) -> None:
    """A file of CSV may come in gzip, and is decoded as it comes."""
    rows = "".join(f"First{n},Last{n},company{n}.example\n" for n in range(2_000))
    csv = f"first_name,last_name,company_domain\n{rows}".encode()

    answer = await send_raw(stage, request(stage, IMPORT, gzipped(csv), "Content-Encoding: gzip"))

    assert (answer.status, b'"imported_count":2000' in answer.body) == (200, True)


async def test_an_announced_size_is_believed(stage: Stage) -> None:
    """A body that is announced above the bound is refused before it comes."""
    lines: Any = ("Content-Type: application/json", f"Content-Length: {2**63}")

    answer = await send_raw(stage, head(stage, SELEQT_BODY, *lines) + b"{")

    assert answer.status == 413

"""The reference for people and the document under it are served from here, safely and cachably."""

import hashlib
import tomllib
from importlib.resources import files

import pytest

from service.api.docs.pages import SCALAR
from tests.api.published import read_document
from tests.api.stage import Stage

DOCS = files("service.api.docs")


def test_the_interface_is_the_published_file() -> None:
    """It is byte for byte what its checksum says, and its licence lies beside it."""
    told = tomllib.loads(DOCS.joinpath("scalar.toml").read_text())
    content = DOCS.joinpath(told["file"]).read_bytes()

    assert (told["file"], told["version"] in SCALAR) == (SCALAR, True)
    assert hashlib.sha256(content).hexdigest() == told["sha256"]
    assert "MIT License" in DOCS.joinpath(told["licence_file"]).read_text()


async def test_the_document_is_served(stage: Stage) -> None:
    """Whoever asks gets the committed document, with or without compression."""
    async with stage.client.get("/openapi.json") as answer:
        served = await answer.json()

    assert (answer.content_type, served) == ("application/json", read_document())


@pytest.mark.parametrize(
    ("path", "media_type", "cached"),
    [
        ("/docs", "text/html", "no-cache"),
        ("/docs/", "text/html", "no-cache"),
        ("/docs/start.js", "text/javascript", "no-cache"),
        (f"/docs/{SCALAR}", "text/javascript", "public, max-age=31536000, immutable"),
        ("/openapi.json", "application/json", "no-cache"),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_file_is_kept_and_asked_for_again_cheaply(
    stage: Stage, path: str, media_type: str, cached: str, encoding: str
) -> None:
    """Each file names its content, so that nobody is sent what he has."""
    accepted = {"Accept-Encoding": encoding}
    async with stage.client.get(path, headers=accepted) as first:
        body = await first.read()
    again = {**accepted, "If-None-Match": first.headers["ETag"]}
    async with stage.client.get(path, headers=again) as second:
        rest = await second.read()

    assert (first.status, first.content_type) == (200, media_type)
    assert first.headers["Cache-Control"] == cached
    assert len(body) > 100
    assert (second.status, rest) == (304, b"")


@pytest.mark.parametrize("path", ["/docs", f"/docs/{SCALAR}", "/openapi.json"])
async def test_the_page_may_load_nothing_from_elsewhere(stage: Stage, path: str) -> None:
    """The policy names this origin alone."""
    async with stage.client.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"

"""The snippets of the page on webhooks work as they stand there."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from service.domain.event_types import EventType
from service.domain.signing import new_secret, read_secret, webhook_signature

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET = new_secret()
BODY = '{"type":"test","data":{"name":"Zoë"}}'.encode()
NODE = shutil.which("node")


def snippet(language: str, having: str) -> str:
    """Return the one code block in a language that holds some words."""
    [found] = [
        block
        for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
        if having in block
    ]
    return str(found)


def headers(secret: str = SECRET, *, age_s: int = 0) -> dict[str, str]:
    """Return the headers of a request that was signed so long ago."""
    signed_at_s = int(time.time()) - age_s
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(signed_at_s),
        "webhook-signature": webhook_signature("evt_1", signed_at_s, BODY, [read_secret(secret)]),
    }


CASES = [
    (headers(), BODY, 204),
    (headers(new_secret()), BODY, 401),
    (headers(age_s=600), BODY, 401),
    (headers(), BODY + b" ", 401),
    ({**headers(), "webhook-signature": "v1,%%%%"}, BODY, 401),
]


@pytest.mark.parametrize(("given", "body", "status"), CASES)
def test_the_python_snippet_verifies(
    given: dict[str, str], body: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes what is authentic and refuses the rest."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    scope: dict[str, Any] = {}
    exec(snippet("python", "def receive"), scope)  # noqa: S102 - the page's own code

    assert scope["receive"](given, body) == status


if NODE is not None:  # a snippet is run where its runtime is

    @pytest.mark.parametrize(("given", "body", "status"), CASES)
    def test_the_node_snippet_verifies(
        given: dict[str, str], body: bytes, status: int, tmp_path: Path
    ) -> None:
        """The one without a package takes what is authentic and refuses the rest."""
        module = tmp_path / "receiver.mjs"
        asked = f"{json.dumps(given)}, Buffer.from('{body.hex()}', 'hex')"
        module.write_text(
            snippet("javascript", "isAuthentic")
            + f"\nconsole.log(isAuthentic({asked}) ? 204 : 401);\n",
            encoding="utf-8",
        )

        ended = subprocess.run(  # noqa: S603 - the page's own code
            [str(NODE), str(module)],
            env={**os.environ, "WEBHOOK_SECRET": SECRET},
            capture_output=True,
            text=True,
            check=True,
        )

        assert ended.stdout.strip() == str(status)


def test_the_example_does_the_work_once() -> None:
    """The second time the same event comes, nothing is done."""
    scope: dict[str, Any] = {}
    exec(snippet("python", "def handle"), scope)  # noqa: S102 - the page's own code
    database = sqlite3.connect(":memory:")
    database.execute("create table seen (id text primary key)")
    database.execute("create table jobs (id text, found integer)")
    event = {"data": {"job_id": "bulk_1", "success_count": 3}}

    handled = [scope["handle"](database, "evt_1", event) for _ in range(2)]
    rows = database.execute("select * from jobs").fetchall()
    database.close()

    assert handled == [True, False]
    assert rows == [("bulk_1", 3)]


@pytest.mark.parametrize("event_type", list(EventType))
def test_every_event_has_its_line(event_type: str) -> None:
    """The page names each type."""
    assert f"`{event_type}`" in PAGE

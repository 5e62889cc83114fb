"""The snippets of the page on webhooks work as they stand there."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.domain.event_types import EventType
from service.domain.signing import new_secret, read_secret, webhook_signature

PACKAGES = Path(__file__).parent / "npm"
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET = new_secret()
BODY = '{"type":"test","data":{"name":"Zoë"}}'.encode()


@dataclass(frozen=True)
class Program:
    """How to run a language's snippet over all cases: what is put around it, and the command."""

    language: str
    having: str
    before: str
    after: str
    suffix: str
    command: tuple[str, ...]

    def __str__(self) -> str:
        return self.language

    @property
    def runtime(self) -> str | None:
        """Where the language is installed, if it is."""
        return shutil.which(self.command[0])

    def run(self, folder: Path, cases: str) -> list[int]:
        """Return the status for each case."""
        program = folder / f"receiver{self.suffix}"
        text = f"{self.before}{snippet(self.language, self.having)}{self.after}"
        # Go takes imports only at the head of a file.
        text = text.replace("import (", 'import (\n"encoding/hex"\n"encoding/json"\n"fmt"', 1)
        program.write_text(text, encoding="utf-8")
        ended = subprocess.run(  # noqa: S603 - the page's own code
            [*self.command, str(program)],
            env={**os.environ, "WEBHOOK_SECRET": SECRET, "GOCACHE": str(folder / "cache")},
            input=cases,
            capture_output=True,
            text=True,
            check=True,
        )
        # A snippet may print the type of an event, too.
        return [int(word) for word in ended.stdout.split() if word.isdecimal()]


# The rest of a program: it reads the cases from its input and prints a status for each.
PROGRAMS = [
    Program(
        "javascript",
        "isAuthentic",
        "",
        """
import { readFileSync } from "node:fs";
for (const { headers, body } of JSON.parse(readFileSync(0, "utf8"))) {
  console.log(isAuthentic(headers, Buffer.from(body, "hex")) ? 204 : 401);
}
""",
        ".mjs",
        ("node",),
    ),
    Program(
        "go",
        "isAuthentic",
        "",
        """
func main() {
	var cases []struct {
		Headers map[string]string
		Body    string
	}
	json.NewDecoder(os.Stdin).Decode(&cases)
	for _, each := range cases {
		headers := http.Header{}
		for name, value := range each.Headers {
			headers.Set(name, value)
		}
		body, _ := hex.DecodeString(each.Body)
		if isAuthentic(headers, body) {
			fmt.Println(204)
		} else {
			fmt.Println(401)
		}
	}
}
""",
        ".go",
        ("go", "run"),
    ),
    Program(
        "ruby",
        "authentic?",
        "",
        """
require "json"
JSON.parse($stdin.read).each do |each|
  puts authentic?(each["headers"], [each["body"]].pack("H*")) ? 204 : 401
end
""",
        ".rb",
        ("ruby",),
    ),
    Program(
        "php",
        "isAuthentic",
        "<?php\n",
        """
foreach (json_decode(stream_get_contents(STDIN), true) as $each) {
    echo isAuthentic($each['headers'], hex2bin($each['body'])) ? 204 : 401, "\\n";
}
""",
        ".php",
        ("php",),
    ),
]


LIBRARY_PROGRAM = Program(
    "javascript",
    'from "standardwebhooks"',
    "",
    """
import { readFileSync } from "node:fs";
for (const { headers, body } of JSON.parse(readFileSync(0, "utf8"))) {
  console.log(receive(headers, Buffer.from(body, "hex")));
}
""",
    ".mjs",
    ("node",),
)


def unpack_packages(folder: Path) -> None:
    """Put the pinned npm packages where a program in this folder finds them."""
    listed = tomllib.loads((PACKAGES / "packages.toml").read_text(encoding="utf-8"))
    for package in listed["package"]:
        packed = (PACKAGES / package["file"]).read_bytes()
        checksum = base64.b64encode(hashlib.sha512(packed).digest()).decode()
        assert package["integrity"] == f"sha512-{checksum}"
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder / "packed", filter="data")
        home = folder / "node_modules" / package["name"]
        home.parent.mkdir(parents=True, exist_ok=True)
        (folder / "packed" / "package").rename(home)


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


# Signed when they are sent: what was signed as the tests were collected is too old in a long run.
CASES: dict[str, tuple[Callable[[], dict[str, str]], bytes, int]] = {
    "authentic": (headers, BODY, 204),
    "another secret": (lambda: headers(new_secret()), BODY, 401),
    "too old": (lambda: headers(age_s=600), BODY, 401),
    "another body": (headers, BODY + b" ", 401),
    "no signature": (lambda: {**headers(), "webhook-signature": "v1,%%%%"}, BODY, 401),
}
STATUSES = [status for *_, status in CASES.values()]


def cases() -> str:
    """Return all cases as a program reads them."""
    return json.dumps(
        [{"headers": given(), "body": body.hex()} for given, body, _ in CASES.values()]
    )


@pytest.mark.parametrize(("given", "body", "status"), CASES.values(), ids=CASES)
def test_the_python_snippet_verifies(
    given: Callable[[], dict[str, str]], body: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes what is authentic and refuses the rest."""
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    scope: dict[str, Any] = {}
    exec(snippet("python", "def receive"), scope)  # noqa: S102 - the page's own code

    assert scope["receive"](given(), body) == status


PRESENT = [each for each in PROGRAMS if each.runtime]

if PRESENT:  # a snippet is run where its runtime is

    @pytest.mark.parametrize("language", PRESENT, ids=str)
    def test_the_snippets_without_a_package_verify(language: Program, tmp_path: Path) -> None:
        """They take what is authentic and refuse the rest."""
        assert language.run(tmp_path, cases()) == STATUSES


if LIBRARY_PROGRAM.runtime:

    def test_the_library_of_javascript_verifies(tmp_path: Path) -> None:
        """The package from npm, as it was published, takes what is authentic and nothing else."""
        unpack_packages(tmp_path)
        assert LIBRARY_PROGRAM.run(tmp_path, cases()) == STATUSES


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

"""README keeps its word: every command in it but the container ones is run here or by `.ci/run`."""

import re
import sys
import time
from pathlib import Path

import pytest

from service.domain.signing import new_secret, read_secret, webhook_signature
from tests.commands.processes import ROOT, start
from tests.commands.readme import read_blocks, read_lines, run_lines

CURLS = read_lines("curl")
OPERATING = read_lines("export", "leadfall")
ROLES = [f"leadfall {role}" for role in ("api", "worker", "dispatcher")]
DEMOS = [line for line in OPERATING if line.startswith("leadfall demo")]
CREATE = 'leadfall workspaces create "Acme"'
FIRST = OPERATING[len(DEMOS) : OPERATING.index(CREATE) + 1]
THEN = [line for line in OPERATING[OPERATING.index(CREATE) + 1 :] if line not in ROLES]


def test_every_line_is_accounted_for() -> None:
    """A line that no test below runs is a `make` line or one for containers."""
    rest = [line for line in read_lines() if line not in {*CURLS, *OPERATING}]

    assert rest == ["make demo", "make dev", "docker compose up"]


def test_the_make_lines_are_run_elsewhere() -> None:
    """`.ci/run` runs the demo, and test_examples runs `make dev` and the curl lines."""
    assert "\nmake demo\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", DEMOS)
async def test_each_demo_line_passes_and_writes_its_report(line: str, tmp_path: Path) -> None:
    """The file is where the line puts it."""
    done = await run_lines([line], {}, tmp_path)

    assert done.code == 0, done.output
    assert names_in(tmp_path) == ["report.json"]


def names_in(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


async def test_the_operating_lines_work_in_their_order(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """From a new key for secrets to audit and doctor, with the workspace id that is printed."""
    servers = {"LEADFALL_DATABASE_URL": database_url, "LEADFALL_REDIS_URL": redis_url}
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "leads.csv").write_text("first_name,last_name\nAda,Lovelace\n")

    first = await run_lines(FIRST, servers, tmp_path, then='echo "keys=$LEADFALL_SECRET_KEYS"')
    keys = re.findall(r"^keys=(\S{44})$", first.output, re.MULTILINE)
    workspaces = re.findall(r"\b[0-9a-f]{24}\b", first.output)
    settings = {**servers, "LEADFALL_SECRET_KEYS": keys[0], "WORKSPACE": workspaces[0]}
    then = await run_lines(THEN, settings, tmp_path)

    assert first.code == 0, first.errors
    assert then.code == 0, (then.output, then.errors)
    assert "imported 1 leads" in then.output


@pytest.mark.parametrize("line", [line for line in OPERATING if line in ROLES])
async def test_each_role_starts_and_stops(settings: dict[str, str], line: str) -> None:
    """A process runs until it is told to stop."""
    async with start(*line.split()[1:], settings=settings) as started:
        code = await started.stop()

    assert code == 0


def test_the_webhook_snippet_tells_ours_from_others() -> None:
    """README's receiver accepts what is signed with its secret and nothing else."""
    (snippet,) = read_blocks("python")
    names: dict[str, object] = {}
    exec(compile(snippet, "README.md", "exec"), names)  # noqa: S102 - it is ours
    is_authentic = names["is_authentic"]
    assert callable(is_authentic)
    secret, now_s, body = new_secret(), int(time.time()), b'{"type":"enrichment.completed"}'
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now_s),
        "webhook-signature": webhook_signature("evt_1", now_s, body, [read_secret(secret)]),
    }

    assert is_authentic(secret, headers, body)
    assert not is_authentic(secret, headers, body + b" ")
    assert not is_authentic(new_secret(), headers, body)
    assert not is_authentic(secret, {}, body)

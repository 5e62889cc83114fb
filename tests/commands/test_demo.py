"""`leadfall demo`: its report is complete, agrees with itself, and is written where asked."""

import json
from pathlib import Path

from tests.commands.processes import COMMAND, run, start_program, wait_for


async def test_a_fresh_demo_passes_every_check(tmp_path: Path) -> None:
    """Forty leads: every check is made and right, and the file holds what is printed."""
    file = tmp_path / "report.json"

    done = await run("demo", "--leads", "40", "--report", str(file), "--json")

    report = done.json
    assert done.code == 0, report["checks"]
    assert report == json.loads(file.read_text())
    assert report["passed"]
    assert report["leads"] == 40
    assert [check["passed"] for check in report["checks"]] == [True] * 9
    assert report["found"] + report["missed"] == report["lookups"]
    assert report["granted"] - report["charged"] + report["refunded"] == report["balance"]
    assert report["webhooks_received"] == report["signatures_verified"] == 4
    assert 0 < report["seconds_to_webhook"] < report["seconds_in_all"]
    assert 0 < report["commit_to_receiver_ms"]["p50"] <= report["commit_to_receiver_ms"]["p99"]


async def test_it_ends_with_a_table_for_people() -> None:
    """The numbers that somebody looks for stand in it by name."""
    done = await run("demo", "--leads", "6")

    assert done.code == 0
    names = {line.rsplit("  ", 1)[0].strip() for line in done.output.splitlines()}
    assert {
        "leads",
        "found",
        "missed",
        "credits charged",
        "credits refunded",
        "balance",
        "webhooks received",
        "signatures verified",
        "seconds to the first verified webhook",
        "audit",
    } <= names
    assert done.output.count("✓") == 9


async def test_it_does_not_ask_real_vendors() -> None:
    """With a provider's key in the environment it refuses, because answers could not be checked."""
    failed = await run("demo", settings={"LEADFALL_PROVIDERS__HUNTER__API_KEY": "real"})

    assert failed.code == 1
    assert "must not ask real vendors" in failed.errors


async def test_a_number_of_leads_it_cannot_have_is_wrong_usage() -> None:
    """The bound is told."""
    failed = await run("demo", "--leads", "0")

    assert failed.code == 2


def folders_in(place: Path) -> list[Path]:
    """Return the folders that demos made there."""
    return list(place.glob("leadfall-demo-*"))


def has_servers(place: Path) -> bool:
    """Tell whether a demo there has started the last of its servers."""
    return any(place.glob("leadfall-demo-*/valkey/server.pid"))


async def test_a_demo_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM in the middle ends its servers and removes its folder."""
    async with start_program(*COMMAND, "demo", settings={"TMPDIR": str(tmp_path)}) as process:
        await wait_for(lambda: has_servers(tmp_path))
        process.terminate()
        code = await process.wait()

    assert code == 143
    assert folders_in(tmp_path) == []

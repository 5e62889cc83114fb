"""The page of benches shows every scenario, whether it was measured or not, and of which run."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.machine import commit
from tests.bench.page import PAGE, page
from tests.bench.report import Row, Run, Target, keep, read

NAME = "accept.one_lead"
FACTS = {"Python": "3.11"}
WHOLE = Run("aaaaaaaaaaaa", "2026-11-22", repeats=3, seconds=30.0, share=1.0)
ONE_LEAD = Row.of(NAME, "one lead", "requests/s", [1_600.0], run=WHOLE)
LATER = Row.of(
    "accept.hundred_leads", "more", "requests/s", [400.0],
    run=replace(WHOLE, commit="bbbbbbbbbbbb", day="2026-11-23"),
)  # fmt: skip
SHORT = Row.of(
    "accept.one_workspace", "of one", "requests/s", [900.0],
    run=replace(WHOLE, repeats=1, seconds=3.0, share=0.05),
)  # fmt: skip


def line_of(text: str) -> str:
    """Return the scenario's line of the table."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"| `{NAME}`"))
    return line


def head_of(text: str) -> str:
    """Return what stands before the first table."""
    return text.partition("\n## ")[0]


@pytest.mark.parametrize(
    ("limit", "said"), [(1.0, "| yes. the disk |"), (2.0, "| **no**. the disk |")]
)
def test_a_row_says_whether_it_is_met(limit: float, said: str) -> None:
    """Ours, what it is held against, the ratio, and whether the target is met or what bounds it."""
    row = Row.of(
        NAME, "one lead", "requests/s", [1_500.0, 1_700.0, 1_600.0],
        against=[1_000.0, 1_000.0, 1_000.0], against_said="bare",
        target=Target("at least", limit), bound="the disk",
    )  # fmt: skip

    line = line_of(page([row], FACTS))

    assert "1,600 requests/s (1,500 to 1,700) | 1,000, bare | 1.60 |" in line
    assert line.endswith(said)


def test_a_scenario_that_nobody_listed_is_shown() -> None:
    """A new bench is on the page from its first run on."""
    text = page([Row.of("new.scenario", "new", "s", [1.0])], FACTS)

    assert "| `new.scenario`: new | 1 s |" in text


@pytest.mark.parametrize("part", ["sketch", "statements", "decisions"])
@pytest.mark.parametrize(
    "name", ["enrich.one_step", "enrich.slow_provider", "peers.arq", "peers.best_other"]
)
def test_a_sketch_stands_with_what_it_bounds(name: str, part: str) -> None:
    """What the least programs reach is in the section of ours, and not somewhere else."""
    text = page([Row.of(f"{name}_{part}", "a sketch", "leads/s", [1.0])], FACTS)

    assert f"| `{name}_{part}`: a sketch |" in text
    assert "## More" not in text


def test_what_gave_no_figure_is_shown() -> None:
    """A scenario that failed before it had a figure does not go missing."""
    text = page([], FACTS)

    assert "**not measured**" in line_of(text)
    assert "- Python: 3.11" in text


def test_the_head_says_of_which_run_the_rows_are() -> None:
    """The day and commit of measuring and how long it ran, and no mark where that is one run."""
    head = head_of(page([ONE_LEAD], FACTS))

    assert "on 2026-11-22, of commit aaaaaaaaaaaa: 3 repeats, 30 s" in head
    assert "**" not in head


def test_rows_of_two_commits_are_marked() -> None:
    """A row that was kept from an earlier commit is not passed off as one of the later."""
    head = head_of(page([ONE_LEAD, LATER], FACTS))

    assert "**Rows are of more than one commit.**" in head
    assert "shortened" not in head
    assert "on 2026-11-23, of commit bbbbbbbbbbbb: 3 repeats" in head
    lines = head.splitlines()
    assert [("aaaaaaaaaaaa" in line) for line in lines if NAME in line] == [True]
    assert [("bbbbbbbbbbbb" in line) for line in lines if LATER.scenario in line] == [True]


def test_rows_of_a_shortened_run_are_marked() -> None:
    """A trial says that it is one, and which rows are of it."""
    head = head_of(page([ONE_LEAD, SHORT], FACTS))

    assert "**Rows are of a shortened run.**" in head
    assert "more than one commit" not in head
    (line,) = (line for line in head.splitlines() if SHORT.scenario in line)
    assert "1 repeat, 3 s" in line
    assert "0.05 of all leads and rows" in line


def test_rows_of_an_unknown_run_are_marked() -> None:
    """Beside rows whose commit is known, one that says none is of another."""
    head = head_of(page([ONE_LEAD, replace(LATER, run=None)], FACTS))

    assert "**Rows are of more than one commit.**" in head


def test_a_kept_row_keeps_its_run(tmp_path: Path) -> None:
    """A later run of another scenario leaves it with the commit it was measured with."""
    kept_in = tmp_path / "bench.json"

    keep([ONE_LEAD], kept_in)
    keep([LATER], kept_in)

    assert read(kept_in) == [LATER, ONE_LEAD]


def test_the_page_that_was_written_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One scenario that is measured again on the same commit is of the same, and of no other."""
    monkeypatch.chdir(tmp_path)
    for name in (PAGE, Path("code.py")):
        name.parent.mkdir(exist_ok=True)
        name.write_text("before\n", encoding="utf-8")
    git = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "before")):
        subprocess.run((*git, *words), check=True)  # noqa: S603 - words of this test
    clean = commit()

    PAGE.write_text("after\n", encoding="utf-8")
    assert commit() == clean

    Path("code.py").write_text("after\n", encoding="utf-8")
    assert commit() == f"{clean}-dirty"

"""The page of benches shows every scenario, whether it was measured or not."""

from datetime import UTC, datetime

import pytest

from tests.bench.page import page
from tests.bench.report import Row, Target

NAME = "accept.one_lead"
FACTS = {"Python": "3.11"}
MOMENT = datetime(2026, 11, 22, tzinfo=UTC)


def line_of(text: str) -> str:
    """Return the line of the scenario."""
    (line,) = (line for line in text.splitlines() if f"`{NAME}`" in line)
    return line


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

    line = line_of(page([row], FACTS, MOMENT))

    assert "1,600 requests/s (1,500 to 1,700) | 1,000, bare | 1.60 |" in line
    assert line.endswith(said)


def test_a_scenario_that_nobody_listed_is_shown() -> None:
    """A new bench is on the page from its first run on."""
    text = page([Row.of("new.scenario", "new", "s", [1.0])], FACTS, MOMENT)

    assert "| `new.scenario`: new | 1 s |" in text


def test_what_gave_no_figure_is_shown() -> None:
    """A scenario that failed before it had a figure does not go missing."""
    text = page([], FACTS, MOMENT)

    assert "**not measured**" in line_of(text)
    assert "Run on 2026-11-22" in text
    assert "- Python: 3.11" in text

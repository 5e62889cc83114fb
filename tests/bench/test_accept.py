"""How many requests an API accepts in a second, held against the bare statement behind it."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from tests.bench.accept_load import (
    Ask,
    forget_jobs,
    open_fleet,
    seed,
    through_api,
    through_statement,
)
from tests.bench.conftest import Scale
from tests.bench.report import Row, Target
from tests.faults.fleet import Fleet

Report = Callable[[Row], Row]

WORKSPACES = 64
CALLERS = 64
CALLERS_FEW = 8
SMALL_REQUESTS = 8_000
REQUESTS_OF_ONE = 4_000
LARGE_REQUESTS = 2_000
LEADS_OF_LARGE = 100
BARE = "the same statement from bare asyncpg, 16 connections"
NO_COLLAPSE = 0.8


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """One API process."""
    launched = await open_fleet(tmp_path)
    yield launched
    await launched.stop()


async def measure(
    fleet: Fleet, asks: list[Ask], repeats: int, *, callers: Sequence[int] = (CALLERS,)
) -> list[list[float]]:
    """Return how many requests a second were accepted by the bare statement, and then by ours.

    Args:
        callers: how many ask ours at once, each number in turn; there is a list for each.
    """
    rounds: list[list[float]] = []
    for _ in range(repeats + 1):
        await forget_jobs(fleet)
        rates = [await through_statement(fleet, asks)]
        for at_once in callers:
            await forget_jobs(fleet)
            rates.append(await through_api(fleet, asks, callers=at_once))
        rounds.append(rates)
    # The first round warms up.
    return [list(rates) for rates in zip(*rounds[1:], strict=True)]


@pytest.mark.timeout(600)
async def test_small_requests(fleet: Fleet, scale: Scale, report: Report) -> None:
    """Requests of one lead share commits: more of them are accepted than statements executed."""
    asks = await seed(fleet, workspaces=WORKSPACES, requests=scale.count(SMALL_REQUESTS), leads=1)
    bare, ours = await measure(fleet, asks, scale.repeats)

    row = report(
        Row.of(
            "accept.one_lead",
            "requests over HTTP with one lead each, 64 workspaces, 64 callers",
            "requests/s",
            ours,
            against=bare,
            against_said=BARE,
            target=Target("at least", 1.0),
        )
    )
    assert row.met


@pytest.mark.timeout(600)
async def test_large_requests(fleet: Fleet, scale: Scale, report: Report) -> None:
    """Requests of a hundred leads cost little more than the statement."""
    asks = await seed(
        fleet,
        workspaces=WORKSPACES,
        requests=scale.count(LARGE_REQUESTS),
        leads=LEADS_OF_LARGE,
    )
    bare, ours = await measure(fleet, asks, scale.repeats)

    row = report(
        Row.of(
            "accept.hundred_leads",
            "requests over HTTP with 100 leads each, 64 workspaces, 64 callers",
            "requests/s",
            ours,
            against=bare,
            against_said=BARE,
            target=Target("at least", 0.75),
        )
    )
    assert row.met


@pytest.mark.timeout(600)
async def test_one_workspace(fleet: Fleet, scale: Scale, report: Report) -> None:
    """Requests of one workspace do not queue for its balance, however many callers there are."""
    asks = await seed(fleet, workspaces=1, requests=scale.count(REQUESTS_OF_ONE), leads=1)
    bare, ours, few = await measure(fleet, asks, scale.repeats, callers=(CALLERS, CALLERS_FEW))

    row = report(
        Row.of(
            "accept.one_workspace",
            "requests over HTTP with one lead each, all of one workspace, 64 callers",
            "requests/s",
            ours,
            against=bare,
            against_said=BARE,
            target=Target("at least", 2.0),
        )
    )
    crowd = report(
        Row.of(
            "accept.one_workspace_crowd",
            "the same, 64 callers held against 8: no collapse",
            "requests/s",
            ours,
            against=few,
            against_said="8 callers",
            target=Target("at least", NO_COLLAPSE),
        )
    )
    assert [row.met, crowd.met] == [True, True]

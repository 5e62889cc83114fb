"""What every fault test does besides: leave nothing open, and tell by what command to repeat it."""

import gc
import os
import shlex
from collections.abc import Generator, Iterator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the command, with what decides how much is tried, to the report of a failure."""
    report = yield
    if report.failed:
        sizes = [f"{name}={value}" for name, value in os.environ.items() if name[:6] == "FAULT_"]
        command = shlex.join([*sorted(sizes), ".venv/bin/pytest", item.nodeid])
        report.sections.append(("repeat with", command))
    return report


@pytest.fixture(autouse=True)
def leaves_nothing_open() -> Iterator[None]:
    """Look for what a test left open at its own end, and not in the middle of a later one."""
    yield
    gc.collect()

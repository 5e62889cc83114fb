"""What a fault test that failed says besides: the one command that repeats it."""

import os
import shlex
from collections.abc import Generator

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

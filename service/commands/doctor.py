"""`leadfall doctor`: shows every setting and says what is wrong with this installation."""

import sys
from typing import TYPE_CHECKING, Final

from service.commands.options import AsJson

if TYPE_CHECKING:
    from service.flows.diagnose import Diagnosis

_MARKS: Final = {"pass": "ok", "warn": "warning", "fail": "FAILED"}


def doctor(*, as_json: AsJson = False) -> None:
    """Show every setting and what is wrong; exit 1 if something is."""
    from service.commands.output import print_json
    from service.commands.setup import run_to_end
    from service.domain.check import Status

    found = run_to_end(_diagnose())
    if as_json:
        print_json(found.as_json())
    else:
        _show(found)
    if found.status is Status.FAIL:
        sys.exit(1)


async def _diagnose() -> "Diagnosis":
    from service.app import usable_waterfalls
    from service.flows.diagnose import diagnose
    from service.settings import Settings

    settings = Settings()
    return await diagnose(settings, usable_waterfalls(settings).values())


def _show(found: "Diagnosis") -> None:
    from service.commands.output import print_lines, print_table

    print_lines("Settings (* set in the environment)", "")
    print_table(
        ("name", "value", "meaning"),
        [
            (f"{line.name}{'*' if line.given else ''}", line.value, line.meaning)
            for line in found.settings
        ],
    )
    print_lines("", "Kinds and who is asked, in order", "")
    print_table(
        ("kind", "providers"),
        [
            (line.kind, ", ".join(line.providers) or f"nobody: set {' or '.join(line.remedies)}")
            for line in found.kinds
        ],
    )
    print_lines("", "Checks", "")
    print_table(
        ("", "check", ""),
        [(_MARKS[check.status], check.name, check.message) for check in found.checks],
    )

"""Reads README's code blocks and runs its shell lines as a reader would."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.commands.processes import ROOT, Finished, run_program

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read_blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [body for named, body in _BLOCK.findall(text) if named == language]


def read_lines(*programs: str) -> list[str]:
    """Return the shell lines that begin with one of these words, in README's order."""
    lines = [line for block in read_blocks("sh") for line in block.splitlines() if line]
    return [line for line in lines if line.split()[0] in programs] if programs else lines


async def run_lines(
    lines: Sequence[str], settings: Mapping[str, str], folder: Path, *, then: str = ":"
) -> Finished:
    """Run lines in their order, up to the first that fails, in a shell that finds `leadfall`."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    script = "\n".join(["set -e", *lines, then])
    return await run_program(
        "sh", "-c", script, settings={**settings, "PATH": programs}, folder=folder
    )

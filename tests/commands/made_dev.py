"""Starts `make dev` as README's reader does, and reads what it prints for people."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.commands.processes import PATIENCE_S, ROOT, environment, find_free_port

_LAST_LINE = "Stop with Ctrl-C"


@dataclass(frozen=True, slots=True)
class MadeDev:
    """A running `make dev`, with the lines that it printed for its user."""

    lines: list[str]

    @property
    def curl_lines(self) -> list[str]:
        """The lines to copy, in their order."""
        return [line for line in self.lines if line.startswith("curl ")]

    @property
    def variables(self) -> dict[str, str]:
        """What README and the guides ask their reader to set."""
        return {
            "LEADFALL": self._find(r"Leadfall runs at (\S+)"),
            "SELEQT_KEY": self._find(r"Seleqt key\s+(\S+)"),
            "SENDKIT_KEY": self._find(r"SendKit key\s+(\S+)"),
            "WEBHOOK_SECRET": self._find(r"webhook secret\s+(\S+)"),
        }

    def _find(self, pattern: str) -> str:
        (found,) = re.findall(pattern, "\n".join(self.lines))
        return str(found)


def read_recipe(arguments: str) -> str:
    """Return the command that `make dev` runs once everything is set up."""
    # Run by `make test`, this make would say which folder it enters and leaves.
    quiet = ["make", "--no-print-directory", "--dry-run"]
    make = [*quiet, "dev", f"BIN={Path(sys.executable).parent}", f"ARGS={arguments}"]
    told = subprocess.run(make, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    return told.stdout.splitlines()[-1]


@contextmanager
def make_dev(data_dir: Path) -> Iterator[MadeDev]:
    """Run the recipe, on a port and a folder of its own, for as long as the block."""
    recipe = read_recipe(f"--port {find_free_port()} --data-dir {data_dir}")
    process = subprocess.Popen(  # noqa: S602 - a recipe is a line of shell
        f"exec {recipe}",
        shell=True,
        cwd=ROOT,
        env=environment({"COLUMNS": "80"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    # What never prints its last line must not keep the tests waiting for it.
    timer = threading.Timer(PATIENCE_S, process.kill)
    timer.start()
    try:
        yield MadeDev(_read_greeting(process.stdout, timer))
    finally:
        timer.cancel()
        process.terminate()
        process.wait(PATIENCE_S)
        process.stdout.close()


def _read_greeting(lines: Iterator[str], timer: threading.Timer) -> list[str]:
    read: list[str] = []
    for line in lines:
        read.append(line.rstrip("\n"))
        if line.startswith(_LAST_LINE):
            break
    timer.cancel()
    return read

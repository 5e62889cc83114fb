"""Reads the guides: their sections, and in each the files and the shell lines for its reader."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.commands.processes import ROOT

GUIDES = ROOT / "docs" / "guides"
_SECTION = re.compile(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """A task of a guide.

    Attributes:
        files: the named blocks, by name.
        script: the lines of the shell blocks, in their order.
        unnamed: languages of blocks that are neither.
    """

    guide: str
    task: str
    files: dict[str, str]
    script: str
    unnamed: list[str]

    def __str__(self) -> str:
        return f"{self.guide}: {self.task}"


def read_sections() -> list[Section]:
    """Return the sections of all guides."""
    return [
        _read(page.stem, task, body)
        for page in sorted(GUIDES.glob("*.md"))
        for task, body in _SECTION.findall(page.read_text(encoding="utf-8"))
    ]


def read_exports(values: Mapping[str, str]) -> str:
    """Return the lines of the index that set what the snippets take, with values for its dots.

    Raises:
        KeyError: it sets what there is no value for.
    """
    text = (GUIDES / "README.md").read_text(encoding="utf-8")
    ((_, _, block),) = _BLOCK.findall(text)
    return re.sub(
        r"\b([A-Z_]+)=\S+", lambda found: f"{found[1]}={shlex.quote(values[found[1]])}", block
    )


def write_files(guide: str, folder: Path) -> None:
    """Write the files of a guide, as a reader has them who came to its end."""
    for section in read_sections():
        if section.guide == guide:
            for name, text in section.files.items():
                (folder / name).write_text(text, encoding="utf-8")


def _read(guide: str, task: str, body: str) -> Section:
    blocks = _BLOCK.findall(body)
    return Section(
        guide,
        task,
        files={name: text for _, name, text in blocks if name},
        script="".join(text for language, name, text in blocks if language == "sh" and not name),
        unnamed=[language for language, name, _ in blocks if language != "sh" and not name],
    )

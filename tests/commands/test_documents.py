"""The documents point at things that exist."""

import re
from collections.abc import Iterator

import pytest

from tests.commands.processes import ROOT

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
_LINK = re.compile(r"\]\((?!https?://)([^)#]+)\)")
_PATH = re.compile(r"`((?:docs|migrations|providers|service|tests)/[\w./-]*)`")


def pointers() -> Iterator[tuple[str, str]]:
    """Yield each document's links, which count from its folder, and paths, from the root."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        folder = document.parent.relative_to(ROOT)
        yield from ((document.name, str(folder / link)) for link in _LINK.findall(text))
        yield from ((document.name, path) for path in _PATH.findall(text))


@pytest.mark.parametrize(("document", "path"), sorted(set(pointers())))
def test_what_a_document_names_is_there(document: str, path: str) -> None:
    """A file that was moved is moved in the documents too."""
    assert (ROOT / path).exists()


def test_a_newcomer_finds_every_part_of_the_house() -> None:
    """ARCHITECTURE names each folder of the service."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "service").glob("*/__init__.py")}

    assert {folder for folder in folders if folder not in text} == set()

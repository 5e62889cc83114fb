"""The guides are whole: every task, code and status; `test_followed_guides.py` runs them."""

import re

import pytest

import service.app
from service.errors import LeadfallError
from tests.commands.guides import GUIDES, read_sections

SECTIONS = read_sections()
TASKS = [
    "Move a client here",
    "Be called when it is done",
    "Wait for the answer",
    "From a CSV file to a CSV file",
    "Handle every error",
]
# Not for callers: the log's word for one who left, and the name of the tree itself.
UNSEEN = {"CALLER_LEFT", "INTERNAL"}


def test_every_task_is_there_for_each_face() -> None:
    """Nothing that a guide shows is left out of these tests."""
    assert [str(each) for each in SECTIONS] == [
        f"{guide}: {task}" for guide in ("seleqt", "sendkit") for task in TASKS
    ]
    assert [str(each) for each in SECTIONS if each.unnamed] == []


@pytest.mark.parametrize("guide", ["seleqt", "sendkit"])
def test_no_file_is_only_for_show(guide: str) -> None:
    """Each file of a guide is run by its lines, or imported or read by one that is."""
    own = [each for each in SECTIONS if each.guide == guide]
    names = {name for each in own for name in each.files}
    texts = "\n".join([each.script for each in own] + [t for e in own for t in e.files.values()])

    imported = {f"{stem}.py" for stem in re.findall(r"^from (\w+) import", texts, re.MULTILINE)}

    assert {name for name in names - imported if name not in texts} == set()


def errors() -> set[type[LeadfallError]]:
    """Return every class of error that the service has."""
    assert service.app
    found, new = set[type[LeadfallError]](), {LeadfallError}
    while new:
        found |= new
        new = {each for parent in new for each in parent.__subclasses__()} - found
    return {each for each in found if each.code not in UNSEEN}


def test_sendkits_guide_has_every_code() -> None:
    """What a program may have to switch on stands in the table, beside its status."""
    rows = re.findall(r"^\| ([\d, ]+) \| (`[A-Z_`, ]+`) \|", guide_text("sendkit"), re.MULTILINE)
    told = {(code, status) for statuses, codes in rows for code in re.findall(r"[A-Z_]+", codes)
            for status in statuses.split(", ")}  # fmt: skip
    missing = {(each.code, str(each.status)) for each in errors()} - told

    assert missing == set()


def test_seleqts_guide_has_every_status() -> None:
    """The face that has no codes in its bodies is told by statuses."""
    rows = re.findall(r"^\| ([\d, ]+) \|", guide_text("seleqt"), re.MULTILINE)
    told = {status for row in rows for status in row.split(", ")}
    # Seleqt's 400 is SendKit's 402; the rest is met with SendKit's keys alone.
    elsewhere = {"402", "403"}

    assert {str(each.status) for each in errors()} - told == elsewhere


def test_the_index_points_at_sections() -> None:
    """Each link of the table leads to a heading that is there."""
    anchors = {f"{each.guide}.md#{each.task.lower().replace(' ', '-')}" for each in SECTIONS}
    links = set(re.findall(r"\]\((\w+\.md#[\w-]+)\)", guide_text("README")))

    assert links == anchors


def guide_text(name: str) -> str:
    """Return the text of a guide."""
    return (GUIDES / f"{name}.md").read_text(encoding="utf-8")

"""The guides work as they stand there: each section's lines are run, against `make dev`.

They need curl and Node.js; `conftest.py` says what happens where a machine has not got them.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.guides import Section, read_exports, read_sections, write_files
from tests.commands.made_dev import MadeDev, make_dev
from tests.commands.processes import Finished, find_free_port, run_program

SAID = {
    "seleqt: Move a client here": [r'"is_current":true', r'"lead_lists":\['],
    "seleqt: Be called when it is done": [r"bulk_find_email_\w+ completed \d+/10"],
    "seleqt: Wait for the answer": [r"(\w+ .+\n){5}"],
    "seleqt: From a CSV file to a CSV file": [r"\d found for \d", "Aoife,Mensah,", "Ursula"],
    "seleqt: Handle every error": [r"400: .*prospect_limit must.*mode must.*\(request \w+\)"],
    "sendkit: Move a client here": [r'"balance":\d+', r'"_id":"[0-9a-f]{24}"'],
    "sendkit: Be called when it is done": [r"bulk_email_verification_\w+ completed"],
    "sendkit: Wait for the answer": ["seg_gateway completed", "esp_detection completed"],
    "sendkit: From a CSV file to a CSV file": [
        r'"imported":2,.*"line":4',
        r"zoe@opendoor.leadfall,\w+,",
    ],
    "sendkit: Handle every error": ["VALIDATION_ERROR: .*", "leadIds - ", "enrichmentTypes.0 - "],
}


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeDev]:
    """A `make dev` for the tests of this file."""
    with make_dev(tmp_path_factory.mktemp("made")) as running:
        yield running


async def follow(section: Section, dev: MadeDev, folder: Path) -> Finished:
    """Do what a section says, in a folder that has the guide's files."""
    write_files(section.guide, folder)
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    settings = {"PATH": programs, "PORT": str(find_free_port())}
    script = f"set -e\n{read_exports(dev.variables)}\n{section.script}"
    return await run_program("sh", "-c", script, settings=settings, folder=folder)


@pytest.mark.parametrize("section", read_sections(), ids=str)
async def test_a_section_can_be_followed(dev: MadeDev, section: Section, tmp_path: Path) -> None:
    """Its lines end with success and say what they should."""
    done = await follow(section, dev, tmp_path)

    assert done.code == 0, (done.output, done.errors)
    missing = [said for said in SAID[str(section)] if not re.search(said, done.output)]
    assert missing == [], done.output

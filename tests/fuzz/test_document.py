"""What the document says is what the API does: each answer it names, and nothing that it does not.

`make fuzz` sends many more requests; how many of each operation is in `FUZZ_EXAMPLES`.
"""

import os
import secrets

import pytest

from tests.fuzz.common_errors import meet_common_errors
from tests.fuzz.engine import run
from tests.fuzz.nasty_values import (
    NASTY,
    REFUSED,
    answer,
    with_nasty_ids,
    with_nasty_queries,
)
from tests.fuzz.own_errors import meet_own_errors
from tests.fuzz.stage import FuzzStage

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
FULL = "FUZZ_EXAMPLES" in os.environ
# In `make test` the requests are the same every time; `make fuzz` looks elsewhere each time.
SEED = int(os.environ.get("FUZZ_SEED", secrets.randbelow(2**32) if FULL else 1))
PHASES = ("examples", "coverage", "fuzzing", "stateful") if FULL else ("fuzzing", "stateful")
REQUESTS_MIN = 2_000 if FULL else 150
# Only a loop that stands still for five seconds answers so.
UNSEEN = {("isAlive", 503, None)}


def test_every_documented_answer_is_given(lived: FuzzStage) -> None:
    """Each operation was seen to give each status and code that the document names."""
    meet_own_errors(lived)
    meet_common_errors(lived)

    assert lived.caller.published.breaches == []
    assert lived.caller.expected - lived.caller.published.seen == UNSEEN


@pytest.mark.timeout(3_000)
def test_no_request_finds_a_fault(lived: FuzzStage) -> None:
    """Whatever follows from the document, good or bad, is answered as the document says."""
    sent, found = run(lived.caller, examples=EXAMPLES, phases=PHASES, seed=SEED)

    assert found == [], "\n\n".join([f"FUZZ_SEED={SEED}", *found])
    assert sent >= REQUESTS_MIN


@pytest.mark.parametrize("nasty", NASTY)
def test_an_id_that_cannot_be(lived: FuzzStage, nasty: str) -> None:
    """It is the id of nothing, and never a fault of ours."""
    caller = lived.caller
    found = [(*each, answer(caller, *each)) for each in with_nasty_ids(caller, nasty)]

    assert [each for each in found if each[2] not in REFUSED] == []
    assert caller.published.breaches == []


@pytest.mark.parametrize("nasty", NASTY)
def test_a_parameter_that_cannot_be(lived: FuzzStage, nasty: str) -> None:
    """It is refused, or a text like any other; given twice, it is refused."""
    caller = lived.caller
    found = [(*each, answer(caller, *each)) for each in with_nasty_queries(caller, nasty)]

    assert [each for each in found if each[2] not in {*REFUSED, 200}] == []
    assert [each for each in found if "&" in each[1] and each[2] not in REFUSED] == []
    assert caller.published.breaches == []

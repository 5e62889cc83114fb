"""Every operation is answered with success, and with each of its documented errors."""

from tests.fuzz.common_errors import meet_common_errors
from tests.fuzz.life import live
from tests.fuzz.own_errors import meet_own_errors
from tests.fuzz.stage import FuzzStage

# Only a loop that stands still for five seconds answers so.
UNSEEN = {("isAlive", 503, None)}


def test_every_documented_answer_is_given(stage: FuzzStage) -> None:
    """Each operation was seen to give each status and code that the document names."""
    live(stage)
    meet_own_errors(stage)
    meet_common_errors(stage)

    assert stage.caller.published.breaches == []
    assert stage.caller.expected - stage.caller.published.seen == UNSEEN

"""What errors say: what was wrong and what to do, and of credits only what is true."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import service
from service.api.openapi.errors import SAMPLES
from service.api.sendkit.errors import sendkit_error
from service.domain.face_answers import message_of
from service.domain.identifiers import new_id
from service.domain.job import LookupResult
from service.domain.kinds import Target
from service.domain.outcome import OutcomeName
from service.domain.suppression import SUPPRESSED
from service.errors import LeadfallError

SERVICE = Path(service.__file__).parent
# Told by its constructor where it is raised.
TOLD_IN_PLACE = {"NotFound", "Forbidden", "Unauthenticated", "MalformedBody"}
# Exactly what the pages of the APIs say, which their clients compare.
FROM_THE_PAGES = {
    "Lead list not found",
    "Email/phone enrichment is only available for people lists",
    "Insufficient credits",
    "Not enough credits. Need 30, have 12",
    "Rate limit exceeded",
}
WHAT_TO_DO = re.compile(
    r"\b(add|ask|be|begin|change|check|delete|enable|give|go on|have|let|lists?|look|narrow|names|"
    r"provide|read|see|send|set|take|tell|try|use|wait|answered with|possible from|can lift)\b",
    re.IGNORECASE,
)


def texts_in_place() -> Iterator[str]:
    """Yield the whole text of each error that is told where it is raised, but for commands."""
    for path in sorted(SERVICE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in TOLD_IN_PLACE:
                text = " ".join(
                    each.value
                    for argument in node.args
                    for each in ast.walk(argument)
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )
                if text and path.name not in {"manage_keys.py", "manage_accounts.py"}:
                    yield text


@pytest.mark.parametrize("text", sorted(set(texts_in_place()) - FROM_THE_PAGES))
def test_a_text_says_what_to_do(text: str) -> None:
    """Wherever an error is told in place, the caller learns what to do about it."""
    assert WHAT_TO_DO.search(text)


@pytest.mark.parametrize("error", SAMPLES.values(), ids=lambda error: type(error).__name__)
def test_every_error_says_what_to_do(error: LeadfallError) -> None:
    """So do those that have one text of their own."""
    text = bytes(sendkit_error(error).body).decode()  # type: ignore[arg-type] # bytes here
    said = WHAT_TO_DO.search(text) or any(each in text for each in FROM_THE_PAGES)

    assert said


@pytest.mark.parametrize(
    ("outcome", "reason", "said"),
    [
        (OutcomeName.NO_ANSWER, None, "No provider could answer"),
        (OutcomeName.REJECTED_INPUT, None, "The lead lacks the data this needs"),
        (OutcomeName.REJECTED_INPUT, SUPPRESSED, "This person must not be looked up"),
        (OutcomeName.CANCELLED, None, "Cancelled"),
    ],
)
@pytest.mark.parametrize(("refunded", "more"), [(3, "; credits were refunded"), (0, "")])
def test_a_refund_is_told_where_there_was_one(
    outcome: OutcomeName, reason: str | None, said: str, refunded: int, more: str
) -> None:
    """A free kind, an own key or a policy that keeps the charge gives nothing back."""
    result = LookupResult(
        lookup_id=1,
        job_id=new_id(),
        lead_id=1,
        lead_public_id=None,
        first_name=None,
        last_name=None,
        target=Target.EMAIL,
        outcome=outcome,
        value=None,
        reason=reason,
        refunded=refunded,
    )

    assert message_of(result) == said + more

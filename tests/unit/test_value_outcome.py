"""What a value that a vendor gave amounts to."""

import pytest

from service.domain.outcome import Found, Missing, NoAnswer, Outcome
from service.domain.value_outcome import email_outcome, phone_outcome, verification_outcome
from service.domain.verdict import VerdictStatus


@pytest.mark.parametrize(
    ("text", "verdict", "outcome"),
    [
        (
            " Jane@ACME.com ",
            "deliverable",
            Found({"email": "Jane@acme.com", "verdict": "deliverable"}),
        ),
        ("jane@acme.com", "undeliverable", Missing()),
        (None, "deliverable", Missing()),
        ("jane at acme", "deliverable", NoAnswer("unreadable_email")),
        ("jane@localhost", "risky", NoAnswer("unreadable_email")),
    ],
)
def test_a_found_address_is_read(
    text: str | None, verdict: VerdictStatus, outcome: Outcome
) -> None:
    """An address is kept in its normal spelling, and only if mail could reach it."""
    assert outcome == email_outcome(text, verdict)


@pytest.mark.parametrize(("given", "kept"), [(-0.5, 0.0), (0.25, 0.25), (97.0, 1.0)])
def test_confidence_stays_in_its_range(given: float, kept: float) -> None:
    """A vendor's confidence outside of 0 to 1 is brought to the nearer end."""
    assert Found({"email": "jane@acme.com", "verdict": "risky", "confidence": kept}) == (
        email_outcome("jane@acme.com", "risky", given)
    )


@pytest.mark.parametrize(
    ("text", "region", "outcome"),
    [
        ("(202) 555-0147", "US", Found({"phone": "+12025550147"})),
        ("+44 7700 900123", None, Found({"phone": "+447700900123"})),
        ("202 555 0147", None, NoAnswer("unreadable_phone")),
        (None, "US", Missing()),
    ],
)
def test_a_found_phone_is_read_into_e164(
    text: str | None, region: str | None, outcome: Outcome
) -> None:
    """A number is kept in E.164; one that cannot be is not kept at all."""
    assert outcome == phone_outcome(text, region)


def test_an_unknown_verdict_is_no_answer() -> None:
    """A vendor that does not know has not answered, so the next one is asked."""
    assert NoAnswer("unknown_verdict") == (
        verification_outcome("jane@acme.com", "unknown", "unclear_reply")
    )

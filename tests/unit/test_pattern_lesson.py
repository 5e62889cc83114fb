"""What a find teaches about a company's addresses."""

import pytest

from service.domain.email_patterns import PatternHit
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, Outcome
from service.domain.pattern_lesson import lesson_of

JANE = LeadInput(first_name="Jane", last_name="Doe", company_domain="acme.com")


@pytest.mark.parametrize(
    ("outcome", "hit"),
    [
        (
            Found({"email": "JDoe@Acme.com", "verdict": "deliverable"}),
            PatternHit("acme.com", "flast"),
        ),
        (
            Found({"email": "jane.doe@bücher.example", "verdict": "deliverable"}),
            PatternHit("xn--bcher-kva.example", "first.last"),
        ),
        (Found({"email": "jdoe@acme.com", "verdict": "risky"}), None),
        (Found({"email": "jdoe@acme.com"}), None),
        (Found({"email": "jdoe@gmail.com", "verdict": "deliverable"}), None),
        (Found({"email": "jdoe@mailinator.com", "verdict": "deliverable"}), None),
        (Found({"email": "jane4711@acme.com", "verdict": "deliverable"}), None),
        (Found({"email": "no address", "verdict": "deliverable"}), None),
        (Found({"phone": "+12025550143"}), None),
        (Missing(), None),
    ],
)
def test_only_a_confirmed_company_address_teaches(outcome: Outcome, hit: PatternHit | None) -> None:
    """Whoever found it, a deliverable address at a company shows how its addresses are made."""
    assert hit == lesson_of(JANE, outcome)

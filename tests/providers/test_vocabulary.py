"""A verdict is believed of the address that was asked about, and of no other."""

from typing import Any

import orjson
import pytest

from providers.contract import BrokenAnswer, Direct, VendorAnswer
from providers.registry import all_providers
from providers.vocabulary import verdict_of_row
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome

ASKED = "nadia@bücher.example"
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "aleads": ("email", {"is_valid": True}),
    "findymail": ("email", {"verified": True}),
    "hunter": ("email", {"status": "valid"}),
    "leadmagic": ("email", {"email_status": "valid"}),
    "millionverifier": ("email", {"result": "ok"}),
    "zerobounce": ("address", {"status": "valid"}),
}
DELIVERABLE = Found({"email": ASKED, "verdict": "deliverable", "reason": "accepted_email"})


@pytest.mark.parametrize("slug", ANSWERS)
@pytest.mark.parametrize(
    "named",
    [ASKED, "Nadia@BÜCHER.example", "nadia@xn--bcher-kva.example", "NADIA@XN--BCHER-KVA.example"],
)
def test_the_address_asked_about_is_known_in_any_spelling(slug: str, named: str) -> None:
    name, answer = ANSWERS[slug]

    assert _read(slug, answer | {name: named}) == DELIVERABLE


@pytest.mark.parametrize("slug", ANSWERS)
def test_an_answer_that_names_no_address_is_believed(slug: str) -> None:
    assert _read(slug, ANSWERS[slug][1]) == DELIVERABLE


@pytest.mark.parametrize("slug", ANSWERS)
@pytest.mark.parametrize("named", ["bob@bücher.example", "nadia@other.example", "nobody"])
def test_a_verdict_on_another_address_is_a_broken_answer(slug: str, named: str) -> None:
    name, answer = ANSWERS[slug]

    with pytest.raises(BrokenAnswer):
        _read(slug, answer | {name: named})


def _read(slug: str, answer: dict[str, Any]) -> object:
    offer = all_providers()[slug].offer(Capability.VERIFY_EMAIL)
    assert offer is not None
    assert isinstance(offer.shape, Direct)
    body = {"data": answer} if slug in {"aleads", "hunter"} else answer
    return offer.shape.read(VendorAnswer(200, body=orjson.dumps(body)), LeadInput(email=ASKED))


@pytest.mark.parametrize(
    ("asked", "outcome", "believed"),
    [
        ("NADIA@bücher.example", DELIVERABLE, DELIVERABLE),
        ("bob@bücher.example", DELIVERABLE, NoAnswer("broken_answer")),
        (None, DELIVERABLE, NoAnswer("broken_answer")),
        ("bob@bücher.example", Missing(), Missing()),
        ("bob@bücher.example", NoAnswer("timeout"), NoAnswer("timeout")),
    ],
)
def test_a_row_with_a_verdict_on_another_address_is_no_answer(
    asked: str | None, outcome: Outcome, believed: Outcome
) -> None:
    assert verdict_of_row(outcome, asked) == believed

"""What an answer costs: what the vendor's price list says of it, also where it cannot tell."""

from typing import Any

import orjson
import pytest

from providers.contract import Direct, VendorAnswer
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, RejectedInput
from service.flows.ask_provider import price_of

LEAD = LeadInput(email="jane@acme.example")
VERIFY, FIND = Capability.VERIFY_EMAIL, Capability.FIND_EMAIL


@pytest.mark.parametrize(
    ("slug", "status", "body", "price"),
    [
        ("neverbounce", 200, {"status": "success", "result": "unknown"}, 1_000),
        ("neverbounce", 200, {"status": "success", "result": "brand_new"}, 1_000),
        ("neverbounce", 200, {"status": "maintenance"}, 0),
        ("findymail", 200, {"email": LEAD.email, "verified": False}, 1_000),
        ("findymail", 200, {"error": "closed"}, 0),
        ("hunter", 200, {"data": {"email": LEAD.email, "status": "unknown"}}, 500),
        ("hunter", 222, {}, 500),
        ("leadmagic", 200, {"email": LEAD.email, "email_status": "unknown"}, 0),
        ("zerobounce", 200, {"address": LEAD.email, "status": "unknown"}, 0),
        ("millionverifier", 200, {"email": LEAD.email, "result": "unknown"}, 0),
    ],
)
def test_a_verdict_that_tells_nothing_costs_what_the_vendor_takes_for_it(
    slug: str, status: int, body: Any, price: int
) -> None:
    """Some verifiers charge for every check, some only for those that they can decide."""
    offer = all_providers()[slug].offer(VERIFY)
    assert offer is not None
    assert isinstance(offer.shape, Direct)

    outcome = offer.shape.read(VendorAnswer(status, body=orjson.dumps(body)), LEAD)

    assert isinstance(outcome, NoAnswer)
    assert price_of(offer, outcome) == price


@pytest.mark.parametrize(
    ("slug", "body"),
    [
        ("hunter", {"data": {"email": LEAD.email, "verification": {"status": "blocked"}}}),
        ("leadmagic", {"email": LEAD.email, "status": "brand_new"}),
    ],
)
def test_an_address_with_a_word_that_nobody_knows_was_given(slug: str, body: Any) -> None:
    """It is charged for, whether it can be used or not."""
    offer = all_providers()[slug].offer(FIND)
    assert offer is not None
    assert isinstance(offer.shape, Direct)

    outcome = offer.shape.read(VendorAnswer(200, body=orjson.dumps(body)), LEAD)

    assert isinstance(outcome, NoAnswer)
    assert price_of(offer, outcome) == offer.price_found


@pytest.mark.parametrize(
    ("slug", "prices"),
    [
        ("aleads", (1_000, 0, 0)),
        ("dropcontact", (1_000, 1_000, 1_000)),
        ("enrow", (250, 250, 250)),
        ("findymail", (1_000, 1_000, 1_000)),
        ("hunter", (500, 500, 500)),
        ("icypeas", (100, 100, 100)),
        ("leadmagic", (250, 0, 0)),
        ("millionverifier", (1_000, 0, 0)),
        ("neverbounce", (1_000, 1_000, 1_000)),
        ("zerobounce", (1_000, 0, 0)),
    ],
)
def test_each_price_list_says_what_an_undecided_check_costs(
    slug: str, prices: tuple[int, int, int]
) -> None:
    """The declared prices of a verification: found, missing, unknown."""
    offer = all_providers()[slug].offer(VERIFY)
    assert offer is not None

    assert (offer.price_found, offer.price_missing, offer.price_unknown) == prices


@pytest.mark.parametrize(
    ("capability", "outcome", "price"),
    [
        (VERIFY, Found({}), 1_000),
        (VERIFY, Missing(), 1_000),
        (VERIFY, NoAnswer("unknown_verdict"), 1_000),
        (VERIFY, NoAnswer("qualification_paused"), 1_000),
        (VERIFY, NoAnswer("broken_answer"), 0),
        (VERIFY, NoAnswer("out_of_credit"), 0),
        (VERIFY, NoAnswer("cancelled_by_vendor"), 0),
        (VERIFY, NoAnswer("unnamed_row"), 0),
        (VERIFY, RejectedInput("refused_by_vendor"), 0),
        (FIND, Missing(), 0),
        (FIND, NoAnswer("status_paused"), 0),
        (FIND, NoAnswer("unreadable_email", has_value=True), 1_000),
    ],
)
def test_a_row_costs_what_was_done_for_it(
    capability: Capability, outcome: Outcome, price: int
) -> None:
    """Nothing is reckoned for a row that the vendor did not get to; a bad value is charged for."""
    offer = all_providers()["dropcontact"].offer(capability)
    assert offer is not None

    assert price_of(offer, outcome) == price

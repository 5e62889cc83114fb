"""An answer that says nothing about what was asked is neither an end nor a miss."""

from contextlib import suppress
from typing import Any

import orjson
import pytest

from providers.contract import (
    Batched,
    BrokenAnswer,
    Direct,
    NotReady,
    Offer,
    Provider,
    Submitted,
    VendorAnswer,
    VendorFault,
    read_rows,
)
from providers.json_object import JsonObject
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, Outcome

SAYING_NOTHING: list[dict[str, Any]] = [
    {},
    {"message": "Welcome"},
    {"data": None},
    {"status": None},
]
SOMEBODY = LeadInput(first_name="Nadia", email="nadia@brightwater.leadfall")


@pytest.mark.parametrize("body", SAYING_NOTHING, ids=str)
def test_a_submission_does_not_end_by_it(
    polled_offer: tuple[Provider, Offer], body: dict[str, Any]
) -> None:
    """Its rows, which are paid for, would be lost: it is polled again."""
    assert _read(polled_offer[1], VendorAnswer(200, body=orjson.dumps(body))) == "later"


@pytest.mark.parametrize("body", [{}, {"message": "Welcome"}, {"status": None}], ids=str)
def test_a_person_is_not_missing_by_it(
    remote_offer: tuple[Provider, Offer], body: dict[str, Any]
) -> None:
    """A miss is remembered for days, so it must be said."""
    end = _read(remote_offer[1], VendorAnswer(200, body=orjson.dumps(body)))

    assert not isinstance(end, Missing)


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("text", ["Not found", "Email not found", "No results"])
def test_an_address_to_verify_is_not_missing(status: int, text: str) -> None:
    """Whatever its vendor fails with; a miss would be remembered, and is no verdict."""
    body = {"error": text, "message": text, "success": False}
    answer = VendorAnswer(status, body=orjson.dumps(body))

    for provider in all_providers().values():
        offer = provider.offer(Capability.VERIFY_EMAIL)
        if offer is not None and isinstance(offer.shape, Direct):
            with suppress(VendorFault):
                assert not isinstance(_read(offer, answer), Missing), provider.slug


@pytest.mark.parametrize("slug", ["bettercontact", "enrow"])
@pytest.mark.parametrize("body", [b"", b"Accepted", b"{}"])
def test_a_status_may_say_not_ready_without_a_body(slug: str, body: bytes) -> None:
    for offer in all_providers()[slug].offers:
        assert _read(offer, VendorAnswer(202, body=body)) == "later"


@pytest.mark.parametrize("name", ["data", "items", "results"])
def test_more_rows_than_anybody_asked_for_are_not_read(
    polled_offer: tuple[Provider, Offer], name: str
) -> None:
    body = {"status": "FINISHED", "success": True, name: [{}] * 1_001}

    assert _read(polled_offer[1], VendorAnswer(200, body=orjson.dumps(body))) in ("later", {})


def test_a_mark_of_the_byte_order_is_no_part_of_the_answer() -> None:
    assert VendorAnswer(200, body=b'\xef\xbb\xbf{"a": 1}').json() == {"a": 1}


@pytest.mark.parametrize("order", [1, -1], ids=["value_first", "value_last"])
def test_a_row_told_twice_keeps_its_value(order: int) -> None:
    rows = [JsonObject({"row": "1", "email": email}) for email in ("nadia@x.example", None)]
    value = Found({"email": "nadia@x.example"})

    def read(row: JsonObject) -> Outcome:
        return value if row.text_or_none("email") else Missing()

    assert read_rows(rows[::order], lambda row: row.text("row"), read) == {"1": value}


@pytest.mark.parametrize("error", [True, {"code": 404}, [], ""])
def test_findymail_says_in_a_message_that_nobody_is_known(error: object) -> None:
    offer = all_providers()["findymail"].offer(Capability.FIND_EMAIL)
    assert offer is not None
    body = {"error": error, "message": "Contact not found", "contact": None}

    assert _read(offer, VendorAnswer(200, body=orjson.dumps(body))) == Missing()


def _read(offer: Offer, answer: VendorAnswer) -> object:
    """Return what an answer is read as; "later" where it is asked for again."""
    shape = offer.shape
    assert isinstance(shape, Direct | Batched | Submitted)
    try:
        end = shape.read(answer, SOMEBODY if isinstance(shape, Direct) else [SOMEBODY])
    except BrokenAnswer:
        return "later"
    return "later" if isinstance(end, NotReady) else end

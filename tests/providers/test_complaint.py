"""A failure in words is read as what it says, and a lead's own words in it prove nothing."""

from typing import Any

import orjson
import pytest

from providers.complaint import plain_words, raise_for_words
from providers.contract import (
    CredentialsRejected,
    Direct,
    Offer,
    OutOfCredit,
    Provider,
    Submitted,
    Throttled,
    VendorAnswer,
    VendorFault,
)
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer

SOMEBODY = LeadInput(first_name="Nadia", email="nadia@brightwater.leadfall")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Not enough credits.", OutOfCredit),
        ("not_enough_credits", OutOfCredit),
        ("insufficient-credit", OutOfCredit),
        ("You do not have enough credit", OutOfCredit),
        ("No remaining credit.", OutOfCredit),
        ("Your credit is exhausted", OutOfCredit),
        ("Not sufficient credit", OutOfCredit),
        ("0 credit left", OutOfCredit),
        ("UnpaidSubscriptionError", OutOfCredit),
        ("Invalid API key", CredentialsRejected),
        ("no_apikey", CredentialsRejected),
        ("Unauthorized", CredentialsRejected),
        ("Too many requests", Throttled),
        ("rate_limit_exceeded for this API key", Throttled),
    ],
)
def test_words_and_codes_tell_what_is_wrong(text: str, fault: type[VendorFault]) -> None:
    with pytest.raises(fault):
        raise_for_words(plain_words(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nobody known at credit-suisse.example",
        "Nobody known at Credit Suisse",
        "credits@acme.example is no address",
        "see https://vendor.example/credits",
        "Invalid email address: monkey@acme.example",
        "Nobody called Key is known",
        "throttle@acme.example",
        "'credits.münchen.example'",
    ],
)
def test_what_a_lead_is_called_condemns_no_key(text: str) -> None:
    raise_for_words(plain_words(text))


def test_a_long_text_is_read_in_part() -> None:
    assert plain_words("word " * 1_000).split() == ["word"] * 400


@pytest.mark.parametrize(
    "body",
    [
        {"error": "Not enough credits"},
        {"error": {"code": "not_enough_credits", "message": "Top up"}},
        {"errors": [{"type": "billing", "code": "insufficient_credits"}]},
    ],
    ids=["text", "object", "list"],
)
def test_an_empty_account_is_told_whatever_the_status(
    remote_offer: tuple[Provider, Offer], body: dict[str, Any]
) -> None:
    with pytest.raises(OutOfCredit):
        _read(remote_offer[1], body)


@pytest.mark.parametrize(
    "body",
    [
        {"error": "The moon is full"},
        {"error": {"code": "moon"}},
        {"error": True},
        {"errors": [{"code": 17}]},
        {"error": "The moon is full", "email": None, "data": None, "contact": None},
    ],
    ids=["text", "object", "flag", "list", "beside_nulls"],
)
def test_an_error_with_status_200_is_never_missing(
    remote_offer: tuple[Provider, Offer], body: dict[str, Any]
) -> None:
    """It is a broken answer, or no answer where the vendor's own errors may be about the lead."""
    assert _read(remote_offer[1], body) in {"broken_answer", "error_unclear", "error_moon"}


def _read(offer: Offer, body: dict[str, Any]) -> str:
    answer, shape = VendorAnswer(200, body=orjson.dumps(body)), offer.shape
    assert isinstance(shape, Direct | Submitted)
    try:
        end = shape.read(answer, SOMEBODY) if isinstance(shape, Direct) else shape.read(answer)
    except OutOfCredit:
        raise
    except VendorFault as fault:
        return fault.slug
    assert isinstance(end, NoAnswer)
    return end.reason

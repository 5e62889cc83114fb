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
from providers.registry import all_providers
from service.domain.lead_input import LeadInput

NO_CREDIT = (
    "Not enough credits.",
    "not_enough_credits",
    "NotEnoughCredits",
    "insufficient-credit",
    "InsufficientCreditsError",
    "INSUFFICIENT_FUNDS",
    "Insufficient API credits to run this search",
    "You do not have enough credit",
    "You don't have enough verification credits left",
    "No remaining credit.",
    "No more credits",
    "no_credits",
    "You have no credits left.",
    "Your account has 0 credits",
    "Your credit is exhausted",
    "Credit limit exceeded",
    "Not sufficient credit",
    "0 credit left",
    "Person skipped. Remaining credits: 0",
    "Your balance is insufficient",
    "Your credit balance is too low",
    "You have run out of credits, please top up",
    "You have used all of your credits",
    "You need more credits for this",
    "Usage exceeded",
    "Payment Required",
    "UnpaidSubscriptionError",
    "Invalid API Key or your account ran out of credits",
)
CREDIT_MENTIONED = (
    "Contact not found. Credits remaining: 55",
    "Nobody found (credits left: 1,000)",
    "Nothing found; 55 credits left.",
    "No match - remaining credits 0.5",
    "No match, 55.0 credits remaining",
    "Email not found. No credits were charged.",
    "Nothing found: 0 credits used",
    "Nothing found. No credits deducted",
    "Nothing found. Credits used: 0",
    "Nothing found, no further credits will be charged",
    "Not enough data. Credits: 55",
    "Insufficient data, credits refunded",
    "3 out of 100 credits used",
    "Your credit balance is 55",
    "Each find costs 1 credit",
    "You have enough credits",
    "Low credit warning: 55 left",
    "Buy credits to find phones as well",
)
SOMEBODY = LeadInput(first_name="Nadia", email="nadia@brightwater.leadfall")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        *((text, OutOfCredit) for text in NO_CREDIT),
        ("Invalid API key", CredentialsRejected),
        ("no_apikey", CredentialsRejected),
        ("apikey not found", CredentialsRejected),
        ("Invalid or missing API key.", CredentialsRejected),
        ("The API key you provided is not valid", CredentialsRejected),
        ("Your API key has been revoked", CredentialsRejected),
        ("InvalidApiKey", CredentialsRejected),
        ("Access token expired", CredentialsRejected),
        ("invalid_key", CredentialsRejected),
        ("Unauthorized", CredentialsRejected),
        ("Unauthenticated.", CredentialsRejected),
        ("Authentication failed", CredentialsRejected),
        ("Too many requests", Throttled),
        ("Too many concurrent requests", Throttled),
        ("Rate limit exceeded. Credits remaining: 0", Throttled),
        ("You have reached your rate limit", Throttled),
        ("You have exceeded the max number of requests per minute.", Throttled),
        ("rate_limit", Throttled),
        ("RateLimitError", Throttled),
        ("You are being throttled", Throttled),
        ("rate_limit_exceeded for this API key", Throttled),
    ],
)
def test_words_and_codes_tell_what_is_wrong(text: str, fault: type[VendorFault]) -> None:
    with pytest.raises(fault):
        raise_for_words(plain_words(text))


@pytest.mark.parametrize(
    "text",
    [
        *CREDIT_MENTIONED,
        "",
        "Nobody known at credit-suisse.example",
        "Nobody known at Credit Suisse",
        "Not enough data about Credit Suisse",
        "Insufficient information: Credit Suisse",
        "credits@acme.example is no address",
        "see https://vendor.example/credits",
        "Invalid email address: monkey@acme.example",
        "Nobody called Key is known",
        "No key person found",
        "Missing key: first_name",
        "Nobody found with this API key",
        "API key usage: 55 of 1,000",
        "Email not found. Rate limit: 300 a minute",
        "Nobody found (rate limit remaining: 99)",
        "throttle@acme.example",
        "'credits.münchen.example'",
    ],
)
def test_what_is_only_mentioned_condemns_no_key(text: str) -> None:
    raise_for_words(plain_words(text))


@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_mention_of_credits_takes_no_key_out(
    remote_offer: tuple[Provider, Offer], status: int
) -> None:
    """Wherever a vendor writes it, and whatever its status says of the lead."""
    ends = {_end(remote_offer[1], _saying(text, status)) for text in CREDIT_MENTIONED}

    assert set() == ends & {"out_of_credit", "throttled"}


def test_an_empty_account_is_known_by_its_words(remote_offer: tuple[Provider, Offer]) -> None:
    ends = {_read(remote_offer[1], {"error": text}) for text in NO_CREDIT}

    assert {"out_of_credit"} == ends


@pytest.mark.parametrize(
    ("slug", "status", "body"),
    [
        ("dropcontact", 403, {"error": True, "reason": "TEXT"}),
        ("dropcontact", 200, {"error": True, "success": False, "reason": "TEXT"}),
        ("aleads", 403, {"message": {"statusCode": 403, "description": "TEXT"}}),
        ("aleads", 404, {"message": "TEXT"}),
        ("icypeas", 200, {"success": False, "message": "TEXT"}),
        ("neverbounce", 200, {"status": "general_failure", "message": "TEXT"}),
        ("bettercontact", 402, {"error": "Not in your plan", "message": "TEXT"}),
        ("findymail", 200, {"error": "TEXT"}),
    ],
)
def test_where_only_words_tell_an_empty_account_a_mention_does_not(
    slug: str, status: int, body: dict[str, Any]
) -> None:
    (offer, *_) = all_providers()[slug].offers
    raw = orjson.dumps(body).decode()
    mentioned = [
        VendorAnswer(status, body=raw.replace("TEXT", t).encode()) for t in CREDIT_MENTIONED
    ]
    complained = [VendorAnswer(status, body=raw.replace("TEXT", t).encode()) for t in NO_CREDIT]

    assert "out_of_credit" not in {_end(offer, answer) for answer in mentioned}
    assert {_end(offer, answer) for answer in complained} == {"out_of_credit"}


@pytest.mark.parametrize(
    "message", ["Not enough credits. No results.", "Your credit is exhausted: no email found"]
)
def test_leadmagic_with_an_empty_account_has_not_looked(message: str) -> None:
    (offer, *_) = all_providers()["leadmagic"].offers

    answer = VendorAnswer(200, body=orjson.dumps({"success": False, "message": message}))

    assert _end(offer, answer) == "out_of_credit"


@pytest.mark.parametrize("slug", ["findymail", "leadmagic"])
@pytest.mark.parametrize(
    "text",
    [
        "Not found",
        "Email not found.",
        "Contact could not be found",
        "No valid email found for this person",
        "No mobile number was found",
        "No match",
        "No results",
        "Nobody was found",
    ],
)
def test_nobody_is_known_by_the_words_for_it(slug: str, text: str) -> None:
    (offer, *_) = all_providers()[slug].offers

    assert _end(offer, _failing(text)) == "missing"


@pytest.mark.parametrize("slug", ["findymail", "leadmagic"])
@pytest.mark.parametrize(
    "text",
    [
        "No active subscription found",
        "Workspace not found",
        "User not found",
        "No team matches this request",
        "Endpoint not found",
        "Phone service not available",
    ],
)
def test_what_else_is_not_there_is_no_miss(slug: str, text: str) -> None:
    """It is trouble with the account or the request, and would be remembered of the lead."""
    (offer, *_) = all_providers()[slug].offers

    assert _end(offer, _failing(text)) in {"broken_answer", "error_unclear"}


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize(
    "text", ["Contact not found. Credits remaining: 55", "Email not found: 0 credits charged"]
)
def test_findymail_knows_nobody_whatever_is_left_to_spend(status: int, text: str) -> None:
    (offer, *_) = all_providers()["findymail"].offers

    answer = VendorAnswer(status, body=orjson.dumps({"error": text}))

    assert _end(offer, answer) == "missing"


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
    assert _read(remote_offer[1], body) == "out_of_credit"


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
    return _end(offer, VendorAnswer(200, body=orjson.dumps(body)))


def _failing(text: str) -> VendorAnswer:
    return VendorAnswer(200, body=orjson.dumps({"error": text, "success": False}))


def _saying(text: str, status: int) -> VendorAnswer:
    """Return a failure that says a text wherever vendors say it."""
    body = {"error": text, "errors": [{"code": "x", "details": text}], "success": False}
    body |= {"message": text, "reason": text, "detail": text, "status": "general_failure"}
    return VendorAnswer(status, body=orjson.dumps(body))


def _end(offer: Offer, answer: VendorAnswer) -> str:
    """Return the slug of the fault or the reason that an answer ends in, else its outcome."""
    shape = offer.shape
    assert isinstance(shape, Direct | Submitted)
    try:
        end = shape.read(answer, SOMEBODY) if isinstance(shape, Direct) else shape.read(answer)
    except VendorFault as fault:
        return fault.slug
    return str(getattr(end, "reason", None) or getattr(end, "name", type(end).__name__))

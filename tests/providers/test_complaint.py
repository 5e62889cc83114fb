"""A failure in words is read as what it says, and a lead's own words in it prove nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from providers.complaint import plain_words, raise_for_words
from providers.contract import (
    Batched,
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
    "You do not have any credits left",
    "You don't have any credits",
    "Credit limit reached",
    "You have reached your monthly credit limit",
    "You have run out of credits",
    "You've used up all your credits",
    "0 credits left",
    "Credits left: 0 of 100",
    "Not enough credits. No results.",
    "{'message': 'Not enough credits'}",
    "You have no credits left, so no email was found",
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
    "You have no credits on hold",
    "The account has no credits on file",
    "0 email credits available for refund",
    "Zero credits left over from March: 500 credits this month",
    "Payment required fields missing",
    "It needs more credit card data",
)
# What companies may be called, and people who fill in a form.
COMPLAINING_NAMES = (
    "Out Of Credits LLC",
    "You have no credits left",
    "InsufficientCredits",
    "Slow Down Media",
    "Throttled Films",
    "Rate Limit Exceeded Inc",
    "Invalid API Key GmbH",
    "Unauthorized Media Inc",
    "Missing API token",
)
# How a vendor may say that it knows nobody there, or does not like the name.
SAYING_NAMES = (
    "No email found for Nadia Okafor at NAME",
    "No match for NAME",
    "Could not find anyone at NAME",
    "Unable to find a valid email for Nadia at NAME.",
    "Nobody is known at NAME",
    "Company 'NAME' is unknown",
    'The company "NAME" does not exist',
    "Contact at NAME not found",
    "Company NAME not found",
    "Bad request: company_name NAME is invalid",
    "There are no 'NAME' credits left",
)
SOMEBODY = LeadInput(first_name="Nadia", email="nadia@brightwater.leadfall")
TAKES_A_KEY_OUT = {"out_of_credit", "throttled", "credentials_rejected"}


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


@pytest.mark.parametrize("name", COMPLAINING_NAMES)
@pytest.mark.parametrize("saying", SAYING_NAMES)
def test_a_name_is_no_complaint_where_it_is_seen_to_be_one(saying: str, name: str) -> None:
    raise_for_words(plain_words(saying.replace("NAME", name)))


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize("name", COMPLAINING_NAMES)
def test_the_names_of_a_lead_take_no_key_out(
    remote_offer: tuple[Provider, Offer], status: int, name: str
) -> None:
    """A tenant chooses them, and the key is everybody's."""
    _, offer = remote_offer
    bare = ("NAME is not a company we know", "Looked for Nadia in vain: NAME", "See NAME instead")
    sayings = SAYING_NAMES + bare
    lead = replace(SOMEBODY, company_name=name)
    spelled = (name, name.lower(), name.upper(), name.removesuffix(" LLC").removesuffix(" GmbH"))
    told = [saying.replace("NAME", each) for saying in sayings for each in spelled]

    ends = {_end(offer, _saying(text, status), lead) for text in told}
    by_status = {_end(offer, _saying("Nobody found", status))}

    assert by_status & TAKES_A_KEY_OUT == ends & TAKES_A_KEY_OUT


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize("name", COMPLAINING_NAMES)
def test_nor_do_they_where_a_submission_is_refused(
    submitted_offer: Offer, status: int, name: str
) -> None:
    shape, leads = submitted_offer.shape, [SOMEBODY, replace(SOMEBODY, company_name=name)]
    assert isinstance(shape, Submitted)

    def end(text: str) -> str:
        with pytest.raises(VendorFault) as caught:
            shape.read_handle(_saying(text, status), leads)
        return caught.value.slug

    assert end("Nobody found") == end(f"{name} is not a company we know")


@pytest.mark.parametrize(
    ("lead", "text"),
    [
        (LeadInput(first_name="Slow", last_name="Down"), "Slow Down is nobody's name"),
        (LeadInput(first_name="Out of", last_name="Credits"), "We asked for Out of Credits"),
        (LeadInput(email="no-credits-left@acme.leadfall"), "Mailbox no-credits-left is strange"),
        (LeadInput(company_domain="slow-down.leadfall"), "Site slow-down is strange"),
        (
            LeadInput(linkedin_url="https://linkedin.example/in/no-credits-left"),
            "Profile no-credits-left is private",
        ),
        (LeadInput(company_name="Unauthorized Media, Inc."), "Unauthorized Media, Inc. is closed"),
    ],
    ids=["names", "names_together", "address", "domain", "profile", "company"],
)
def test_no_words_of_a_lead_are_read(lead: LeadInput, text: str) -> None:
    raise_for_words(plain_words(text, [lead]))


def test_a_complaint_beside_the_names_of_a_lead_is_heard(
    remote_offer: tuple[Provider, Offer],
) -> None:
    lead = replace(SOMEBODY, company_name="Credit Suisse", last_name="Key", country="NO")
    told = ("Nobody searched at Credit Suisse. You have no credits left.", *NO_CREDIT)

    ends = {_end(remote_offer[1], _failing(text), lead) for text in told}

    assert {"out_of_credit"} == ends


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
@pytest.mark.parametrize("name", COMPLAINING_NAMES)
def test_nobody_is_known_whatever_the_company_is_called(slug: str, name: str) -> None:
    (offer, *_) = all_providers()[slug].offers

    assert _end(offer, _failing(f"No email found for Nadia Okafor at {name}")) == "missing"


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


def _end(offer: Offer, answer: VendorAnswer, lead: LeadInput = SOMEBODY) -> str:
    """Return the slug of the fault or the reason that an answer ends in, else its outcome."""
    shape = offer.shape
    assert isinstance(shape, Direct | Batched | Submitted)
    try:
        end = shape.read(answer, lead if isinstance(shape, Direct) else [SOMEBODY, lead])
    except VendorFault as fault:
        return fault.slug
    if isinstance(end, Mapping):  # what it says of the first of them
        end = next(iter(end.values()), end)
    return str(getattr(end, "reason", None) or getattr(end, "name", type(end).__name__))

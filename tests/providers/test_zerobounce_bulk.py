"""ZeroBounce checks many addresses at once: each answer is that of the address it names.

The facts are the vendor's: results come in a list, failures in another, which name the address they
are about or `all` of them.
"""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from providers.contract import (
    Batched,
    BrokenAnswer,
    CredentialsRejected,
    OutOfCredit,
    Row,
    Throttled,
    VendorAnswer,
)
from providers.zerobounce import PROVIDER
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, NoAnswer, Outcome

NO_CREDIT = "Invalid API Key or your account ran out of credits"


def row(address: str, reference: str = "1") -> Row:
    return Row(reference, LeadInput(email=address).as_told())


def bulk_of_verifications() -> Batched:
    offer = PROVIDER.offer(Capability.VERIFY_EMAIL)
    assert offer is not None
    assert offer.bulk is not None
    assert isinstance(offer.bulk.shape, Batched)
    return offer.bulk.shape


BULK = bulk_of_verifications()
NADIA, BRUNO, CHLOE = (row(f"{name}@brightwater.test") for name in ("nadia", "bruno", "chloe"))
ROWS = (NADIA, BRUNO, CHLOE)
DEAD, RISKY = ("undeliverable", "no_mailbox"), ("risky", "catch_all")


def checked(row: Row, status: str = "valid", detail: str = "") -> dict[str, Any]:
    return {"address": row.lead.email, "status": status, "sub_status": detail}


def verdict(row: Row, status: str = "deliverable", reason: str = "accepted_email") -> Found:
    return Found({"email": row.lead.email, "verdict": status, "reason": reason})


def read(results: Any, errors: Any = (), rows: Sequence[Row] = ROWS) -> list[Outcome | None]:
    """Return what each of the rows is answered, in their order; None where it is not answered."""
    body = {"email_batch": results, "errors": errors}
    outcomes = BULK.read(VendorAnswer(200, body=orjson.dumps(body)), [each.lead for each in rows])
    return [outcomes.get(BULK.name_of(each)) for each in rows]


def test_results_out_of_order_are_each_given_to_their_own() -> None:
    results = [checked(CHLOE, "catch-all"), checked(NADIA), checked(BRUNO, "invalid")]

    assert read(results) == [verdict(NADIA), verdict(BRUNO, *DEAD), verdict(CHLOE, *RISKY)]


def test_a_row_that_is_not_told_of_has_no_answer() -> None:
    assert read([checked(NADIA)]) == [verdict(NADIA), None, None]


def test_a_result_of_nobody_is_given_to_nobody() -> None:
    nobody = [checked(row("eve@brightwater.test")), {"status": "valid"}]

    assert read([*nobody, checked(BRUNO)]) == [None, verdict(BRUNO), None]


@pytest.mark.parametrize(
    "strange",
    [{"address": "nadia@brightwater.test", "status": 7}, {"address": "nadia@brightwater.test"}],
)
def test_a_strange_result_costs_only_itself(strange: dict[str, Any]) -> None:
    outcomes = read([strange, 7, {"address": ["bruno"]}, checked(CHLOE)])

    assert outcomes == [NoAnswer("broken_answer"), None, verdict(CHLOE)]


def test_a_row_that_is_refused_has_no_answer_beside_those_that_have_one() -> None:
    errors = [{"error": "Invalid email format", "email_address": "Bruno@brightwater.test"}]

    assert read([checked(NADIA), checked(CHLOE)], errors) == [
        verdict(NADIA),
        NoAnswer("error_unclear"),
        verdict(CHLOE),
    ]


def test_a_failure_of_nobody_is_given_to_nobody() -> None:
    errors = [{"error": "Missing email_batch key: email_address.", "email_address": "unknown"}]

    assert read([checked(NADIA)], [*errors, 7, {}]) == [verdict(NADIA), None, None]


def test_what_is_checked_before_the_credit_is_gone_is_kept() -> None:
    errors = [{"error": NO_CREDIT, "email_address": "all"}]

    assert read([checked(NADIA)], errors) == [
        verdict(NADIA),
        NoAnswer("out_of_credit"),
        NoAnswer("out_of_credit"),
    ]


@pytest.mark.parametrize("errors", ["Invalid", {"error": NO_CREDIT}, None, [NO_CREDIT]])
def test_failures_in_another_shape_do_not_cost_what_is_checked(errors: Any) -> None:
    assert read([checked(NADIA)], errors) == [verdict(NADIA), None, None]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (NO_CREDIT, OutOfCredit),
        ("Invalid API Key", CredentialsRejected),
        ("Too many requests", Throttled),
    ],
)
@pytest.mark.parametrize("name", ["all", "nadia@brightwater.test", None])
def test_a_complaint_where_nothing_is_checked_is_about_the_key(
    text: str, fault: type[Exception], name: str | None
) -> None:
    with pytest.raises(fault):
        read([], [{"error": text, "email_address": name}])


def test_another_failure_of_all_is_no_answer_for_each() -> None:
    errors = [{"error": "maintenance", "email_address": "all"}]

    assert read([], errors) == [NoAnswer("error_maintenance")] * 3


def test_a_name_among_those_asked_about_is_no_complaint() -> None:
    """Whoever may name a lead could else take everybody's key out of use."""
    addressed = [row("invalid-api-key@brightwater.test"), NADIA]
    errors = [
        {
            "error": "Cannot check invalid-api-key@brightwater.test",
            "email_address": "invalid-api-key@brightwater.test",
        }
    ]

    assert read([], errors, addressed) == [NoAnswer("error_unclear"), None]


@pytest.mark.parametrize(
    "told", ["Nadia@Bücher.example", " nadia@xn--bcher-kva.example", "NADIA@XN--BCHER-KVA.EXAMPLE"]
)
def test_an_address_is_known_in_any_spelling(told: str) -> None:
    result = {"address": told, "status": "valid"}
    value = {"email": "nadia@bücher.example", "verdict": "deliverable", "reason": "accepted_email"}

    assert read([result], rows=[row("nadia@bücher.example")]) == [Found(value)]


def test_an_address_asked_about_twice_is_checked_once_and_answered_twice() -> None:
    twice = [NADIA, row("NADIA@brightwater.test", "2"), BRUNO]

    asked = BULK.request(twice).json["email_batch"]

    assert [each["email_address"].lower() for each in asked] == [
        "nadia@brightwater.test",
        "bruno@brightwater.test",
    ]
    outcomes = read([checked(NADIA), checked(BRUNO)], rows=twice)
    assert all(isinstance(outcome, Found) for outcome in outcomes)


def test_who_was_erased_meanwhile_takes_nobody_elses_answer() -> None:
    results = [checked(NADIA, "invalid"), checked(BRUNO), checked(CHLOE)]

    assert read(results, rows=ROWS[1:]) == [verdict(BRUNO), verdict(CHLOE)]


@pytest.mark.parametrize("results", [[], None])
def test_an_answer_that_tells_of_nobody_is_another_one(results: Any) -> None:
    """Nothing is checked, so that it can be asked for again."""
    with pytest.raises(BrokenAnswer):
        read(results)


def test_an_answer_that_tells_of_others_alone_tells_of_nobody() -> None:
    """Somebody is checked, and paid for."""
    assert read([checked(row("eve@brightwater.test"))]) == [None] * 3


def test_a_block_is_waited_out() -> None:
    with pytest.raises(Throttled) as raised:
        BULK.read(VendorAnswer(429), [NADIA.lead])

    assert raised.value.usual_wait_s == 600.0


def test_the_key_goes_into_the_body_of_another_host() -> None:
    request = BULK.request(ROWS)

    assert (request.key_field, request.base_url) == (
        "api_key",
        "https://bulkapi.zerobounce.net/v2",
    )
    assert request.query == {}

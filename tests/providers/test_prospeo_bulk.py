"""Prospeo is asked about many at once: each is answered by their own reference, whatever befalls.

The facts are the vendor's: who is known, who is not and whose datapoints do not suffice are three
lists of one answer, in any order.
"""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from providers.contract import (
    Batched,
    BrokenAnswer,
    Limits,
    OutOfCredit,
    RequestRefused,
    Row,
    VendorAnswer,
)
from providers.prospeo import PROVIDER
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, RejectedInput

NADIA = Row("17.1", LeadInput(linkedin_url="https://www.linkedin.com/in/nadia", country="US"))
BRUNO = Row("18.2", LeadInput(linkedin_url="https://www.linkedin.com/in/bruno", country="Germany"))
CHLOE = Row("19.1", LeadInput(linkedin_url="https://www.linkedin.com/in/chloe"))
ROWS = (NADIA, BRUNO, CHLOE)
# What the vendor's plans for most allow, whoever is asked about by whichever route.
RECORDS_PER_MINUTE, RECORDS_PER_SECOND = 300, 5


def bulk_of(capability: Capability) -> Batched:
    offer = PROVIDER.offer(capability)
    assert offer is not None
    assert offer.bulk is not None
    assert isinstance(offer.bulk.shape, Batched)
    return offer.bulk.shape


FIND, PHONE = bulk_of(Capability.FIND_EMAIL), bulk_of(Capability.FIND_PHONE)


def matched(row: Row, name: str, *, shape: Batched = FIND) -> dict[str, Any]:
    email = {"status": "VERIFIED", "revealed": True, "email": f"{name}@brightwater.test"}
    return {"identifier": shape.name_of(row), "person": {"email": email}}


def address(name: str) -> Found:
    return Found({"email": f"{name}@brightwater.test", "verdict": "deliverable"})


def read(body: Any, rows: Sequence[Row] = ROWS, *, shape: Batched = FIND) -> list[Outcome | None]:
    """Return what each of the rows is answered, in their order; None where it is not answered."""
    answer = VendorAnswer(200, body=orjson.dumps({"error": False} | body))
    read_rows = shape.read(answer, [row.lead for row in rows])
    return [read_rows.get(shape.name_of(row)) for row in rows]


def test_results_out_of_order_are_each_given_to_their_own() -> None:
    body = {"matched": [matched(CHLOE, "chloe"), matched(NADIA, "nadia"), matched(BRUNO, "bruno")]}

    assert read(body) == [address("nadia"), address("bruno"), address("chloe")]


def test_who_is_not_known_is_missing_beside_who_is() -> None:
    body = {"matched": [matched(NADIA, "nadia")], "not_matched": [FIND.name_of(BRUNO)]}

    assert read(body) == [address("nadia"), Missing(), None]


def test_who_cannot_be_looked_for_is_refused_beside_who_is_found() -> None:
    body = {"matched": [matched(NADIA, "nadia")], "invalid_datapoints": [FIND.name_of(CHLOE)]}

    assert read(body) == [address("nadia"), None, RejectedInput("refused_by_vendor")]


def test_a_row_that_is_told_nowhere_has_no_answer() -> None:
    assert read({"matched": [], "not_matched": [], "invalid_datapoints": []}) == [None] * 3


def test_a_result_of_nobody_is_given_to_nobody() -> None:
    strangers = [matched(Row("99.1", LeadInput()), "eve"), {"person": {"email": None}}]
    body = {"matched": [*strangers, matched(BRUNO, "bruno")], "not_matched": ["98x1"]}

    assert read(body) == [None, address("bruno"), None]


@pytest.mark.parametrize("person", [None, "Nadia", {"email": "nadia@brightwater.test"}])
def test_a_strange_result_costs_only_itself(person: Any) -> None:
    strange = {"identifier": FIND.name_of(NADIA), "person": person}

    outcomes = read({"matched": [strange, 7, matched(BRUNO, "bruno")]})

    assert outcomes == [NoAnswer("broken_answer"), address("bruno"), None]


def test_what_else_is_in_a_list_of_identifiers_names_nobody() -> None:
    """Such as the datapoints that were sent, among which a number may look like a reference."""
    others = [{"company_name": FIND.name_of(NADIA)}, 7, None, FIND.name_of(BRUNO)]

    assert read({"not_matched": others}) == [None, Missing(), None]


def test_a_find_counts_before_the_other_lists() -> None:
    """It is paid for."""
    name = FIND.name_of(NADIA)
    body = {"matched": [matched(NADIA, "nadia")], "not_matched": [name]}

    assert read(body | {"invalid_datapoints": [name]})[0] == address("nadia")


def test_doubts_about_a_result_are_those_about_a_single_answer() -> None:
    emails = [
        {"status": "UNVERIFIED", "email": "nadia@brightwater.test"},
        {"status": "VERIFIED", "revealed": False, "email": "b****@brightwater.test"},
        {"status": "LIKELY", "email": "chloe@brightwater.test"},
    ]
    results = [
        {"identifier": FIND.name_of(row), "person": {"email": email}}
        for row, email in zip(ROWS, emails, strict=True)
    ]

    assert read({"matched": results}) == [
        Found({"email": "nadia@brightwater.test", "verdict": "risky"}),
        NoAnswer("not_revealed"),
        NoAnswer("status_likely", has_value=True),
    ]


def test_the_same_person_asked_about_twice_is_answered_twice() -> None:
    twice = (NADIA, Row("20.1", NADIA.lead))
    body = {"matched": [matched(row, "nadia") for row in twice]}

    assert read(body, twice) == [address("nadia")] * 2


def test_who_was_erased_meanwhile_takes_nobody_elses_answer() -> None:
    body = {"matched": [matched(row, row.reference) for row in ROWS]}

    assert read(body, ROWS[1:]) == [address("18.2"), address("19.1")]


def test_a_number_without_a_country_is_read_in_that_of_its_lead() -> None:
    mobile = {"status": "VERIFIED", "revealed": True, "mobile": "0151 23456789"}
    results = [{"identifier": PHONE.name_of(row), "person": {"mobile": mobile}} for row in ROWS]

    outcomes = read({"matched": results}, shape=PHONE)

    assert outcomes[1:] == [
        Found({"phone": "+4915123456789"}),
        NoAnswer("unreadable_phone", has_value=True),
    ]
    assert outcomes[0] != outcomes[1]


@pytest.mark.parametrize("shape", [FIND, PHONE], ids=["find_email", "find_phone"])
def test_an_identifier_has_letters_and_digits_only_and_is_its_rows_alone(shape: Batched) -> None:
    rows = [*ROWS, Row("1.71", NADIA.lead), Row("171", NADIA.lead), Row("17.11", NADIA.lead)]

    told = [record["identifier"] for record in shape.request(rows).json["data"]]

    assert told == [shape.name_of(row) for row in rows]
    assert all(name.isascii() and name.isalnum() for name in told)
    assert len(set(told)) == len(rows)


@pytest.mark.parametrize(
    ("status", "error_code", "fault"),
    [
        (400, "INSUFFICIENT_CREDITS", OutOfCredit),
        (400, "INVALID_DATAPOINTS", RequestRefused),
        (400, "TOO_MANY", RequestRefused),
        (200, "PERSON_FROZEN", BrokenAnswer),
        (400, "NO_MATCH", BrokenAnswer),
        (200, "NO_MATCH", BrokenAnswer),
    ],
)
def test_a_failure_of_the_whole_is_a_fault(
    status: int, error_code: str, fault: type[Exception]
) -> None:
    body = {"error": True, "error_code": error_code}

    with pytest.raises(fault):
        FIND.read(VendorAnswer(status, body=orjson.dumps(body)), [row.lead for row in ROWS])


def test_an_answer_without_any_list_is_another_one() -> None:
    with pytest.raises(BrokenAnswer):
        read({"person": {"email": None}})


def test_both_routes_together_stay_within_what_the_vendor_allows() -> None:
    """It counts each record of a bulk as a request."""
    offer = PROVIDER.offer(Capability.FIND_EMAIL)
    assert offer is not None
    assert offer.bulk is not None
    single, bulk = PROVIDER.limits, offer.bulk.limits
    assert isinstance(bulk, Limits)

    records = single.requests_per_minute + bulk.requests_per_minute * FIND.batch_max

    assert records <= RECORDS_PER_MINUTE
    assert (single.requests_per_second or 0) + 1 <= RECORDS_PER_SECOND

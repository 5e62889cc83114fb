"""A job of NeverBounce's is read row by row, each by its address; it may pass over a second one."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from providers.contract import (
    BrokenAnswer,
    JsonObject,
    NotReady,
    OutOfCredit,
    Row,
    Submitted,
    VendorAnswer,
)
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, NoAnswer, Outcome

NADIA = LeadInput(email="nadia@brightwater.leadfall")
HALE = LeadInput(email="hale@brightwater.leadfall")
LIND = LeadInput(email="lind@harborline.leadfall")
NAMES = {"data": {"email": "email", "id": "id"}, "verification": {"result": "invalid"}}
STRANGE: dict[str, Any] = {
    "null": None,
    "text": "row",
    "empty": {},
    "unnamed": {"verification": {"result": "valid"}},
    "types": {"data": [7], "verification": 7},
    "typed_address": {"data": {"email": 7}, "verification": {"result": "valid"}},
    "names": NAMES,
}


def test_rows_out_of_order_keep_their_own_verdicts() -> None:
    rows = [row(LIND, "catchall"), row(NADIA, "valid"), row(HALE, "invalid")]

    assert read(rows, [NADIA, HALE, LIND]) == [
        found(NADIA, "deliverable", "accepted_email"),
        found(HALE, "undeliverable", "no_mailbox"),
        found(LIND, "risky", "catch_all"),
    ]


def test_a_row_that_is_not_there_has_no_answer() -> None:
    """Its place is not taken by the next one's."""
    assert read([row(NADIA), row(LIND)], [NADIA, HALE, LIND]) == [found(NADIA), None, found(LIND)]


def test_a_row_of_nobody_is_passed_over() -> None:
    """Such as that of a lead that was erased since, or of the names of the fields."""
    rows = [NAMES, row(NADIA, "invalid"), row(HALE), row(LIND)]

    assert read(rows, [HALE, LIND]) == [found(HALE), found(LIND)]


def test_rows_that_name_nobody_end_the_job() -> None:
    """They are not as the vendor states them; whoever asked must learn of that."""
    assert read([STRANGE["unnamed"]], [NADIA]) == [None]


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_strange_row_costs_only_itself(strange: str, place: int) -> None:
    rows: list[Any] = [row(NADIA), row(HALE)]
    rows.insert(place, STRANGE[strange])

    assert read(rows, [NADIA, HALE]) == [found(NADIA), found(HALE)]


@pytest.mark.parametrize(
    "verification", [None, {}, {"result": None}, {"result": 7}, {"status": "general_failure"}]
)
def test_a_row_without_a_verdict_costs_only_itself(verification: Any) -> None:
    broken = {"data": {"email": HALE.email}, "verification": verification}

    assert read([row(NADIA), broken], [NADIA, HALE]) == [found(NADIA), NoAnswer("broken_answer")]


def test_an_address_that_is_refused_costs_only_its_row() -> None:
    unfit = LeadInput(email="nadia@@brightwater")

    outcomes = read([row(NADIA), row(unfit, "bad_syntax")], [NADIA, unfit])

    assert outcomes == [found(NADIA), NoAnswer("result_bad_syntax")]


def test_the_same_address_twice_is_asked_about_once_and_answered_twice() -> None:
    again = LeadInput(email="Nadia@Brightwater.leadfall")
    rows = [Row("1", NADIA), Row("2", HALE), Row("3", again)]

    body = shape().submit(rows, "submission-1", None).json

    assert [each["email"].lower() for each in body["input"]] == [NADIA.email, HALE.email]
    assert "callback_url" not in body
    verdicts = read([row(NADIA), row(HALE, "invalid")], [NADIA, HALE, again])
    assert verdicts[0] == verdicts[2] != verdicts[1]


def test_a_verdict_is_about_the_address_as_it_was_told() -> None:
    told = LeadInput(email="Nadia@brightwater.leadfall")

    assert read([row(NADIA)], [told]) == [found(told)]


@pytest.mark.parametrize(
    "message", ["The job is still running", "Invalid job ID", "No results", "", "Credits: 55"]
)
def test_results_that_are_not_there_are_asked_for_again(message: str) -> None:
    body = {"status": "general_failure", "message": message}

    assert isinstance(shape().read(answer(body), [NADIA]), NotReady)


def test_a_job_that_lacks_credit_is_a_fault_of_the_account() -> None:
    body = {"status": "general_failure", "message": "Insufficient credits to run this job"}

    with pytest.raises(OutOfCredit):
        shape().read(answer(body), [NADIA])


@pytest.mark.parametrize(
    ("job", "handle"),
    [
        (150970, "150970"),
        ("150970", "150970"),
        (0, None),
        (-1, None),
        (1.5, None),
        (1e300, None),
        (True, None),
        ("1/../2", None),
        (None, None),
    ],
)
def test_a_job_is_known_by_its_number(job: Any, handle: str | None) -> None:
    named = shape().callback_handle

    assert named is not None
    assert named(JsonObject({"job_id": job, "event": "job_run_finished"})) == handle
    assert handle_read({"status": "success", "job_id": job}) == handle


def handle_read(body: dict[str, Any]) -> str | None:
    try:
        return shape().read_handle(answer(body), [NADIA])
    except BrokenAnswer:
        return None


def row(lead: LeadInput, result: str = "valid") -> dict[str, Any]:
    info = {"original_email": lead.email, "normalized_email": lead.email}
    return {"data": {"email": lead.email}, "verification": {"result": result, "address_info": info}}


def found(lead: LeadInput, verdict: str = "deliverable", reason: str = "accepted_email") -> Found:
    return Found({"email": lead.email, "verdict": verdict, "reason": reason})


def shape() -> Submitted:
    offer = all_providers()["neverbounce"].offer(Capability.VERIFY_EMAIL)
    assert offer is not None
    assert offer.bulk is not None
    assert isinstance(offer.bulk.shape, Submitted)
    return offer.bulk.shape


def answer(body: Mapping[str, Any]) -> VendorAnswer:
    return VendorAnswer(200, body=orjson.dumps(body))


def read(rows: list[Any], leads: list[LeadInput]) -> list[Outcome | None]:
    """Return each lead's outcome, None where no row names it."""
    jobs = shape()
    outcomes = jobs.read(answer({"status": "success", "results": rows}), leads)
    assert isinstance(outcomes, Mapping)
    return [outcomes.get(jobs.name_of(Row(str(n), lead))) for n, lead in enumerate(leads)]

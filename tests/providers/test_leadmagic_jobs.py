"""A job of LeadMagic's is read row by row: each by what it was asked, whatever the others are."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from providers.contract import NotReady, OutOfCredit, Row, Submitted, VendorAnswer
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, RejectedInput

NADIA = LeadInput(first_name="Nadia", last_name="Okafor", company_domain="brightwater.leadfall")
HALE = replace(NADIA, last_name="Hale")
LIND = replace(NADIA, last_name="Lind", company_domain=None, company_name="Harborline Insurance")
PENDING = {"status": "pending", "lm_output": None}
STRANGE: dict[str, Any] = {
    "null": None,
    "text": "row",
    "empty": {},
    "unnamed": {"status": "success", "lm_output": {"email": "x@y.leadfall", "status": "valid"}},
    "types": {"lm_input": [7], "lm_output": 7, "status": [7], "row_index": "0"},
}


def test_rows_out_of_order_keep_their_own_answers() -> None:
    rows = [answered(LIND, 2), answered(NADIA, 0), answered(HALE, 1)]

    assert read(rows, [NADIA, HALE, LIND]) == [found(NADIA), found(HALE), found(LIND)]


def test_a_row_that_is_not_there_is_waited_for() -> None:
    """Its place is not taken by the next one's, and the others are read once it is there."""
    rows = [answered(NADIA, 0), answered(LIND, 2)]

    assert read(rows, [NADIA, HALE, LIND]) == "later"


@pytest.mark.parametrize("state", ["completed", "Completed with errors", "failed", "cancelled"])
def test_a_row_that_is_not_there_when_the_job_is_over_has_no_answer(state: str) -> None:
    rows = [answered(NADIA, 0), answered(LIND, 2)]

    assert read(rows, [NADIA, HALE, LIND], status=state) == [found(NADIA), None, found(LIND)]


def test_a_row_that_does_not_say_whose_it_is_is_nobodys() -> None:
    """And is not waited for: it may be that of the lead that has none."""
    rows = [answered(NADIA, 0), STRANGE["unnamed"], answered(LIND, 2)]

    assert read(rows, [NADIA, HALE, LIND]) == [found(NADIA), None, found(LIND)]


def test_a_number_is_read_in_no_country_of_another_lead_that_asks_the_same() -> None:
    """Both have one row, and each says another country; a number that says one itself is read."""
    british = LeadInput(linkedin_url="linkedin.com/in/nadia-okafor", country="GB")
    leads = [british, replace(british, country="US")]
    row = {"status": "completed", "lm_input": {"profile_url": british.linkedin_url}}
    local, whole = ({"mobile_number": number} for number in ("2025550123", "+12025550123"))

    unread, told = (
        read([row | {"lm_output": output}], leads, capability=Capability.FIND_PHONE)
        for output in (local, whole)
    )

    assert unread == [NoAnswer("unreadable_phone", has_value=True)] * 2
    assert told == [Found({"phone": "+12025550123"})] * 2


def test_rows_that_name_nobody_are_not_waited_for() -> None:
    """They are not as the vendor states them; whoever asked must learn of that."""
    assert read([STRANGE["unnamed"]] * 2, [NADIA, HALE]) == [None, None]


def test_rows_of_others_are_too_few_to_be_all() -> None:
    assert read([answered(LIND, 2)], [NADIA, HALE]) == "later"


def test_rows_that_still_run_when_the_job_is_over_have_no_answer() -> None:
    rows = [answered(NADIA, 0), asked(HALE, 1) | PENDING]

    assert read(rows, [NADIA, HALE], status="completed") == [found(NADIA), None]


def test_a_word_for_the_answer_is_no_word_for_the_job() -> None:
    assert read([answered(NADIA, 0)], [NADIA, HALE], status="success") == "later"


def test_a_row_of_nobody_is_passed_over() -> None:
    """Such as that of a lead that was erased since: the others keep their own."""
    rows = [answered(NADIA, 0), answered(HALE, 1), answered(LIND, 2)]

    assert read(rows, [HALE, LIND]) == [found(HALE), found(LIND)]


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_strange_row_costs_only_itself(strange: str, place: int) -> None:
    rows: list[Any] = [answered(NADIA, 0), answered(HALE, 1)]
    rows.insert(place, STRANGE[strange])

    assert read(rows, [NADIA, HALE]) == [found(NADIA), found(HALE)]


def test_an_answer_of_another_type_costs_only_its_row() -> None:
    broken = asked(HALE, 1) | {"status": "success", "lm_output": {"email": 7, "status": "valid"}}

    assert read([answered(NADIA, 0), broken], [NADIA, HALE]) == [
        found(NADIA),
        NoAnswer("broken_answer"),
    ]


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        ({"code": "validation_error"}, RejectedInput("refused_by_vendor")),
        ("Upstream timeout", NoAnswer("status_failed")),
        ("Insufficient credits", NoAnswer("out_of_credit")),
        ("Too many requests", NoAnswer("status_failed")),
        ("Invalid API key", NoAnswer("status_failed")),
        ("No email found", Missing()),
    ],
)
def test_a_row_that_failed_costs_only_itself(failure: Any, outcome: Outcome) -> None:
    failed = asked(HALE, 1) | {"status": "failed", "lm_output": None, "error": failure}

    assert read([answered(NADIA, 0), failed], [NADIA, HALE]) == [found(NADIA), outcome]


def test_a_job_of_which_every_row_lacks_credit_is_a_fault_of_the_account() -> None:
    failed = {"status": "failed", "error": "Insufficient credits"}

    with pytest.raises(OutOfCredit):
        read([asked(NADIA, 0) | failed, asked(HALE, 1) | failed], [NADIA, HALE])


def test_the_same_person_twice_is_asked_about_once_and_answered_twice() -> None:
    again = replace(NADIA, first_name=" nadia", country="NL")
    rows = [Row("1", NADIA), Row("2", HALE), Row("3", again)]

    body = shape().submit(rows, "submission-1", None).json

    assert [row["last_name"] for row in body["rows"]] == ["Okafor", "Hale"]
    told = [answered(NADIA, 0), answered(HALE, 1)]
    assert read(told, [NADIA, HALE, again]) == [found(NADIA), found(HALE), found(NADIA)]


@pytest.mark.parametrize(
    "other",
    [
        replace(NADIA, company_domain="quillstone.leadfall"),
        replace(NADIA, first_name="Nadja"),
        replace(NADIA, company_domain=None),
        replace(NADIA, last_name=None),
    ],
)
def test_a_row_about_a_namesake_is_nobodys(other: LeadInput) -> None:
    assert read([answered(other, 0)], [NADIA], status="completed") == [None]


def test_a_number_is_read_by_the_country_of_its_own_lead() -> None:
    profile = "https://www.linkedin.com/in/nadia-okafor"
    dutch = LeadInput(linkedin_url=profile, country="NL")
    address = LeadInput(email="nadia@brightwater.leadfall")
    rows = [
        {"lm_input": {"work_email": address.email}, "lm_output": {"mobile_number": None}},
        {"lm_input": {"profile_url": profile + "/"}, "lm_output": {"mobile_number": "0612345678"}},
    ]

    outcomes = read(rows, [dutch, address], capability=Capability.FIND_PHONE)

    assert outcomes == [Found({"phone": "+31612345678"}), Missing()]


def asked(lead: LeadInput, index: int) -> dict[str, Any]:
    """Return the part of a row that repeats what was asked."""
    told = {
        "first_name": lead.first_name,
        "last_name": lead.last_name,
        "domain": lead.company_domain,
        "company_name": lead.company_name,
    }
    return {"row_index": index, "lm_input": {name: text for name, text in told.items() if text}}


def answered(lead: LeadInput, index: int) -> dict[str, Any]:
    """Return a row with the address of this lead."""
    output = {"email": address_of(lead), "status": "valid", "credits_consumed": 1}
    return asked(lead, index) | {"status": "success", "lm_output": output}


def found(lead: LeadInput) -> Found:
    return Found({"email": address_of(lead), "verdict": "deliverable"})


def address_of(lead: LeadInput) -> str:
    return f"{lead.first_name}.{lead.last_name}@brightwater.leadfall".lower()


def shape(capability: Capability = Capability.FIND_EMAIL) -> Submitted:
    offer = all_providers()["leadmagic"].offer(capability)
    assert offer is not None
    assert offer.bulk is not None
    assert isinstance(offer.bulk.shape, Submitted)
    return offer.bulk.shape


def read(
    rows: list[Any],
    leads: list[LeadInput],
    *,
    capability: Capability = Capability.FIND_EMAIL,
    **beside: str,
) -> list[Outcome | None] | str:
    """Return each lead's outcome, None where no row names it; "later" if the job goes on."""
    jobs = shape(capability)
    body = orjson.dumps({"rows": rows, "limit": 100, "offset": 0, **beside})
    outcomes = jobs.read(VendorAnswer(200, body=body), leads)
    if isinstance(outcomes, NotReady):
        return "later"
    assert isinstance(outcomes, Mapping)
    return [outcomes.get(jobs.name_of(Row(str(n), lead))) for n, lead in enumerate(leads)]

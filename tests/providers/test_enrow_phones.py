"""A batch of phones at Enrow: nobody gets another's number, whatever the answer lacks."""

from typing import Any

import orjson
import pytest

from providers.contract import Row, Submitted, VendorAnswer
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome

NADIA = LeadInput(linkedin_url="https://www.linkedin.com/in/nadia-okafor", first_name="Nadia")
BOB = LeadInput(first_name="Bob", last_name="Öst", company_domain="brightwater.leadfall")
EVE = LeadInput(first_name="Eve", last_name="Lund", company_name="Brightwater  Tools")
NUMBERS = {"nadia": "+12025550147", "bob": "+12025550148", "eve": "+12025550149"}
PARAMS: dict[str, dict[str, Any]] = {
    "nadia": {"linkedin_url": "http://linkedin.com/in/Nadia-Okafor/"},
    "bob": {"firstname": "bob ", "lastname": "ÖST", "company_domain": "Brightwater.leadfall"},
    "eve": {"firstname": "Eve", "lastname": "Lund", "company_name": "Brightwater Tools"},
}


def offer_shape() -> Submitted:
    offer = all_providers()["enrow"].offer(Capability.FIND_PHONE)
    assert offer is not None
    assert isinstance(offer.shape, Submitted)
    return offer.shape


def found(name: str, **more: Any) -> dict[str, Any]:
    row = {"index": 0, "qualification": "found", "number": NUMBERS[name], "params": PARAMS[name]}
    return row | more


def read(leads: list[LeadInput], results: list[Any]) -> list[Outcome | None]:
    """Return what each lead gets, by the name that its row has."""
    shape = offer_shape()
    body = {"general": {"status": "completed"}, "results": results}
    outcomes = shape.read(VendorAnswer(200, body=orjson.dumps(body)), leads)
    assert isinstance(outcomes, dict)
    return [outcomes.get(shape.name_of(Row(f"{place}", lead))) for place, lead in enumerate(leads)]


def values(*names: str) -> list[Found]:
    return [Found({"phone": NUMBERS[name]}) for name in names]


def submitted(leads: list[LeadInput]) -> list[dict[str, Any]]:
    rows = [Row(f"{place}", lead) for place, lead in enumerate(leads)]
    searches: list[dict[str, Any]] = offer_shape().submit(rows, "s", None).json["searches"]
    return searches


@pytest.mark.parametrize("order", [1, -1])
def test_a_number_is_of_whom_was_asked_about_in_any_order_and_spelling(order: int) -> None:
    results = [found(name) for name in ("nadia", "bob", "eve")][::order]

    assert read([NADIA, BOB, EVE], results) == values("nadia", "bob", "eve")


def test_what_the_vendor_gives_back_counts_before_what_it_says_was_asked() -> None:
    """It may tell a person by another page, or add one that it has found."""
    customs = [search["custom"] for search in submitted([NADIA, BOB])]
    other = {"linkedin_url": "https://www.linkedin.com/in/nadia-o-77"}
    results = [
        found("bob", custom=customs[1], params=PARAMS["bob"] | other),
        found("nadia", custom=customs[0], params=other),
    ]

    assert read([NADIA, BOB], results) == values("nadia", "bob")


def test_a_row_that_is_missing_costs_only_itself() -> None:
    assert read([NADIA, BOB, EVE], [found("eve"), found("nadia")]) == [
        *values("nadia"),
        None,
        *values("eve"),
    ]


@pytest.mark.parametrize("stranger", [{"linkedin_url": "https://linkedin.com/in/zoe"}, {}, None])
def test_a_row_of_nobody_is_nobodys(stranger: object) -> None:
    """Not even where there is one row and one person, and its place would fit."""
    assert read([NADIA], [found("nadia", params=stranger)]) == [None]
    assert read([NADIA], [found("bob", params=stranger), found("nadia")]) == values("nadia")


def test_people_of_one_company_or_one_name_are_told_apart() -> None:
    leads = [
        BOB,
        LeadInput(first_name="Bob", last_name="Öst", company_domain="hollow.leadfall"),
        LeadInput(first_name="Bo", last_name="Öst", company_domain="brightwater.leadfall"),
    ]

    assert read(leads, [found("bob")]) == [*values("bob"), None, None]


@pytest.mark.parametrize("strange", [None, "row", 7, {"params": {"firstname": 7}}])
def test_a_strange_row_costs_only_itself(strange: object) -> None:
    broken = found("eve", number=[7])

    assert read([NADIA, EVE], [strange, broken, found("nadia")]) == [
        *values("nadia"),
        NoAnswer("broken_answer"),
    ]


def test_one_who_is_not_known_costs_nobody_else_a_number() -> None:
    unknown = found("bob", qualification="not_found", number=None)

    assert read([NADIA, BOB], [unknown, found("nadia")]) == [*values("nadia"), Missing()]


def test_who_was_erased_meanwhile_leaves_the_others_their_numbers() -> None:
    assert read([BOB, EVE], [found("nadia"), found("bob"), found("eve")]) == values("bob", "eve")


def test_a_person_is_searched_once_and_both_rows_get_the_number() -> None:
    twice = LeadInput(linkedin_url="https://linkedin.com/in/nadia-okafor/", last_name="Okafor")

    assert len(submitted([NADIA, twice, BOB])) == 2
    assert read([NADIA, twice], [found("nadia")]) == values("nadia", "nadia")

"""A field of another type beside the value never loses the value, which is paid for."""

from typing import Any

import orjson
import pytest

from providers.contract import Direct, JsonObject, Submitted, VendorAnswer
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found

EMAIL = "nadia@brightwater.leadfall"
LEAD = LeadInput(first_name="Nadia", email=EMAIL, country="US")
SURE, UNSURE = ({"email": EMAIL, "verdict": verdict} for verdict in ("deliverable", "unknown"))


@pytest.mark.parametrize(
    ("slug", "body", "value"),
    [
        ("aleads", {"data": {"email": EMAIL, "quality": 95, "result": "ok"}}, SURE),
        ("aleads", {"data": {"email": EMAIL, "quality": 95}}, UNSURE),
        ("aleads", {"data": {"email": EMAIL, "result": "ok", "catch_all_status": "no"}}, SURE),
        ("aleads", {"data": {"email": EMAIL, "result": "ok", "catch_all_status": [1]}}, SURE),
        (
            "bettercontact",
            {"contact_email_address": EMAIL, "contact_email_address_status": 7},
            UNSURE,
        ),
        ("dropcontact", {"email": [{"email": EMAIL, "qualification": 1}]}, UNSURE),
        ("fullenrich", {"most_probable_work_email": {"email": EMAIL, "status": 1}}, UNSURE),
        ("hunter", {"data": {"email": EMAIL, "verification": "valid"}}, UNSURE),
        ("icypeas", {"emails": [{"email": EMAIL, "certainty": 99}]}, UNSURE),
        ("leadmagic", {"email": EMAIL, "status": "valid", "is_domain_catch_all": "false"}, SURE),
        ("leadmagic", {"email": EMAIL, "status": 1, "success": "true"}, UNSURE),
        ("prospeo", {"person": {"email": {"email": EMAIL, "status": 1, "revealed": 1}}}, UNSURE),
    ],
)
def test_an_address_is_kept(slug: str, body: dict[str, Any], value: dict[str, Any]) -> None:
    assert _read(slug, Capability.FIND_EMAIL, body) == Found(value)


@pytest.mark.parametrize("score", [90, 90.0, "90"])
def test_a_score_is_read_in_either_spelling(score: object) -> None:
    body = {"data": {"email": EMAIL, "score": score, "verification": {"status": "valid"}}}

    assert _read("hunter", Capability.FIND_EMAIL, body) == Found(SURE | {"confidence": 0.9})


@pytest.mark.parametrize("score", ["high", True, [90], "9" * 400])
def test_a_score_that_is_none_is_left_out(score: object) -> None:
    body = {"data": {"email": EMAIL, "score": score, "verification": {"status": "valid"}}}

    assert _read("hunter", Capability.FIND_EMAIL, body) == Found(SURE)


@pytest.mark.parametrize(
    ("slug", "body"),
    [
        ("aleads", {"data": {"phone_number": 12025550147}}),
        ("bettercontact", {"contact_phone_number": 12025550147}),
        ("enrow", {"qualification": "found", "number": 12025550147, "country": 1}),
        ("findymail", {"phone": 12025550147}),
        ("fullenrich", {"most_probable_phone": {"number": 12025550147, "region": 1}}),
        ("leadmagic", {"mobile_number": 12025550147}),
        ("prospeo", {"person": {"mobile": {"mobile_international": 12025550147}}}),
    ],
)
def test_a_phone_that_is_a_json_number_is_kept(slug: str, body: dict[str, Any]) -> None:
    assert _read(slug, Capability.FIND_PHONE, body) == Found({"phone": "+12025550147"})


@pytest.mark.parametrize(
    ("raw", "flag"),
    [(True, True), ("Yes", True), ("false", False), (False, False), (None, None), (1, None)],
)
def test_a_flag_is_read_where_it_is_said(raw: object, flag: object) -> None:
    assert JsonObject({"flag": raw}).side_flag("flag") is flag


_WRAPPED: dict[str, Any] = {
    "bettercontact": lambda row: {
        "status": "terminated",
        "data": [row | {"custom_fields": [{"name": "row", "value": "1"}]}],
    },
    "dropcontact": lambda row: {"success": True, "data": [row | {"custom_fields": {"row": "1"}}]},
    "enrow": lambda row: {"results": [row | {"custom": "1"}]},
    "fullenrich": lambda row: {
        "status": "FINISHED",
        "data": [{"custom": {"row": "1"}, "contact_info": row}],
    },
    "icypeas": lambda row: {
        "success": True,
        "items": [{"status": "FOUND", "userData": {"externalId": "1/1"}, "results": row}],
    },
}


def _read(slug: str, capability: Capability, body: dict[str, Any]) -> object:
    offer = all_providers()[slug].offer(capability)
    assert offer is not None
    whole = _WRAPPED.get(slug, dict)(body)
    answer = VendorAnswer(200, body=orjson.dumps(whole))
    if isinstance(offer.shape, Direct):
        return offer.shape.read(answer, LEAD)
    assert isinstance(offer.shape, Submitted)
    read = offer.shape.read(answer, [LEAD])
    return read["1"] if isinstance(read, dict) else read

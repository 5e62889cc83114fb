"""What adapters share: reasons made of a vendor's words, rows read one by one, callbacks' names."""

from typing import Any

import orjson
import pytest

from providers.contract import (
    REASON_LENGTH_MAX,
    BrokenAnswer,
    JsonObject,
    Submitted,
    Throttled,
    VendorAnswer,
    VendorDown,
    raise_for_status,
    raw_reason,
    read_rows,
)
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.outcome import Found, Missing, NoAnswer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("PAUSED", "status_paused"),
        (" on-hold ", "status_on_hold"),
        ("v2.done", "status_v2_done"),
        ("", "status_unclear"),
        (None, "status_unclear"),
        ("Nadia Okafor", "status_unclear"),
        ("nadia@brightwater.leadfall", "status_unclear"),
        ("12025550147", "status_unclear"),
        ("é", "status_unclear"),
        ("x" * 33, "status_" + "x" * 33),
        ("x" * 34, "status_unclear"),
    ],
)
def test_a_reason_keeps_a_word_of_the_vendors_and_nothing_longer(
    text: str | None, reason: str
) -> None:
    assert reason == raw_reason("status", text)
    assert len(reason) <= REASON_LENGTH_MAX


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999999", 86_400.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wednesday, 21-Oct-26 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:20:00 GMT", 0.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 86_400.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("9" * 10_000, None),
    ],
)
@pytest.mark.parametrize(("status", "fault"), [(429, Throttled), (503, VendorDown)])
def test_a_vendor_says_when_to_come_back_in_seconds_or_by_a_date(
    status: int, fault: type[Throttled | VendorDown], text: str, seconds: float | None
) -> None:
    """A date counts from the answer's own; nobody is believed who asks for more than a day."""
    headers = {"retry-after": text, "date": "Wed, 21 Oct 2026 07:28:00 GMT"}

    with pytest.raises(fault) as raised:
        raise_for_status(VendorAnswer(status, headers))

    assert raised.value.retry_after_s == seconds


@pytest.mark.parametrize("date", [{}, {"date": "today"}])
def test_without_a_date_of_its_own_an_answer_asks_for_no_date(date: dict[str, str]) -> None:
    """This host's clock may be wrong; seconds need no clock."""
    waits = [
        VendorAnswer(429, {"retry-after": asked, **date})
        for asked in ("Wed, 21 Oct 2020 07:28:00 GMT", "Wed, 21 Oct 2099 07:28:00 GMT", "30")
    ]

    assert [each.retry_after_s() for each in waits] == [None, None, 30.0]


def test_a_strange_row_costs_only_itself() -> None:
    """Rows without a reference are left out, a broken one is no answer, the others are read."""
    rows = [JsonObject(raw) for raw in ({"row": "1"}, {"row": 7}, {}, {"row": "2", "broken": 1})]

    outcomes = read_rows(rows, lambda row: row.text_or_none("row"), _read)

    assert outcomes == {"1": Missing(), "2": NoAnswer("broken_answer")}


def _read(row: JsonObject) -> Missing:
    if row.number_or_none("broken"):
        raise BrokenAnswer
    return Missing()


@pytest.mark.parametrize(
    ("slug", "body", "handle"),
    [
        ("icypeas", {"signature": "s", "timestamp": "t", "data": {"file": "kbn542"}}, "kbn542"),
        ("icypeas", {"data": None}, None),
        ("bettercontact", {"id": "req_demo_5", "status": "terminated"}, "req_demo_5"),
        ("bettercontact", {"id": "../account"}, None),
        ("enrow", {"event": "bulk_search_finished", "id": "3f2b8c1e-5d4a"}, "3f2b8c1e-5d4a"),
        ("enrow", {"id": 7}, None),
    ],
)
def test_a_callback_names_its_submission_or_nothing(
    slug: str, body: dict[str, Any], handle: str | None
) -> None:
    shapes = [offer.shape for offer in all_providers()[slug].offers]

    named = [
        shape.callback_handle(JsonObject(body))
        for shape in shapes
        if isinstance(shape, Submitted) and shape.callback_handle is not None
    ]

    assert [handle] * len(shapes) == named


_ADDRESS = "nadia@brightwater.leadfall"
_BATCHES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "bettercontact": (
        {"status": "terminated"},
        "data",
        {
            "custom_fields": [{"name": "row", "value": "2"}],
            "contact_email_address": _ADDRESS,
            "contact_email_address_status": "deliverable",
        },
    ),
    "dropcontact": (
        {"success": True},
        "data",
        {
            "custom_fields": {"row": "2"},
            "email": [{"email": _ADDRESS, "qualification": "nominative@pro"}],
        },
    ),
    "enrow": ({}, "results", {"custom": "2", "email": _ADDRESS, "qualification": "valid"}),
    "fullenrich": (
        {"status": "FINISHED"},
        "data",
        {
            "custom": {"row": "2"},
            "contact_info": {
                "most_probable_work_email": {"email": _ADDRESS, "status": "DELIVERABLE"}
            },
        },
    ),
    "icypeas": (
        {"success": True},
        "items",
        {
            "status": "FOUND",
            "userData": {"externalId": "2/2"},
            "results": {"emails": [{"email": _ADDRESS, "certainty": "sure"}]},
        },
    ),
}
_STRANGE_ROWS: dict[str, Any] = {
    "null": None,
    "text": "row",
    "list": [None],
    "empty": {},
    "nulls": {"custom": None, "custom_fields": None, "userData": None, "status": None},
    "types": {"custom": {"row": 7}, "custom_fields": 7, "userData": [7], "status": [7]},
}


@pytest.mark.parametrize("strange", _STRANGE_ROWS)
@pytest.mark.parametrize("slug", _BATCHES)
def test_a_strange_row_of_a_batch_costs_only_itself(slug: str, strange: str) -> None:
    whole, name, good = _BATCHES[slug]
    body = whole | {name: [_STRANGE_ROWS[strange], good]}

    outcomes = _read_batch(slug, body)

    assert {"2": Found({"email": _ADDRESS, "verdict": "deliverable"})} == outcomes


def _read_batch(slug: str, body: dict[str, Any]) -> Any:
    offer = all_providers()[slug].offer(Capability.FIND_EMAIL)
    assert offer is not None
    assert isinstance(offer.shape, Submitted)
    return offer.shape.read(VendorAnswer(200, body=orjson.dumps(body)), [])

"""What adapters share: reasons made of a vendor's words, rows read one by one, callbacks' names."""

from typing import Any

import pytest

from providers.contract import (
    REASON_LENGTH_MAX,
    BrokenAnswer,
    JsonObject,
    Submitted,
    raw_reason,
    read_rows,
)
from providers.registry import all_providers
from service.domain.outcome import Missing, NoAnswer


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

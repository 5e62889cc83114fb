"""The page of each event says what its model says."""

import pytest

from service.api.event_examples import EXAMPLES
from service.api.event_models import BODY_MODELS
from service.domain.event_types import EventType
from tests.api.event_pages import FOLDER, page


@pytest.mark.parametrize("event_type", list(EventType))
def test_every_event_has_its_page(event_type: EventType) -> None:
    """The page is the one that `python -m tests.api.event_pages` writes."""
    assert (FOLDER / f"{event_type}.md").read_text(encoding="utf-8") == page(event_type)


@pytest.mark.parametrize("event_type", list(EventType))
def test_every_example_is_as_its_model_says(event_type: EventType) -> None:
    """The example validates, and shows no field that the model does not name."""
    body = {
        "type": event_type,
        "timestamp": "2026-01-01T00:00:00Z",
        "data": dict(EXAMPLES[event_type]),
    }

    data = BODY_MODELS[event_type].model_validate(body).model_dump()["data"]
    assert {name.lstrip("_") for name in EXAMPLES[event_type]} <= set(data)
    assert BODY_MODELS[event_type].model_validate(body).data.model_extra == {}  # type: ignore[attr-defined] # made at run time

"""Describes what endpoints are sent: every type of event, with its schema and an example."""

from collections.abc import Mapping
from typing import Any, Final

from service.api.event_examples import EXAMPLES
from service.api.event_models import BODY_MODELS
from service.api.openapi.operation import JSON
from service.api.openapi.prose import EVENTS
from service.api.openapi.schemas import REF, definitions
from service.domain.event_types import EventType

SEQUENCE: Final = "webhook-sequence"

_MOMENT: Final = "2026-01-31T09:00:00.000Z"
_HEADERS: Final = {
    "webhook-id": ("The event: the same for every attempt, replay and endpoint.", "string"),
    "webhook-timestamp": ("When this attempt was made, in seconds since 1970.", "integer"),
    "webhook-signature": ("One or more signatures, with blanks between.", "string"),
    "webhook-attempt": ("1, 2, 3, …", "integer"),
    SEQUENCE: ("1, 2, 3, … without a gap, for this endpoint.", "integer"),
    "X-Webhook-Event": ("The event's type, for receivers written for SendKit.", "string"),
    "X-Webhook-Signature": ("Hex HMAC-SHA256 of the body, for the same.", "string"),
}


def event_definitions() -> dict[str, Any]:
    """Return the schemas of all bodies and of their parts, by name.

    They are closed: this server sends no other fields, though receivers must bear them.
    """
    defined: dict[str, Any] = definitions(BODY_MODELS.values())[1]
    return {name: {**each, "additionalProperties": False} for name, each in defined.items()}


def describe_events(defined: Mapping[str, Any]) -> dict[str, Any]:
    """Return the webhooks of the document by the type of their event."""
    return {
        event_type.value: {"post": _request(event_type, model.__name__, defined)}
        for event_type, model in BODY_MODELS.items()
    }


def _example(event_type: EventType) -> dict[str, Any]:
    return {"type": event_type, "timestamp": _MOMENT, "data": dict(EXAMPLES[event_type])}


def _request(event_type: EventType, model: str, defined: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"$ref": REF.format(model=model)}
    data = defined[model]["properties"]["data"]
    said = defined[data["$ref"].rpartition("/")[2]] if "$ref" in data else {}
    words = "".join(word.title() for word in event_type.replace(".", " ").split())
    return {
        "operationId": f"on{words}",
        "summary": said.get("description", "A job has ended, with its results."),
        "tags": [EVENTS],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": not name.startswith("X-"),
                "description": text,
                "schema": {"type": kind},
            }
            for name, (text, kind) in _HEADERS.items()
            # A test is no delivery, and has no number among them.
            if event_type is not EventType.TEST or name != SEQUENCE
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": schema, "example": _example(event_type)}},
        },
        "responses": {
            "2XX": {"description": "Received; it is not sent again."},
            "410": {"description": "Send nothing more: the endpoint is switched off."},
            "4XX": {"description": "Not received; it is sent again by the schedule."},
            "5XX": {"description": "Not received; it is sent again by the schedule."},
        },
    }

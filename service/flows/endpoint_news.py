"""Tells owners what became of their endpoints: switched off, or deliveries given up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from service.domain.event_types import EventType
from service.domain.face_answers import iso
from service.domain.identifiers import event_header_id, new_id
from service.flows.publish_finished import event_body
from service.store.deliveries import EndpointNews
from service.store.events import NewEvent


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A delivery after its last attempt, and what came of that."""

    event_id: UUID
    event_type: str
    reason: str


def news_events(news: Sequence[EndpointNews], given_up: Mapping[int, GivenUp]) -> list[NewEvent]:
    """Return the events that tell of it.

    Args:
        given_up: by endpoint, a delivery to it that was given up just now.
    """
    events: list[NewEvent] = []
    for each in news:
        if each.switched_off:
            events.append(_disabled(each))
        if each.given_up_at is not None and each.id in given_up:
            events.append(_exhausted(each, given_up[each.id]))
    return events


def _disabled(endpoint: EndpointNews) -> NewEvent:
    moment = iso(endpoint.disabled_at)
    data = {"reason": endpoint.disabled_reason, "disabledAt": moment}
    return _event(endpoint, EventType.ENDPOINT_DISABLED, moment, data)


def _exhausted(endpoint: EndpointNews, delivery: GivenUp) -> NewEvent:
    moment = iso(endpoint.given_up_at)
    data = {
        "reason": delivery.reason,
        "eventId": event_header_id(delivery.event_id),
        "eventType": delivery.event_type,
        "exhaustedAt": moment,
    }
    return _event(endpoint, EventType.ENDPOINT_EXHAUSTED, moment, data)


def _event(
    endpoint: EndpointNews, event_type: EventType, moment: str | None, data: Mapping[str, Any]
) -> NewEvent:
    whole = {
        "webhookId": endpoint.public_id,
        "name": endpoint.name,
        "url": endpoint.url,
        **data,
    }
    return NewEvent(
        id=new_id(),
        aggregatetype="endpoint",
        aggregateid=endpoint.public_id,
        type=event_type,
        payload=event_body(event_type, moment, whole),
        workspace_id=endpoint.workspace_id,
    )

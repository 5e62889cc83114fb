"""What became of events at webhooks: deliveries with their attempts, missed events, replays."""

from typing import Final

from pydantic import RootModel

from service.api.openapi.operation import Access, Operation, Operations, json_body
from service.api.openapi.parameters import LIMIT, cursor, in_path, in_query, several
from service.api.openapi.prose import DELIVERIES
from service.api.openapi.sendkit.delivery_rows import (
    CountedReplay,
    Delivery,
    DeliveryHistory,
    MissedEvent,
    Replay,
)
from service.api.openapi.sendkit.pages import NumberedPlace, Place
from service.api.openapi.sendkit.webhooks import WEBHOOK_ID
from service.api.openapi.values import paged, wrapped
from service.api.sendkit.webhook_bodies import ReplayBody
from service.api.sendkit.webhook_history import STATES
from service.domain.event_types import EventType
from service.errors import DeliveryUnderWay, EndpointOff, NotFound, ReplayRunning

_ONE: Final = "/v1/webhooks/{webhook_id}"
_DELIVERY_ID: Final = in_path(
    "delivery_id",
    "The delivery's id.",
    "dlv_0197a1c2d3e47f509a1b2c3d4e5f607165f0c1d2e3a4b5c6d7e8f902",
)
_REPLAY_ID: Final = in_path("replay_id", "The replay's id.", "65f0c1d2e3a4b5c6d7e8f903")
_AFTER: Final = in_query(
    "after",
    "Only events with a higher number.",
    type="integer",
    minimum=0,
    maximum=999_999_999_999_999_999,
    default=0,
)
_EVENTS: Final = paged(MissedEvent, NumberedPlace, "A page of events, in the order of numbers.")
_REPLAY: Final = wrapped(Replay)


class StartedOrCounted(RootModel[Replay | CountedReplay]):
    """The replay that began, or how much it would be."""


OPERATIONS: Final[Operations] = {
    ("POST", f"{_ONE}/replay"): Operation(
        "replayFailed",
        "Send again all that failed since a time",
        DELIVERIES,
        Access.WORKSPACE,
        wrapped(StartedOrCounted),
        parameters=(WEBHOOK_ID,),
        body=json_body(ReplayBody, example={"since": "2026-01-31T09:00:00Z", "dryRun": True}),
        errors=(NotFound, EndpointOff, ReplayRunning),
    ),
    ("GET", f"{_ONE}/deliveries"): Operation(
        "listDeliveries",
        "List deliveries",
        DELIVERIES,
        Access.WORKSPACE,
        paged(Delivery, Place, "A page of deliveries, newest first."),
        parameters=(
            WEBHOOK_ID,
            cursor("delivery"),
            LIMIT,
            several("state", "Only those in one of these states.", STATES),
            in_query("type", "Only events of this type.", enum=[*EventType]),
            in_query("since", "Made from this moment on.", format="date-time"),
            in_query("until", "Made before this moment.", format="date-time"),
        ),
        errors=(NotFound,),
    ),
    ("GET", f"{_ONE}/events"): Operation(
        "listWebhookEvents",
        "Read a webhook's events again, in order",
        DELIVERIES,
        Access.WORKSPACE,
        _EVENTS,
        parameters=(WEBHOOK_ID, _AFTER, LIMIT),
        errors=(NotFound,),
    ),
    ("GET", "/v1/events"): Operation(
        "listEvents",
        "Read events again, in order",
        DELIVERIES,
        Access.WORKSPACE,
        _EVENTS,
        parameters=(
            _AFTER,
            LIMIT,
            in_query("webhookId", "Whose events; needless where there is one webhook."),
        ),
        errors=(NotFound,),
    ),
    ("GET", "/v1/deliveries/{delivery_id}"): Operation(
        "showDelivery",
        "Show a delivery with every attempt",
        DELIVERIES,
        Access.WORKSPACE,
        wrapped(DeliveryHistory),
        parameters=(_DELIVERY_ID,),
        errors=(NotFound,),
    ),
    ("POST", "/v1/deliveries/{delivery_id}/replay"): Operation(
        "replayDelivery",
        "Send one delivery again",
        DELIVERIES,
        Access.WORKSPACE,
        wrapped(Delivery),
        parameters=(_DELIVERY_ID,),
        errors=(NotFound, EndpointOff, DeliveryUnderWay),
    ),
    ("GET", "/v1/replays/{replay_id}"): Operation(
        "showReplay",
        "Show how far a replay has come",
        DELIVERIES,
        Access.WORKSPACE,
        _REPLAY,
        parameters=(_REPLAY_ID,),
        errors=(NotFound,),
    ),
    ("DELETE", "/v1/replays/{replay_id}"): Operation(
        "cancelReplay",
        "Cancel a replay",
        DELIVERIES,
        Access.WORKSPACE,
        _REPLAY,
        description="What is due already is still sent.",
        parameters=(_REPLAY_ID,),
        errors=(NotFound,),
    ),
}

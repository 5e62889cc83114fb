"""The routes of webhooks, their deliveries, events and replays."""

from collections.abc import Iterator
from typing import Final

from aiohttp import web

from service.api.sendkit.webhook_history import (
    list_deliveries,
    list_events,
    replay_failed,
    replay_one,
    show_delivery,
    show_progress,
    stop_replay,
)
from service.api.sendkit.webhooks import (
    change_webhook,
    create_webhook,
    disable_webhook,
    enable_webhook,
    list_webhooks,
    remove_webhook,
    rotate_webhook,
    send_test,
    show_webhook,
)

_ONE: Final = "/v1/webhooks/{webhook_id}"


def webhook_routes() -> Iterator[web.RouteDef]:
    """Yield every route."""
    yield web.post("/v1/webhooks", create_webhook)
    yield web.get("/v1/webhooks", list_webhooks)
    yield web.get(_ONE, show_webhook)
    yield web.patch(_ONE, change_webhook)
    yield web.put(_ONE, change_webhook)
    yield web.delete(_ONE, remove_webhook)
    yield web.post(f"{_ONE}/test", send_test)
    yield web.post(f"{_ONE}/enable", enable_webhook)
    yield web.post(f"{_ONE}/disable", disable_webhook)
    yield web.post(f"{_ONE}/rotate", rotate_webhook)
    yield web.post(f"{_ONE}/replay", replay_failed)
    yield web.get(f"{_ONE}/deliveries", list_deliveries)
    yield web.get(f"{_ONE}/events", list_events)
    yield web.get("/v1/events", list_events)
    yield web.get("/v1/deliveries/{delivery_id}", show_delivery)
    yield web.post("/v1/deliveries/{delivery_id}/replay", replay_one)
    yield web.get("/v1/replays/{replay_id}", show_progress)
    yield web.delete("/v1/replays/{replay_id}", stop_replay)

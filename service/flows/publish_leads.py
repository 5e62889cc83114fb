"""Writes one event for each lead whose lookup has settled, inside that transaction."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid5

from service.domain.face_answers import enriched_data, iso
from service.flows.publish_finished import event_body
from service.store.connection import Connection
from service.store.events import NewEvent, insert_events
from service.store.jobs import read_told_results

LEAD_ENRICHED: Final = "lead.enriched"

_EVENT_IDS: Final = UUID("5b1d8a52-7c39-4a53-8f0a-6a1e1ead0002")


async def publish_leads(connection: Connection, lookup_ids: Sequence[int]) -> None:
    """Write an event for each of these lookups: to the job's webhook URL and to subscribers.

    Once per lookup because the caller's transaction is the one that settled it; the event ids
    follow from the lookup, so that a repeat would collide and not double.
    """
    events = [
        NewEvent(
            id=uuid5(_EVENT_IDS, str(each.result.lookup_id)),
            aggregatetype="lead",
            aggregateid=each.result.lead_public_id or str(each.result.lead_id),
            type=LEAD_ENRICHED,
            payload=event_body(
                LEAD_ENRICHED, iso(each.settled_at), enriched_data(each.job, each.result)
            ),
            workspace_id=each.job.workspace_id,
            url=each.job.webhook_url,
            asked_at=each.job.created_at,
        )
        for each in await read_told_results(connection, lookup_ids)
    ]
    if events:
        await insert_events(connection, events)

"""Writes `lead.updated` for leads that a caller or an import changed, inside that transaction."""

from collections.abc import Sequence
from typing import Final

from service.domain.face_answers import iso
from service.domain.identifiers import new_id
from service.domain.lead_record import Lead, sendkit_lead
from service.flows.publish_finished import event_body
from service.store.connection import Connection
from service.store.events import NewEvent, insert_events
from service.store.keys import KeyOwner

EVENT_TYPE: Final = "lead.updated"


async def publish_changes(connection: Connection, caller: KeyOwner, leads: Sequence[Lead]) -> None:
    """Write one event for each lead, as it is after the change."""
    if leads:
        await insert_events(connection, [_event(caller, lead) for lead in leads], notifies=False)


def _event(caller: KeyOwner, lead: Lead) -> NewEvent:
    data = sendkit_lead(lead, caller.workspace_public_id)
    return NewEvent(
        id=new_id(),
        aggregatetype="lead",
        aggregateid=lead.public_id,
        type=EVENT_TYPE,
        payload=event_body(EVENT_TYPE, iso(lead.updated_at), data),
        workspace_id=caller.workspace_id,
    )

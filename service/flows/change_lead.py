"""Changes one lead and tells who has subscribed to that."""

from dataclasses import replace

from service.domain.lead_change import LeadChange, LeadTooLargeError, apply_change
from service.domain.lead_record import Lead
from service.errors import InvalidRequest
from service.flows.find_leads import no_such_lead
from service.flows.publish_changes import publish_changes
from service.store.connection import Pool
from service.store.keys import KeyOwner
from service.store.people import lock_person, write_people


async def change_lead(pool: Pool, caller: KeyOwner, public_id: str, change: LeadChange) -> Lead:
    """Change a lead and return it; a change that changes nothing writes nothing.

    Raises:
        NotFound: the workspace has no such lead.
        InvalidRequest: the lead would hold more than it may.
    """
    async with pool.acquire() as connection, connection.transaction():
        lead = await lock_person(connection, caller.workspace_id, public_id)
        if lead is None:
            raise no_such_lead()
        try:
            changed = apply_change(lead, change)
        except LeadTooLargeError as error:
            raise InvalidRequest(str(error), {error.field: str(error)}) from None
        if changed == lead:
            return lead
        times = await write_people(connection, [changed])
        changed = replace(changed, updated_at=times[lead.id])
        await publish_changes(connection, caller, [changed])
    return changed

"""Creates one lead from what a caller gives."""

from service.domain.lead_change import GivenLead
from service.domain.lead_record import Lead
from service.errors import LeadExists, PersonSuppressed
from service.flows.find_leads import no_such_lead
from service.flows.suppress_people import SuppressionList
from service.store.connection import Pool
from service.store.people import find_given, insert_people, read_person


async def create_lead(
    pool: Pool, workspace_id: int, given: GivenLead, suppressions: SuppressionList
) -> Lead:
    """Create a lead and return it.

    Raises:
        PersonSuppressed: nothing of this person may be kept.
        LeadExists: its address was given for another lead of this workspace.
        NotFound: somebody deleted it in the moment after it was created.
    """
    async with pool.acquire() as connection:
        if await suppressions.find(connection, [(workspace_id, given.as_input)]):
            raise PersonSuppressed
        added = await insert_people(connection, workspace_id, [given])
        if not added:
            raise LeadExists(await find_given(connection, workspace_id, given.email))
        lead = await read_person(connection, workspace_id, added[0])
    if lead is None:
        raise no_such_lead()
    return lead

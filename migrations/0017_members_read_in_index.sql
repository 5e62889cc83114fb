-- Whether somebody who was found is in a list is told by the index alone.
drop index lists_of_lead;
create index lists_of_lead on list_leads (lead_id, list_id);

-- Who still lacks a value, in the order in which lists are gone through: of a list in which nearly
-- everybody has one, only those who have none are read. The conditions are those of
-- service/store/lacking_members.py.
create index leads_lacking_email on leads (workspace_id, id)
  where not is_company and not (email_parses and email_verdict is distinct from 'undeliverable');
create index leads_lacking_phone on leads (workspace_id, id)
  where not is_company and phone_e164 is null;

-- Whom a filter excludes of those who lack a value is passed over in the index, as everywhere.
drop index leads_lacking_email;
create index leads_lacking_email on leads (workspace_id, id)
  include (seniority, department, company_size)
  where not is_company and not (email_parses and email_verdict is distinct from 'undeliverable');
drop index leads_lacking_phone;
create index leads_lacking_phone on leads (workspace_id, id)
  include (seniority, department, company_size)
  where not is_company and phone_e164 is null;

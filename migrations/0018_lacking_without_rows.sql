-- Who lacks a value, and whom a filter excludes of them, is told by indexes without the row.
drop index leads_lacking_email;
create index leads_lacking_email on leads (workspace_id, id)
  include (seniority, department, company_size)
  where not is_company and not (email_parses and email_verdict is distinct from 'undeliverable');
drop index leads_lacking_phone;
create index leads_lacking_phone on leads (workspace_id, id)
  include (seniority, department, company_size)
  where not is_company and phone_e164 is null;
drop index leads_of_workspace;
create index leads_of_workspace on leads (workspace_id, id)
  include (is_company, seniority, department, company_size, email_parses, email_verdict, phone_e164);

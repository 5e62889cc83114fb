-- Leads: which are meant by their ids, and how new ones come in.

-- name: find_leads
-- The leads of workspace $1 with the public ids $2.
select id, public_id from leads
where workspace_id = $1 and public_id = any($2::text[])
order by id;

-- name: find_in_workspace
-- Those leads of workspace $1 with the ids $2 that are companies, or people, as $3 says.
select id from leads
where workspace_id = $1 and id = any($2::bigint[]) and is_company = $3::boolean
order by id;

-- name: has_lead
-- Whether workspace $1 has the lead $2.
select exists (select from leads where workspace_id = $1 and id = $2);

-- name: insert_leads
-- $1 workspace, $2 list, then leads as columns, in the order of the file. Returns the places, from
-- 1, of those inserted; a missing one has the e-mail address of a lead that is there already.
with batch as materialized (
  select leadfall_object_id() as public_id, b.*
  from unnest(
    $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
    $18::text[], $19::jsonb[]
  ) with ordinality as b(
    first_name, last_name, company_name, company_domain, company_size, industry, job_title,
    seniority, department, location, city, state, country, linkedin_url, email, phone,
    custom_fields, place
  )
),
numbered as (
  select b.*, n.phone_e164
  from batch b
  join unnest($20::text[]) with ordinality as n(phone_e164, place) using (place)
),
added as (
  insert into leads (
    public_id, workspace_id, first_name, last_name, company_name, company_domain, company_size,
    industry, job_title, seniority, department, location, city, state, country, linkedin_url,
    email, email_parses, email_source, phone, phone_e164, custom_fields, is_company
  )
  select public_id, $1::bigint, first_name, last_name, company_name, company_domain, company_size,
         industry, job_title, seniority, department, location, city, state, country, linkedin_url,
         email, email is not null, case when email is not null then 'given' end, phone, phone_e164,
         custom_fields,
         exists (select from lists where id = $2::bigint and search_type = 'COMPANY')
  from numbered
  order by place
  on conflict (workspace_id, lower(email)) where email_source = 'given' do nothing
  returning id, public_id
),
listed as (
  insert into list_leads (list_id, lead_id) select $2::bigint, id from added order by id
)
select b.place from added join batch b using (public_id) order by b.place;

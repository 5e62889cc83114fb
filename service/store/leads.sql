-- Leads: which are eligible, which are meant, and how new ones come in.

-- name: select_eligible
-- $1 list, $2 target (email or phone), $3 limit or null for all, $4 sort field, $5 whether the
-- order is descending, then patterns to include and to exclude, or nulls, for each column:
-- $6 company_name, $8 company_size, $10 department, $12 industry, $14 job_title, $16 keywords,
-- $18 location, $20 seniority. Eligible is a lead without a valid value and without an open lookup.
-- The sort keys that are not asked for are constants to the planner, so that the default order is
-- read from the primary key and stops at the limit.
select l.id
from list_leads m
join leads l on l.id = m.lead_id
where m.list_id = $1::bigint
  and case $2::text
        when 'email' then not (l.email_parses and l.email_verdict is distinct from 'undeliverable')
        when 'phone' then l.phone_e164 is null
      end
  and not exists (
    select from lookups k where k.lead_id = l.id and k.target = $2::text and k.state <> 'settled'
  )
  and ($6::text[] is null or l.company_name ilike any ($6::text[]))
  and ($7::text[] is null or (l.company_name ilike any ($7::text[])) is not true)
  and ($8::text[] is null or l.company_size ilike any ($8::text[]))
  and ($9::text[] is null or (l.company_size ilike any ($9::text[])) is not true)
  and ($10::text[] is null or l.department ilike any ($10::text[]))
  and ($11::text[] is null or (l.department ilike any ($11::text[])) is not true)
  and ($12::text[] is null or l.industry ilike any ($12::text[]))
  and ($13::text[] is null or (l.industry ilike any ($13::text[])) is not true)
  and ($14::text[] is null or l.job_title ilike any ($14::text[]))
  and ($15::text[] is null or (l.job_title ilike any ($15::text[])) is not true)
  and ($16::text[] is null
       or concat_ws(' ', l.headline, l.job_title, l.company_name) ilike any ($16::text[]))
  and ($17::text[] is null
       or not concat_ws(' ', l.headline, l.job_title, l.company_name) ilike any ($17::text[]))
  and ($18::text[] is null
       or concat_ws(', ', l.location, l.city, l.state, l.country) ilike any ($18::text[]))
  and ($19::text[] is null
       or not concat_ws(', ', l.location, l.city, l.state, l.country) ilike any ($19::text[]))
  and ($20::text[] is null or l.seniority ilike any ($20::text[]))
  and ($21::text[] is null or (l.seniority ilike any ($21::text[])) is not true)
order by
  case when not $5::boolean then
    case $4::text
      when 'first_name' then l.first_name
      when 'last_name' then l.last_name
      when 'company_name' then l.company_name
      when 'job_title' then l.job_title
    end
  end asc nulls last,
  case when $5::boolean then
    case $4::text
      when 'first_name' then l.first_name
      when 'last_name' then l.last_name
      when 'company_name' then l.company_name
      when 'job_title' then l.job_title
    end
  end desc nulls last,
  case when not $5::boolean and $4::text = 'created_at' then l.created_at end asc,
  case when $5::boolean and $4::text = 'created_at' then l.created_at end desc,
  case when $5::boolean then m.lead_id end desc,
  m.lead_id
limit $3::bigint;

-- name: find_leads
-- The leads of workspace $1 with the public ids $2.
select id, public_id from leads
where workspace_id = $1 and public_id = any($2::text[])
order by id;

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
    email, email_parses, email_source, phone, phone_e164, custom_fields
  )
  select public_id, $1::bigint, first_name, last_name, company_name, company_domain, company_size,
         industry, job_title, seniority, department, location, city, state, country, linkedin_url,
         email, email is not null, case when email is not null then 'given' end, phone, phone_e164,
         custom_fields
  from numbered
  order by place
  on conflict (workspace_id, lower(email)) where email_source = 'given' do nothing
  returning id, public_id
),
listed as (
  insert into list_leads (list_id, lead_id) select $2::bigint, id from added order by id
)
select b.place from added join batch b using (public_id) order by b.place;

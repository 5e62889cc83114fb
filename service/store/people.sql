-- Leads as the SendKit face reads and writes them: by their 24-hex id and by given address.

-- name: select_people
-- The beginning of all that reads leads: conditions, order and limit follow it.
select l.id, l.public_id, l.email, l.first_name, l.last_name, l.company_name, l.job_title, l.phone,
       l.phone_e164, l.linkedin_url, l.city, l.state, l.country, l.tags, l.custom_fields,
       l.email_verdict, l.email_verified_at, l.gateway_slug, l.gateway_name, l.esp_slug, l.esp_name,
       l.created_at, l.updated_at
from leads l

-- name: select_ids
-- The same for counting and deleting.
select l.id from leads l

-- name: select_places
-- The same for pages in the order of time.
select l.id, l.created_at from leads l

-- name: bound_search
-- For this transaction: no statement runs longer than $1 milliseconds, and each is planned for the
-- values it has, since only they tell whether the index by text is worth using.
select set_config('statement_timeout', $1::text, true),
       set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: sort
-- For this transaction: whether ('on') or not ('off') leads may be sorted where an index has their
-- order. Of many in a row the planner would rather read all rows that fit and sort them.
select set_config('enable_sort', $1::text, true);

-- name: find_given
select l.public_id
from leads l
where l.workspace_id = $1 and l.email_source = 'given' and lower(l.email) = lower($2);

-- name: insert_people
-- $1 workspace, then leads as columns: $2 address, $3 first name, $4 last name, $5 company,
-- $6 job title, $7 phone, $8 LinkedIn URL, $9 city, $10 state, $11 country, $12 phone in E.164,
-- $13 an object of tags and custom fields. Returns place, from 1, and id of those that went in.
-- They go in by address and not by place: two requests with the same addresses then wait for each
-- other in one order and never in a circle.
with batch as materialized (
  select leadfall_object_id() as public_id, b.*
  from unnest(
    $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::jsonb[]
  ) with ordinality as b(
    email, first_name, last_name, company_name, job_title, phone, linkedin_url, city, state,
    country, phone_e164, extra, place
  )
),
added as (
  insert into leads (
    public_id, workspace_id, email, email_parses, email_source, first_name, last_name,
    company_name, job_title, phone, phone_e164, linkedin_url, city, state, country, tags,
    custom_fields
  )
  select public_id, $1::bigint, email, true, 'given', first_name, last_name, company_name,
         job_title, phone, phone_e164, linkedin_url, city, state, country,
         array(select jsonb_array_elements_text(extra->'tags')), extra->'custom_fields'
  from batch
  order by email collate "C"
  on conflict (workspace_id, lower(email)) where email_source = 'given' do nothing
  returning public_id
)
select b.place, b.public_id from added join batch b using (public_id) order by b.place;

-- name: write_people
-- $1 id, then all that a caller may change, as columns: $2 first name, $3 last name, $4 company,
-- $5 job title, $6 phone, $7 LinkedIn URL, $8 city, $9 state, $10 country, $11 phone in E.164,
-- $12 an object of tags and custom fields. The rows are held by this transaction already. Returns
-- the new time of change of each.
with moment as materialized (select leadfall_now() as now)
update leads l
set first_name = b.first_name, last_name = b.last_name, company_name = b.company_name,
    job_title = b.job_title, phone = b.phone, linkedin_url = b.linkedin_url, city = b.city,
    state = b.state, country = b.country, phone_e164 = b.phone_e164,
    tags = array(select jsonb_array_elements_text(b.extra->'tags')),
    custom_fields = b.extra->'custom_fields', updated_at = moment.now
from moment, unnest(
  $1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
  $9::text[], $10::text[], $11::text[], $12::jsonb[]
) as b(
  id, first_name, last_name, company_name, job_title, phone, linkedin_url, city, state, country,
  phone_e164, extra
)
where l.id = b.id
returning l.id, l.updated_at;

-- name: delete_people
-- The leads of workspace $1 with the public ids $2, locked in the order that everybody locks in.
with held as materialized (
  select id from leads where workspace_id = $1 and public_id = any($2::text[])
  order by id for update
)
delete from leads l using held where l.id = held.id;

-- name: delete_by_id
delete from leads where id = any($1::bigint[]);

-- Lists and what is in them.

-- name: insert_list
insert into lists (workspace_id, name, search_type) values ($1, $2, $3) returning id;

-- name: find_list
select id, name, search_type from lists where workspace_id = $1 and id = $2;

-- name: count_leads
select count(*) from list_leads where list_id = $1;

-- name: read_leads
-- List $1, $2 rows from row $3. A field that an open lookup is filling is derived here, never
-- stored.
with page as materialized (
  select lead_id from list_leads where list_id = $1 order by lead_id limit $2 offset $3
)
select l.id, l.public_id, l.first_name, l.last_name, l.job_title, l.seniority, l.department,
       l.headline, l.industry, l.location, l.city, l.state, l.country, l.linkedin_url,
       l.company_name, l.company_domain, l.company_size, l.email, l.email_verdict, l.phone,
       l.phone_e164, l.custom_fields, l.created_at, l.updated_at,
       exists (select from lookups k where k.lead_id = l.id and k.target = 'email'
                                       and k.state <> 'settled') as email_loading,
       exists (select from lookups k where k.lead_id = l.id and k.target = 'phone'
                                       and k.state <> 'settled') as phone_loading
from page p
join leads l on l.id = p.lead_id
order by l.id;

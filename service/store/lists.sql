-- Lists and what is in them.

-- name: insert_list
-- A list of workspace $1 named $2, or with the first number from 2 on that is free behind it: $4
-- is a pattern for such names, $5 the name that they begin with. No row: somebody else took the
-- name meanwhile.
with taken as materialized (
  select name from lists where workspace_id = $1::bigint and (name = $2::text or name like $4::text)
),
chosen as (
  select $2::text as name where not exists (select from taken where name = $2::text)
  union all
  (select $5::text || ' (' || n || ')'
   from generate_series(2, 2 + (select count(*) from taken)) n
   where not exists (select from taken t where t.name = $5::text || ' (' || n || ')')
   order by n
   limit 1)
  limit 1
)
insert into lists (workspace_id, name, search_type)
select $1::bigint, name, $3::text from chosen
on conflict (workspace_id, name) do nothing
returning id, name, search_type, created_at;

-- name: find_list
select id, name, search_type, created_at from lists where workspace_id = $1 and id = $2;

-- name: read_lists
-- $2 lists of workspace $1, newest first, from row $3 after list $4.
select id, name, search_type, created_at from lists
where workspace_id = $1 and id < coalesce($4::bigint, 9223372036854775807)
order by id desc
limit $2 offset $3;

-- name: count_lists
-- How many lists workspace $1 has, at most $2.
select count(*) from (select from lists where workspace_id = $1 limit $2) c;

-- name: add_to_list
-- Leads $2 into list $1; the row count says how many were not in it before.
insert into list_leads (list_id, lead_id)
select $1, lead_id from unnest($2::bigint[]) as given(lead_id)
order by lead_id
on conflict do nothing;

-- The sample data of `leadfall dev`, with the ids that the documentation's examples use.

-- name: insert_list_with_id
-- List $1 of workspace $2 named $3 of sort $4; no row when the id is taken.
insert into lists (id, workspace_id, name, search_type)
overriding system value
values ($1, $2, $3, $4)
on conflict (id) do nothing
returning id;

-- name: pass_list_ids
-- Lists that are made from now on get ids above all there are.
select setval(pg_get_serial_sequence('lists', 'id'), (select max(id) from lists));

-- name: find_list_named
select id from lists where workspace_id = $1 and name = $2 order by id limit 1;

-- name: give_public_ids
-- The first leads of list $1 that have an address get the ids $2, unless one of these is taken.
with chosen as (
  select l.id, row_number() over (order by l.id) as place
  from list_leads m
  join leads l on l.id = m.lead_id
  where m.list_id = $1 and l.email is not null
  order by l.id
  limit cardinality($2::text[])
),
wanted as (
  select w.public_id, w.place from unnest($2::text[]) with ordinality as w(public_id, place)
)
update leads set public_id = wanted.public_id
from chosen join wanted using (place)
where leads.id = chosen.id
  and not exists (select from leads taken where taken.public_id = any($2::text[]));

-- name: read_public_ids
-- The public ids of list $1; those with an address first, for they can be verified.
select l.public_id
from list_leads m
join leads l on l.id = m.lead_id
where m.list_id = $1
order by l.email_source is distinct from 'given', l.id;

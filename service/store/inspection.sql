-- What `leadfall demo` looks at from the outside of the flows.

-- name: read_progress
select coalesce(sum(j.lookup_count), 0)::bigint as lookup_count,
       coalesce(sum(j.open_count), 0)::bigint as open_count,
       (select count(*) from deliveries d where d.workspace_id = $1) as delivery_count,
       (select count(*) from deliveries d
        where d.workspace_id = $1 and d.finished_at is not null) as finished_delivery_count
from jobs j
where j.workspace_id = $1;

-- name: read_deliveries
select event_id, event_created_at, state, attempt_count
from deliveries
where workspace_id = $1
order by event_created_at, event_id;

-- name: read_spending
-- By provider, the calls of a workspace's lookups that were really sent, and what was taken for
-- them, in thousandths of the provider's own credit.
select c.provider, count(*) as call_count, sum(c.price_thousandths)::bigint as price_thousandths
from calls c
join lookups l on l.id = c.lookup_id
where l.workspace_id = $1
  -- The reasons of steps that were passed over.
  and (c.reason is null
       or c.reason not in ('input_missing', 'provider_gone') and c.reason not like 'gate\_shut:%')
group by c.provider
order by c.provider;

-- name: read_strangers
-- $1 how long a process may be silent, $2 names of workspaces that are no strangers.
select (select count(*) from processes
        where beat_at > (select leadfall_now()) - $1::interval) as process_count,
       (select count(*) from lookups l
        join workspaces w on w.id = l.workspace_id
        where l.settled_at is null and w.name <> all($2::text[])) as open_count;

-- name: read_clock
select leadfall_now();

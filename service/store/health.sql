-- What health is judged by. Every statement walks partial indexes, so that a probe costs the same
-- however much work waits.

-- name: read_work
-- Seconds; null where there is nothing of the sort. Only the head of each workspace's queue is
-- looked at: it is the oldest there. A head has stood still since its job last moved.
with recursive moment as materialized (select leadfall_now() as now),
visited(priority, workspace_id) as (
  (
    select priority, workspace_id from lookups where state = 'ready'
    order by priority, workspace_id limit 1
  )
  union all
  select found.priority, found.workspace_id
  from visited v
  cross join lateral (
    select priority, workspace_id from lookups
    where state = 'ready' and (priority, workspace_id) > (v.priority, v.workspace_id)
    order by priority, workspace_id limit 1
  ) found
),
heads as materialized (
  select h.created_at, greatest(h.created_at, j.updated_at) as moved_at
  from visited v
  cross join lateral (
    select created_at, job_id from lookups
    where state = 'ready' and priority = v.priority and workspace_id = v.workspace_id
    order by id limit 1
  ) h
  left join jobs j on j.id = h.job_id
),
-- When a running lookup was claimed is not kept; when its call began is.
in_flight as (
  select min(c.intended_at) as since
  from lookups l
  join calls c on c.lookup_id = l.id and c.epoch = l.epoch and c.outcome is null
  where l.state = 'running'
)
select extract(epoch from now - (select min(created_at) from heads))::float8 as ready_age_s,
       extract(epoch from now - (select min(moved_at) from heads))::float8 as standstill_s,
       extract(epoch from now - in_flight.since)::float8 as call_age_s,
       extract(epoch from now - (select min(wake_at) from lookups
                                 where state = 'waiting'))::float8 as wake_overdue_s
from moment, in_flight;

-- name: read_undelivered
-- $1 deliveries that one endpoint may have under way at once. How many seconds the longest overdue
-- delivery is late: by our fault, and where the receiver is failing, has asked for a pause, shares
-- its host with one that is or has, or is busy with as many as it may have.
with recursive moment as materialized (select leadfall_now() as now),
visited(endpoint_id, due_at) as (
  (
    select endpoint_id, due_at from deliveries where state = 'due'
    order by endpoint_id, due_at limit 1
  )
  union all
  select found.endpoint_id, found.due_at
  from visited v
  cross join lateral (
    select endpoint_id, due_at from deliveries
    where state = 'due' and endpoint_id > v.endpoint_id
    order by endpoint_id, due_at limit 1
  ) found
),
busy as materialized (
  select endpoint_id from deliveries where state = 'sending'
  group by endpoint_id having count(*) >= $1::integer
),
troubled as materialized (
  select distinct host, port
  from endpoints, moment
  where deleted_at is null and (failing_since is not null or hold_until > now)
),
judged as (
  select now - v.due_at as late, now - p.failing_since as failing,
         t.host is not null or b.endpoint_id is not null as theirs
  from visited v
  cross join moment
  join endpoints p on p.id = v.endpoint_id and p.enabled and p.deleted_at is null
  left join troubled t on t.host = p.host and t.port = p.port
  left join busy b on b.endpoint_id = p.id
)
select extract(epoch from max(late) filter (where not theirs))::float8 as ours_s,
       extract(epoch from max(greatest(late, failing)) filter (where theirs))::float8 as theirs_s
from judged
where late >= interval '0' or theirs;

-- name: read_unsent
-- $1 what is said of faults of ours, $2 deliveries looked at most. Those that such a fault has kept
-- from being sent at least three times and still does, by what is said of it.
select said, count(*) as size, count(distinct endpoint_id) as endpoint_count
from (
  select split_part(reason, ';', 1) as said, endpoint_id from deliveries
  where state = 'due' and unsent_claim_count >= 3 limit $2::integer
) unsent
where said = any($1::text[])
group by said order by size desc, said;

-- name: read_exhausted
-- $1 seconds, $2 ids at most. Receivers with deliveries that were given up in that time.
select public_id, count(*) over () as size
from endpoints
where exhausted_told_at > leadfall_now() - make_interval(secs => $1::double precision)
  and deleted_at is null
order by exhausted_told_at desc limit $2::integer;

-- name: is_clock_shifted
select exists (select from clock_shift);

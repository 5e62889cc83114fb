-- Claiming lookups, and giving them back: by their worker, by the janitor, or by an answer.

-- name: claim
-- $1 owner, $2 priority, $3 rows at most, $4 workspace to begin after, $5 workspaces at most, $6
-- workspaces to leave out, which are not skipped but passed over: each is one probe, not a scan.
-- $7 ids that are claimed besides if they are ready, whatever their priority and workspace.
-- Round robin: one index probe per workspace that has ready work, beginning after $4 and going
-- round, then the same share of rows for each.
with recursive
after_here as (
  (select workspace_id, 1 as place from lookups
   where state = 'ready' and priority = $2::smallint and workspace_id > $4::bigint
   order by workspace_id limit 1)
  union all
  select (select k.workspace_id from lookups k
          where k.state = 'ready' and k.priority = $2::smallint and k.workspace_id > a.workspace_id
          order by k.workspace_id limit 1),
         a.place + 1
  from after_here a
  where a.workspace_id is not null and a.place < $5::integer
),
from_start as (
  (select workspace_id, 1 as place from lookups
   where state = 'ready' and priority = $2::smallint and workspace_id <= $4::bigint
   order by workspace_id limit 1)
  union all
  select (select k.workspace_id from lookups k
          where k.state = 'ready' and k.priority = $2::smallint
            and k.workspace_id > s.workspace_id and k.workspace_id <= $4::bigint
          order by k.workspace_id limit 1),
         s.place + 1
  from from_start s
  where s.workspace_id is not null and s.place < $5::integer
),
turn as materialized (
  select workspace_id, row_number() over (order by round, place) as place, count(*) over () as size
  from (
    select workspace_id, 0 as round, place from after_here where workspace_id is not null
    union all
    select workspace_id, 1, place from from_start where workspace_id is not null
  ) w
  where workspace_id <> all($6::bigint[])
  order by round, place
  limit $5::integer
),
chosen as materialized (
  select k.id
  from turn
  cross join lateral (
    select id from lookups
    where state = 'ready' and priority = $2::smallint and workspace_id = turn.workspace_id
    order by created_at, id
    limit greatest(1, ceil($3::numeric / turn.size))::bigint
    for update skip locked
  ) k
  order by turn.place
  limit $3::integer
),
answered as materialized (
  -- To say that they are ready would offer the index of all that is.
  select id from lookups
  where id = any($7::bigint[]) and state not in ('running', 'waiting', 'settled')
  for update skip locked
),
claimed as (
  -- As an array, so that the rows are found by their ids however small the table looks.
  update lookups l set state = 'running', owner = $1::uuid, epoch = l.epoch + 1, wake_at = null
  where l.id = any(array(select id from chosen union select id from answered))
  returning l.id, l.job_id, l.workspace_id, l.lead_id, l.target, l.epoch, l.reclaim_count, l.input,
            l.priority, l.first_parked_at
)
select c.*, extract(epoch from (select leadfall_now()) - c.first_parked_at)::float8 as parked_s,
       j.kind, j.price, j.own_provider, j.waterfall_version,
       j.cancelled_at is not null as cancelled, j.started_at is null as first_of_job,
       case when c.epoch > 1 then (
         select json_agg(json_build_object(
           'step', k.step, 'provider', k.provider, 'epoch', k.epoch, 'ask_count', k.ask_count,
           'submission_state', s.state, 'outcome', k.outcome, 'value', k.value,
           'reason', k.reason, 'price', k.price_thousandths,
           'age_s', extract(epoch from (select leadfall_now()) - k.intended_at),
           'wished_s', extract(epoch from (select leadfall_now())
                                          - coalesce(k.wished_at, k.intended_at))
         ) order by k.step)
         from calls k left join submissions s on s.id = k.submission_id
         where k.lookup_id = c.id)
       end as calls
from claimed c
join jobs j on j.id = c.job_id
order by c.id;

-- name: mark_started
update jobs j set started_at = now.at, updated_at = now.at
from (select leadfall_now() as at) now,
     (select id from jobs where id = any($1::uuid[]) and started_at is null
      order by id for no key update) held
where j.id = held.id;

-- name: release
-- Gives running lookups back untouched; $1 owner, $2 ids.
update lookups set state = 'ready', owner = null
where id = any($2::bigint[]) and owner = $1::uuid and state = 'running';

-- name: park_until
-- $1 owner, $2 id, $3 epoch, $4 seconds from now.
update lookups l
set state = 'waiting', owner = null, wake_at = now.at + make_interval(secs => $4),
    first_parked_at = coalesce(l.first_parked_at, now.at)
from (select leadfall_now() as at) now
where id = $2 and epoch = $3 and owner = $1 and state = 'running';

-- name: wake_due
with due as materialized (
  select id from lookups
  where state = 'waiting' and wake_at <= (select leadfall_now())
  order by wake_at limit $1 for update skip locked
)
update lookups l set state = 'ready', wake_at = null from due where l.id = due.id;

-- name: reclaim
-- Lookups whose worker stopped beating for $1, at most $2. The epoch stays: being ready already
-- stops the old worker, and the next claim raises it.
with dead as materialized (
  select l.id
  from lookups l
  where l.state = 'running' and not exists (
    select from processes p
    where p.id = l.owner and p.beat_at > (select leadfall_now()) - $1::interval)
  limit $2
  for update of l skip locked
)
update lookups l set state = 'ready', owner = null, reclaim_count = l.reclaim_count + 1
from dead
where l.id = dead.id and l.state = 'running';

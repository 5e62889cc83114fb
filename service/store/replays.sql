-- Replays: what failed is made due again, bit by bit, behind what is due by itself.

-- name: count_replayable
-- $1 endpoint, $2 from, $3 before, $4 states.
select count(*) from deliveries
where endpoint_id = $1 and created_at >= $2 and created_at < $3 and state = any($4::text[]);

-- name: insert_replay
-- $1 workspace, $2 endpoint, $3 from, $4 before, $5 states, $6 how many match. Nothing when the
-- endpoint has one running.
insert into replays (workspace_id, endpoint_id, since, until, states, matched_count)
values ($1, $2, $3, $4, $5, $6)
on conflict (endpoint_id) where state = 'running' do nothing
returning public_id;

-- name: read_replay
-- $1 workspace, $2 public id. Counts what its deliveries are now.
select r.public_id, p.public_id as endpoint_public_id, p.enabled, r.since, r.until, r.states,
       r.state, r.matched_count, r.replayed_count, r.created_at, r.updated_at, r.finished_at,
       d.delivered_count, d.failed_count, d.open_count
from replays r
join endpoints p on p.id = r.endpoint_id
cross join lateral (
  select count(*) filter (where state = 'delivered') as delivered_count,
         count(*) filter (where state in ('exhausted', 'aborted', 'withdrawn', 'expired')) as failed_count,
         count(*) filter (where state in ('due', 'sending', 'parked')) as open_count
  from deliveries where replay_id = r.id
) d
where r.workspace_id = $1 and r.public_id = $2;

-- name: cancel_replay
update replays set state = 'cancelled', finished_at = leadfall_now(), updated_at = leadfall_now()
where workspace_id = $1 and public_id = $2 and state = 'running';

-- name: resume_replay
-- $1 endpoint, just switched on. What its running replay had made due, and was parked when the
-- endpoint was switched off, is due again: the replay has passed it already.
update deliveries d set
  state = 'due', due_at = leadfall_now(), unsent_claim_count = 0, reason = 'asked for again',
  earlier_attempt_count = d.earlier_attempt_count + d.attempt_count, attempt_count = 0
from replays r
where r.endpoint_id = $1::bigint and r.state = 'running'
  and d.endpoint_id = $1::bigint and d.state = 'parked' and d.replay_id = r.id;

-- name: replay_one
-- $1 event, $2 endpoint. Not while it is on its way. A pending automatic try is replaced.
update deliveries set
  state = 'due', due_at = leadfall_now(), earlier_attempt_count = earlier_attempt_count + attempt_count,
  attempt_count = 0, unsent_claim_count = 0, finished_at = null, reason = 'asked for again'
where event_id = $1 and endpoint_id = $2 and state not in ('sending', 'withdrawn');

-- name: announce
select pg_notify('leadfall_due', '');

-- name: take_replays
-- $1 replays at most, $2 deliveries of an endpoint that may be due at once. Locks running replays
-- that nobody else feeds, those that waited longest first, and says how much room each has: none
-- while something else is due to its endpoint, or the endpoint is off or held.
with moment as materialized (select leadfall_now() as now),
taken as materialized (
  select * from replays where state = 'running'
  order by updated_at limit $1::integer for update skip locked
)
select r.id, r.endpoint_id, p.deleted_at is not null as deleted,
       case when not p.enabled or p.hold_until > now or w.others then 0
            else greatest(0, $2::integer - w.size) end as room
from moment, taken r
join endpoints p on p.id = r.endpoint_id
cross join lateral (
  select count(*)::integer as size, coalesce(bool_or(replay_id is distinct from r.id), false) as others
  from (
    select d.replay_id from deliveries d
    where d.endpoint_id = p.id and d.state = 'due' and d.due_at <= now
    order by d.due_at limit $2::integer
  ) due
) w;

-- name: feed_replay
-- $1 replay, $2 its room. Makes its next deliveries due and moves on in the same statement, so that
-- whoever continues after a crash begins where this ended. Gives how many.
with moment as materialized (select leadfall_now() as now),
picked as materialized (
  select d.event_id, d.endpoint_id, d.created_at
  from replays r
  cross join lateral (
    select d.event_id, d.endpoint_id, d.created_at from deliveries d
    where d.endpoint_id = r.endpoint_id and d.created_at >= r.since and d.created_at < r.until
      and (d.created_at, d.event_id) > (
        coalesce(r.after_created_at, '-infinity'),
        coalesce(r.after_event_id, '00000000-0000-0000-0000-000000000000'))
      and d.state = any(r.states)
    order by d.created_at, d.event_id limit $2::integer
    for update
  ) d
  where r.id = $1
),
fed as (
  update deliveries d set
    state = 'due', due_at = now, replay_id = $1, finished_at = null, unsent_claim_count = 0,
    earlier_attempt_count = d.earlier_attempt_count + d.attempt_count, attempt_count = 0,
    reason = 'asked for again'
  from moment, picked
  where d.event_id = picked.event_id and d.endpoint_id = picked.endpoint_id
),
last as (
  select count(*) over () as size, created_at, event_id from picked
  order by created_at desc, event_id desc limit 1
)
update replays r set
  replayed_count = r.replayed_count + coalesce(last.size, 0),
  after_created_at = coalesce(last.created_at, r.after_created_at),
  after_event_id = coalesce(last.event_id, r.after_event_id),
  state = case when coalesce(last.size, 0) < $2::integer then 'finished' else r.state end,
  finished_at = case when coalesce(last.size, 0) < $2::integer then now end,
  updated_at = now
from moment left join last on true
where r.id = $1
returning coalesce(last.size, 0) as size;

-- name: touch_replay
-- $1 replay, $2 whether its endpoint is gone.
update replays set
  updated_at = leadfall_now(),
  state = case when $2::boolean then 'cancelled' else state end,
  finished_at = case when $2::boolean then leadfall_now() end
where id = $1;

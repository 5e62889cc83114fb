-- Submissions: one vendor request that covers one or more calls and is polled until it is answered.

-- name: intend
insert into submissions (
  id, provider, capability, credential, token, state, deadline_at, owner, created_at
)
select $1, $2, $3, $4, $5, 'intended', now + make_interval(secs => $6), $7, now
from (select leadfall_now() as now) moment;

-- name: submitted
-- The handle, at once and alone: losing it would lose the answers that were paid for.
update submissions
set state = 'submitted', handle = $2, owner = null,
    poll_at = case when callback_at is null then now + make_interval(secs => $3) else now end,
    submitted_at = now
from (select leadfall_now() as now) moment
where id = $1 and state = 'intended';

-- name: park_lookups
-- The running lookups of a submission give up their slot until it is answered.
update lookups l
set state = 'waiting', owner = null, wake_at = s.deadline_at + interval '5 seconds'
from calls c join submissions s on s.id = c.submission_id
where c.submission_id = $1 and l.id = c.lookup_id and l.epoch = c.epoch and l.state = 'running';

-- name: claim_due
-- Submissions to poll now, at most $2; each is the poller's alone for $3 seconds. One whose maker
-- left it, or died, before it had a handle is polled under the name that its callback gave it, once
-- the maker's lease of $4 is over. A late one, for which nobody waits, gets what room is left. Those of the
-- providers in $5 are left.
with moment as materialized (select leadfall_now() as now),
submitted as materialized (
  select id from submissions, moment
  where state = 'submitted' and poll_at <= now and provider <> all($5::text[])
  order by poll_at limit $2 for update skip locked
),
orphaned as materialized (
  select s.id from submissions s, moment
  where s.state = 'intended' and s.claimed_handle is not null and s.provider <> all($5::text[])
    and coalesce(s.poll_at, s.created_at) <= now and not exists (
      select from processes p where p.id = s.owner and p.beat_at > now - $4::interval)
  limit $2 for update of s skip locked
),
late as materialized (
  select id from submissions, moment
  where state = 'late' and poll_at <= now and provider <> all($5::text[])
  order by poll_at limit $2 - (select count(*) from submitted) for update skip locked
),
due as materialized (
  select id from submitted union all select id from orphaned union all select id from late
)
update submissions s
set owner = $1, poll_at = moment.now + make_interval(secs => $3), poll_count = s.poll_count + 1
from due, moment
where s.id = due.id
returning s.id, s.provider, s.capability, s.credential, coalesce(s.handle, s.claimed_handle) as handle,
          s.handle is null as claimed, s.state = 'late' as late, s.poll_count,
          extract(epoch from moment.now - s.deadline_at)::float8 as late_s,
          (select array[l.priority, l.workspace_id] from calls c join lookups l on l.id = c.lookup_id
           where c.submission_id = s.id limit 1) as queue;

-- name: give_back_polls
-- Makes due again what nobody polls: claims of processes that were silent for $3, and claims of $1,
-- but for those in $2, of which it never heard or that came to nothing. An intended one is claimed
-- to be polled once it has a time for that; until then its owner is making it, and keeps it.
update submissions s set owner = null, poll_at = moment.now
from (select leadfall_now() as now) moment
where s.state in ('submitted', 'intended') and s.poll_at is not null and s.owner is not null and (
  (s.owner = $1 and s.id <> all($2::uuid[]))
  or not exists (
    select from processes p where p.id = s.owner and p.beat_at > moment.now - $3::interval));

-- name: read_rows
select c.lookup_id, c.step, c.epoch, c.question, l.workspace_id, l.input,
       (1000 * extract(epoch from (select leadfall_now()) - c.intended_at))::integer as age_ms
from calls c join lookups l on l.id = c.lookup_id
where c.submission_id = $1 and c.outcome is null
order by c.lookup_id;

-- name: postpone
update submissions
set owner = null, poll_at = (select leadfall_now()) + make_interval(secs => $3)
where id = $1 and owner = $2 and state in ('intended', 'submitted', 'late');

-- name: disown
update submissions set owner = null where id = $1 and state = 'intended';

-- name: disbelieve
-- What a callback called it is not ours: forget the name.
update submissions set claimed_handle = null, owner = null, poll_at = null
where id = $1 and state = 'intended';

-- name: stamp_callback
-- $1 provider, $2 token, $3 the handle that the callback names or null. Whatever the state, the
-- stamp is kept, and keeping the handle reads it.
with stamped as (
  update submissions
  set callback_at = now, poll_at = case when state in ('submitted', 'late') then now else poll_at end,
      claimed_handle = case when handle is null then coalesce($3, claimed_handle) end
  from (select leadfall_now() as now) moment
  where provider = $1 and token = $2
  returning state
)
select state from stamped;

-- name: miss_deadline
update submissions set state = 'late' where id = $1 and state = 'submitted' returning state;

-- name: close
-- Late is late for good: what it is answered in the end is never what its lookups go by.
update submissions
set state = case when state = 'late' then state else $2 end, owner = null, poll_at = null
where id = $1 and state in ('intended', 'submitted', 'late')
returning state;

-- name: wake_lookups
-- The lookups of a submission go on: those that wait, which may have looked for it since, and those
-- still held by the worker that submitted them.
update lookups l set state = 'ready', wake_at = null, owner = null
from (
  select k.id from lookups k join calls c on c.lookup_id = k.id
  where c.submission_id = $1
    and (k.state = 'waiting' or (k.state = 'running' and k.epoch = c.epoch))
  order by k.id for update of k
) held
where l.id = held.id
returning l.id;

-- name: read_open
-- For each submission of provider $1 with key $2 that waits to be read, a workspace it is for; those
-- nobody waits for are left, among them those whose handle was lost: they stay intended when their
-- deadline is over.
select (select l.workspace_id from calls c join lookups l on l.id = c.lookup_id
        where c.submission_id = s.id limit 1) as workspace_id
from submissions s
where s.state in ('intended', 'submitted') and s.provider = $1 and s.credential = $2
  and (s.state = 'submitted' or s.deadline_at > (select leadfall_now()));

-- name: oldest_overdue
select extract(epoch from (select leadfall_now()) - min(poll_at))::float8 from submissions
where state = 'submitted';

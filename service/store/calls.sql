-- Calls: the intent commits before the request; the outcome is accepted late.

-- name: intend
-- $1 lookup, $2 step, $3 provider, $4 epoch, $5 submission or null, $6 whether asking again is
-- allowed, as columns; $7 the lease. Only granted rows may be asked: the joins refuse a worker
-- that lost its claim or its lease and a job that was cancelled, the key refuses a second call.
with moment as materialized (select leadfall_now() as now),
batch as materialized (
  select * from unnest(
    $1::bigint[], $2::smallint[], $3::text[], $4::integer[], $5::uuid[], $6::boolean[]
  ) as b(lookup_id, step, provider, epoch, submission_id, may_repeat)
),
held as materialized (
  select b.*, j.cancelled_at is not null as cancelled
  from batch b
  join lookups l on l.id = b.lookup_id and l.epoch = b.epoch and l.state = 'running'
  join jobs j on j.id = l.job_id
  join processes p on p.id = l.owner, moment
  where p.beat_at > moment.now - $7::interval
),
granted as (
  insert into calls (lookup_id, step, provider, epoch, submission_id, intended_at)
  select lookup_id, step, provider, epoch, submission_id, now
  from held, moment
  where not cancelled
  order by lookup_id
  on conflict (lookup_id, step) do update
    set epoch = excluded.epoch, submission_id = excluded.submission_id,
        ask_count = calls.ask_count + (calls.epoch < excluded.epoch)::integer
    -- The same epoch means that the answer to this very statement was lost: nothing was asked yet.
    where calls.outcome is null and (calls.epoch = excluded.epoch or exists (
      select from batch b
      where b.lookup_id = calls.lookup_id and b.step = calls.step and b.may_repeat))
  returning lookup_id, step
)
select b.lookup_id, b.step, g.lookup_id is not null as granted,
       h.lookup_id is not null as held, coalesce(h.cancelled, false) as cancelled
from batch b
left join held h using (lookup_id, step)
left join granted g using (lookup_id, step);

-- name: answer
-- $1 lookup, $2 step, $3 epoch, $4 outcome, $5 value, $6 reason, $7 price, as columns. Counts even
-- when the worker has lost its claim: it only turns its own intent into a fact.
with batch as materialized (
  select * from unnest(
    $1::bigint[], $2::smallint[], $3::integer[], $4::text[], $5::jsonb[], $6::text[], $7::integer[]
  ) as b(lookup_id, step, epoch, outcome, value, reason, price)
),
held as materialized (
  select c.lookup_id, c.step from calls c join batch b using (lookup_id, step)
  order by c.lookup_id, c.step for no key update of c
)
update calls c
set outcome = b.outcome, value = b.value, reason = b.reason, price_thousandths = b.price,
    answered_at = (select leadfall_now())
from batch b join held using (lookup_id, step)
where c.lookup_id = b.lookup_id and c.step = b.step and c.epoch = b.epoch and c.outcome is null;

-- name: skip
-- A step that could not be asked, for the trace; columns as in `answer` plus $7 provider.
insert into calls (
  lookup_id, step, epoch, outcome, value, reason, provider, intended_at, answered_at
)
select lookup_id, step, epoch, outcome, null, reason, provider, now, now
from (select leadfall_now() as now) moment, unnest(
  $1::bigint[], $2::smallint[], $3::integer[], $4::text[], $5::text[], $6::text[]
) as b(lookup_id, step, epoch, outcome, reason, provider)
order by lookup_id, step
on conflict do nothing;

-- name: read_trace
select step, provider, ask_count, outcome, value, reason, price_thousandths, intended_at, answered_at
from calls where lookup_id = $1 order by step;

-- Calls: the intent commits before the request; the outcome is accepted late.

-- name: intend
-- $1 the keys of the locks that stand for the questions, in order, $2 lookup, $3 step, $4 provider,
-- $5 epoch, $6 submission or null, $7 the how-manieth time the vendor is asked, $9 credential, $10
-- question or null, $11 seconds the call may take, put off or not, $12 milliseconds it waited at the
-- gate, $13 whether it is asked about by itself, as columns; $8 the lease. In the order of the columns.
select * from leadfall_intend(
  $1::bigint[], $2::bigint[], $3::smallint[], $4::text[], $5::integer[], $6::uuid[],
  $7::smallint[], $8::interval, $9::text[], $10::bytea[], $11::float8[], $12::integer[],
  $13::boolean[]
);

-- name: read_following
-- Which of these would follow others now. $1 lookup, $2 step, $3 question, $4 seconds the call may
-- take, put off or not, $5 whether it is asked about by itself, as columns.
with moment as materialized (select leadfall_now() as now),
batch as materialized (
  -- By its key: a join might go through all lookups.
  select b.*, (select l.priority from lookups l where l.id = b.lookup_id) as priority
  from unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::float8[], $5::boolean[])
    as b(lookup_id, step, question, lasts_s, alone)
  where not exists (
    select from calls c
    where c.lookup_id = b.lookup_id and c.step = b.step and c.question = b.question
      and c.outcome is null)
),
asked as materialized (
  select w.question, w.priority, w.alone, r.room
  from (
    select question, priority, alone, max(lasts_s) as lasts_s,
           sum(count(*)) over (partition by question)::bigint as count
    from batch group by question, priority, alone
  ) w, moment, leadfall_room_to_ask(
    w.question, now - make_interval(secs => w.lasts_s), w.count, w.priority, w.alone
  ) r
)
select lookup_id, step
from (
  select b.lookup_id, b.step, a.room,
         row_number() over (partition by b.question order by b.priority, b.lookup_id) as turn
  from batch b join asked a using (question, priority, alone)
) turns
where turn > room;

-- name: answer
-- $1 lookup, $2 step, $3 epoch, $4 outcome, $5 value, $6 reason, $7 price, $8 duration or null, as
-- columns. Counts even when the worker has lost its claim: it only turns its own intent into a
-- fact. Nothing is kept of what was asked while its person was being erased, but for the price.
with batch as materialized (
  select * from unnest(
    $1::bigint[], $2::smallint[], $3::integer[], $4::text[], $5::jsonb[], $6::text[], $7::integer[],
    $8::integer[]
  ) as b(lookup_id, step, epoch, outcome, value, reason, price, duration_ms)
),
held as materialized (
  select c.lookup_id, c.step,
         exists (select from lookups l where l.id = c.lookup_id and l.erased_at is not null) as erased
  from calls c join batch b using (lookup_id, step)
  where c.lookup_id = any($1::bigint[])
  order by c.lookup_id, c.step for no key update of c
)
update calls c
set outcome = case when held.erased then 'interrupted' else b.outcome end,
    value = case when not held.erased then b.value end,
    reason = case when not held.erased then b.reason end,
    question = case when not held.erased then c.question end,
    price_thousandths = b.price, duration_ms = b.duration_ms,
    answered_at = (select leadfall_now())
from batch b join held using (lookup_id, step)
where c.lookup_id = b.lookup_id and c.step = b.step and c.epoch = b.epoch and c.outcome is null;

-- name: forget_values
-- $1 lookups.
with held as materialized (
  select lookup_id, step from calls
  where lookup_id = any($1::bigint[]) and value is not null
  order by lookup_id, step for no key update
)
update calls c set value = null
from held where c.lookup_id = held.lookup_id and c.step = held.step;

-- name: withdraw
-- The vendor certainly did not take the request: the intent stands as not asked, with the time at
-- which it was first wished for. $1 lookup, $2 step, $3 epoch, $4 the how-manieth ask it was: of the
-- earlier ones nothing is taken back, however often this is repeated.
update calls set ask_count = ask_count - 1
where lookup_id = $1 and step = $2 and epoch = $3 and outcome is null and ask_count = $4;

-- name: wish
-- Calls that were not made: like an intent that was withdrawn, but nobody follows them. $1 lookup,
-- $2 step, $3 provider, $4 epoch, $5 seconds since they were wished for, as columns.
insert into calls (lookup_id, step, provider, epoch, ask_count, intended_at, wished_at)
select b.lookup_id, b.step, b.provider, b.epoch, 0, now, now - make_interval(secs => b.wished_s)
from (select leadfall_now() as now) moment, unnest(
  $1::bigint[], $2::smallint[], $3::text[], $4::integer[], $5::float8[]
) as b(lookup_id, step, provider, epoch, wished_s)
-- A claim that was lost meanwhile leaves nothing, nor does a person who was erased.
where exists (
  select from lookups l where l.id = b.lookup_id and l.epoch = b.epoch and l.erased_at is null)
order by b.lookup_id, b.step
on conflict (lookup_id, step) do nothing;

-- name: note
-- A step that is over without an answer of now: it was passed over, or its answer came from memory.
-- What was asked and is not repeated is interrupted. $1 lookup, $2 step, $3 epoch, $4 outcome,
-- $5 reason, $6 provider, $7 value, $8 when a remembered answer was given.
with batch as materialized (
  select * from unnest(
    $1::bigint[], $2::smallint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
    $8::timestamptz[]
  ) as b(lookup_id, step, epoch, outcome, reason, provider, value, from_memory_at)
),
-- A claim that was lost meanwhile leaves nothing, nor does a person who was erased: where that is on
-- its way it is waited for.
held as materialized (
  select id, epoch from lookups where id = any($1::bigint[]) and erased_at is null
  order by id for share
)
insert into calls (
  lookup_id, step, epoch, ask_count, outcome, reason, provider, value, from_memory_at, intended_at,
  answered_at
)
select b.lookup_id, b.step, b.epoch, 0, b.outcome, b.reason, b.provider, b.value, b.from_memory_at,
       now, now
from (select leadfall_now() as now) moment, batch b
join held on held.id = b.lookup_id and held.epoch = b.epoch
order by b.lookup_id, b.step
on conflict (lookup_id, step) do update
set outcome = case when calls.ask_count = 0 then excluded.outcome else 'interrupted' end,
    reason = excluded.reason, value = excluded.value,
    from_memory_at = excluded.from_memory_at, answered_at = excluded.answered_at
-- A submission's answer may still come, but not that of one that was abandoned.
where calls.outcome is null and (
  calls.ask_count = 0 or calls.submission_id is null
  or exists (
    select from submissions s where s.id = calls.submission_id and s.state = 'abandoned'));

-- name: read_trace
select step, provider, credential, ask_count, outcome, value, reason, price_thousandths,
       gate_wait_ms, duration_ms, from_memory_at, intended_at, answered_at
from calls where lookup_id = $1 order by step;

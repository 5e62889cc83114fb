-- Calls: the intent commits before the request; the outcome is accepted late.

-- name: take_turns
-- Waits for every other transaction that is about to intend one of the questions $1, which are given
-- as the keys of locks and in order, so that no two transactions wait for each other. A statement of
-- its own: the next one sees what the others wrote.
select count(pg_advisory_xact_lock(key)) from unnest($1::bigint[]) as key;

-- name: intend
-- $1 lookup, $2 step, $3 provider, $4 epoch, $5 submission or null, $6 the how-manieth time the
-- vendor is asked, which its policy allows, $8 credential,
-- $9 question or null, $10 seconds the call may take, put off or not, $11 milliseconds it waited at the gate, as
-- columns; $7 the lease. Only granted rows may be asked: the joins refuse a worker that lost its claim or its
-- lease and a job that was cancelled, the key refuses a second call. Of equal questions as many are
-- asked at a time as there is room for; the others follow them.
with moment as materialized (select leadfall_now() as now),
batch as materialized (
  select *, row_number() over (partition by lookup_id, step) as copy
  from unnest(
    $1::bigint[], $2::smallint[], $3::text[], $4::integer[], $5::uuid[], $6::smallint[], $8::text[],
    $9::bytea[], $10::float8[], $11::integer[]
  ) as b(
    lookup_id, step, provider, epoch, submission_id, ask, credential, question, lasts_s, gate_wait_ms
  )
),
open as materialized (
  -- By one look at the index, which has few rows: hardly any question is asked by others just now.
  select lookup_id, step, question from calls where question = any($9::bytea[]) and outcome is null
),
held as materialized (
  select b.*, j.cancelled_at is not null as cancelled,
         -- Who was put off keeps the place it had: two would wait for each other.
         not exists (
           select from open o
           where o.lookup_id = b.lookup_id and o.step = b.step and o.question = b.question
         ) as wants_place
  from batch b
  join lookups l on l.id = b.lookup_id and l.epoch = b.epoch
  join jobs j on j.id = l.job_id
  -- What has an owner is running; to say so would offer the index of all that is.
  join processes p on p.id = l.owner, moment
  where l.id = any($1::bigint[]) and p.beat_at > moment.now - $7::interval
),
asked as materialized (
  select q.question, r.room
  from (
    select question, count(*) as wanted, max(lasts_s) as lasts_s
    from held where question is not null and wants_place and not cancelled group by question
    having count(*) > 1 or question in (select question from open)
  ) q, moment, leadfall_room_to_ask(q.question, now - make_interval(secs => lasts_s), wanted) r
),
too_many as materialized (
  select lookup_id, step
  from (
    select h.lookup_id, h.step, a.room,
           row_number() over (partition by question order by h.copy, h.lookup_id) as turn
    from held h join asked a using (question) where h.wants_place and not h.cancelled
  ) turns
  where turn > room
),
judged as materialized (
  select h.*, h.copy > 1 or (h.lookup_id, h.step) in (select lookup_id, step from too_many)
         or (h.ask = 1 and exists (
           -- Answered while this one stood in line: it will find that in memory.
           select from remembered_answers r where r.key = h.question and r.expires_at > moment.now
         )) as following
  from held h, moment
),
granted as (
  insert into calls (
    lookup_id, step, provider, epoch, submission_id, ask_count, credential, question, gate_wait_ms,
    intended_at, wished_at
  )
  select lookup_id, step, provider, epoch, submission_id, ask, credential, question, gate_wait_ms, now,
         now - make_interval(secs => gate_wait_ms / 1000.0)
  from judged, moment
  where not cancelled and not following
  order by lookup_id
  on conflict (lookup_id, step) do update
    set epoch = excluded.epoch, submission_id = excluded.submission_id,
        ask_count = excluded.ask_count, gate_wait_ms = excluded.gate_wait_ms,
        -- Until now it may have been a wish, which nobody followed: this is when it was intended.
        intended_at = case when calls.question is null and excluded.question is not null
                           then excluded.intended_at else calls.intended_at end,
        -- The key may be another by now.
        credential = excluded.credential, question = excluded.question
    where calls.outcome is null and (
      calls.ask_count < excluded.ask_count
      -- The answer to this very statement was lost: nothing was asked yet.
      or (calls.ask_count = excluded.ask_count and calls.epoch = excluded.epoch))
  returning lookup_id, step
)
select b.lookup_id, b.step, g.lookup_id is not null as granted,
       h.lookup_id is not null as held, coalesce(h.cancelled, false) as cancelled,
       coalesce(h.following, false) as following
from batch b
left join judged h using (lookup_id, step)
left join granted g using (lookup_id, step);

-- name: read_following
-- Which of these would follow others now. $1 lookup, $2 step, $3 question, $4 seconds the call may
-- take, put off or not, as columns.
with moment as materialized (select leadfall_now() as now),
batch as materialized (
  select *, row_number() over (partition by question order by lookup_id) as turn
  from unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::float8[])
    as b(lookup_id, step, question, lasts_s)
),
asked as materialized (
  select q.question, r.room
  from (
    select question, count(*) as wanted, max(lasts_s) as lasts_s from batch group by question
  ) q, moment, leadfall_room_to_ask(q.question, now - make_interval(secs => lasts_s), wanted) r
)
select b.lookup_id, b.step from batch b join asked a using (question)
where b.turn > a.room and not exists (
  select from calls c
  where c.lookup_id = b.lookup_id and c.step = b.step and c.question = b.question
    and c.outcome is null
);

-- name: answer
-- $1 lookup, $2 step, $3 epoch, $4 outcome, $5 value, $6 reason, $7 price, $8 duration or null, as
-- columns. Counts even when the worker has lost its claim: it only turns its own intent into a
-- fact.
with batch as materialized (
  select * from unnest(
    $1::bigint[], $2::smallint[], $3::integer[], $4::text[], $5::jsonb[], $6::text[], $7::integer[],
    $8::integer[]
  ) as b(lookup_id, step, epoch, outcome, value, reason, price, duration_ms)
),
held as materialized (
  select c.lookup_id, c.step from calls c join batch b using (lookup_id, step)
  where c.lookup_id = any($1::bigint[])
  order by c.lookup_id, c.step for no key update of c
)
update calls c
set outcome = b.outcome, value = b.value, reason = b.reason, price_thousandths = b.price,
    duration_ms = b.duration_ms, answered_at = (select leadfall_now())
from batch b join held using (lookup_id, step)
where c.lookup_id = b.lookup_id and c.step = b.step and c.epoch = b.epoch and c.outcome is null;

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
insert into calls (
  lookup_id, step, epoch, ask_count, outcome, reason, provider, value, from_memory_at, intended_at,
  answered_at
)
select lookup_id, step, epoch, 0, outcome, reason, provider, value, from_memory_at, now, now
from (select leadfall_now() as now) moment, unnest(
  $1::bigint[], $2::smallint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
  $8::timestamptz[]
) as b(lookup_id, step, epoch, outcome, reason, provider, value, from_memory_at)
-- A person who was erased meanwhile leaves no trace.
where not exists (select from lookups l where l.id = b.lookup_id and l.erased_at is not null)
order by lookup_id, step
on conflict (lookup_id, step) do update
set outcome = case when calls.ask_count = 0 then excluded.outcome else 'interrupted' end,
    reason = excluded.reason, value = excluded.value,
    from_memory_at = excluded.from_memory_at, answered_at = excluded.answered_at
-- A submission's answer may still come.
where calls.outcome is null and (calls.ask_count = 0 or calls.submission_id is null);

-- name: read_trace
select step, provider, credential, ask_count, outcome, value, reason, price_thousandths,
       gate_wait_ms, duration_ms, from_memory_at, intended_at, answered_at
from calls where lookup_id = $1 order by step;

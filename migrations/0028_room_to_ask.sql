-- Of one question as many are asked at once as were asked in vain before: who waits for an equal one
-- is told by the calls alone, and keeps nothing of its own.
alter table lookups drop column followed_question, drop column followed_at;

-- Of calls that have ended; of those that have not, calls_open_questions tells.
create index calls_in_vain on calls (question, intended_at)
  where outcome not in ('found', 'missing') and question is not null;

-- How many more may ask `asked` now, of so many who want to: as many at once as asked it in vain
-- since then, and one where nobody did. So a lost answer costs one more ask, and a thousand who want
-- what nobody answers have all asked after a dozen rounds.
--
-- Under way is an open call of a lookup that may still be answered by it, also one that was put off;
-- one whose lookup has ended, or went on without its submission, is not. Nor is, for those of a rank
-- (a priority) before its own, one that waits to be asked, or where they ask alone one that no worker
-- waits for, as in a bulk: who has time does not hold up who has none. In vain is what was asked and
-- is over, unless it was answered: that is in memory. A table, so that it is planned as a part of the
-- statement that asks.
create function leadfall_room_to_ask(
  asked bytea, since timestamptz, wanted bigint, rank smallint, alone boolean
)
returns table (room bigint)
language sql stable
as $$
  select case
    -- Nearly all: nothing is to be counted.
    when wanted <= 1 and o.under_way = 0 then 1
    else greatest(0, greatest(1, o.in_vain + (
      select count(*) from calls e
      where e.question = asked and e.outcome not in ('found', 'missing') and e.ask_count > 0
        and e.intended_at > since
    )) - o.under_way)
  end
  from (
    select count(*) filter (where is_open and not gives_way) as under_way,
           count(*) filter (where not is_open and ask_count > 0) as in_vain
    from (
      -- Row by row, by their keys: as joins they might be gone through whole.
      select c.ask_count,
             coalesce((select k.state from lookups k where k.id = c.lookup_id) <> 'settled', false)
             and coalesce(
               (select s.state from submissions s where s.id = c.submission_id) <> 'late', true
             ) as is_open,
             coalesce((
               select rank < k.priority and (c.ask_count = 0 or (alone and k.state <> 'running'))
               from lookups k where k.id = c.lookup_id
             ), false) as gives_way
      from calls c
      where c.question = asked and c.outcome is null and c.intended_at > since
    ) each
  ) o
$$;

-- Writes intents and returns, in their order, which may be asked. All but `turns` and `lease` are
-- columns of the same rows: `asks` is the how-manieth time the vendor is asked, which its policy
-- allows, `lasts` the seconds the call may take, put off or not, `alones` whether it is asked about
-- by itself. Only granted rows may be asked: the joins refuse a worker that lost its claim or its
-- lease and a job that was cancelled, the key refuses a second call. Of equal questions as many are
-- asked at a time as there is room for; the others follow them.
--
-- A function, so that it is one round trip to wait for the turns and to see what the others wrote
-- meanwhile: a statement sees what was there when it began, and each of a volatile function begins by
-- itself. The locks are held until the transaction ends. Its plans are kept for as long as a worker
-- is connected, also those made while its tables were empty and best gone through whole.
create function leadfall_intend(
  turns bigint[], lookup_ids bigint[], steps smallint[], providers text[], epochs integer[],
  submission_ids uuid[], asks smallint[], lease interval, credentials text[], questions bytea[],
  lasts float8[], gate_waits_ms integer[], alones boolean[]
)
returns table (granted boolean, held boolean, cancelled boolean, following boolean)
language plpgsql volatile
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  -- In order, so that no two transactions wait for each other.
  perform pg_advisory_xact_lock(key) from unnest(turns) as key;
  return query with moment as materialized (
    -- The time of a statement is that of its coming, and this one may have waited since.
    select leadfall_now() + (clock_timestamp() - statement_timestamp()) as now
  ),
  batch as materialized (
    select *, row_number() over (partition by lookup_id, step, epoch order by place) as copy
    from unnest(
      lookup_ids, steps, providers, epochs, submission_ids, asks, credentials, questions, lasts,
      gate_waits_ms, alones
    ) with ordinality as b(
      lookup_id, step, provider, epoch, submission_id, ask, credential, question, lasts_s,
      gate_wait_ms, alone, place
    )
  ),
  open as materialized (
    -- By one look at the index, which has few rows: hardly any question is asked by others just now.
    select lookup_id, step, question, ask_count
    from calls where question = any(questions) and outcome is null
  ),
  held as materialized (
    select b.*, l.priority, j.cancelled_at is not null as cancelled,
           -- Who was put off keeps the place it had: two would wait for each other.
           (select o.ask_count from open o
            where o.lookup_id = b.lookup_id and o.step = b.step and o.question = b.question
           ) as own_ask_count
    from batch b
    join lookups l on l.id = b.lookup_id and l.epoch = b.epoch
    join jobs j on j.id = l.job_id
    -- What has an owner is running; to say so would offer the index of all that is.
    join processes p on p.id = l.owner, moment
    where l.id = any(lookup_ids) and p.beat_at > moment.now - lease
  ),
  wanted as materialized (
    select * from held where question is not null and own_ask_count is null and not cancelled
  ),
  asked as materialized (
    select w.question, w.priority, w.alone, r.room
    from (
      select question, priority, alone, max(lasts_s) as lasts_s,
             sum(count(*)) over (partition by question)::bigint as count
      from wanted group by question, priority, alone
    ) w, moment, leadfall_room_to_ask(
      w.question, now - make_interval(secs => w.lasts_s), w.count, w.priority, w.alone
    ) r
    where w.count > 1 or w.question in (select question from open)
  ),
  too_many as materialized (
    select place
    from (
      select w.place, a.room,
             row_number() over (
               partition by w.question order by w.copy, w.priority, w.lookup_id) as turn
      from wanted w join asked a using (question, priority, alone)
    ) turns
    where turn > room
  ),
  judged as materialized (
    select h.*, h.copy > 1 or h.place in (select place from too_many)
           or (
             -- Answered while this one stood in line: it will find that in memory. Who has asked
             -- already finds it out by itself.
             h.ask = 1 and coalesce(h.own_ask_count, 0) = 0
             and coalesce(
               (select r.expires_at from remembered_answers r where r.key = h.question)
               > moment.now, false)
           ) as following
    from held h, moment
  ),
  granted as (
    insert into calls (
      lookup_id, step, provider, epoch, submission_id, ask_count, credential, question,
      gate_wait_ms, intended_at, wished_at
    )
    select lookup_id, step, provider, epoch, submission_id, ask, credential, question,
           gate_wait_ms, now, now - make_interval(secs => gate_wait_ms / 1000.0)
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
  select g.lookup_id is not null and not h.following, h.place is not null,
         coalesce(h.cancelled, false), coalesce(h.following, false)
  from batch b
  left join judged h using (place)
  left join granted g on g.lookup_id = h.lookup_id and g.step = h.step
  order by b.place;
end $$;

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
-- one whose lookup has ended, or went on without its submission, is not. In vain is what was asked
-- and is over, unless it was answered: that is in memory. A table, so that it is planned as a part of
-- the statement that asks.
create function leadfall_room_to_ask(asked bytea, since timestamptz, wanted bigint)
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
    select count(*) filter (where is_under_way) as under_way,
           count(*) filter (where not is_under_way and ask_count > 0) as in_vain
    from (
      -- Row by row, by their keys: as joins they might be gone through whole.
      select c.ask_count,
             coalesce((select k.state from lookups k where k.id = c.lookup_id) <> 'settled', false)
             and coalesce(
               (select s.state from submissions s where s.id = c.submission_id) <> 'late', true
             ) as is_under_way
      from calls c
      where c.question = asked and c.outcome is null and c.intended_at > since
    ) each
  ) o
$$;

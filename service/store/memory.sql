-- Answers worth keeping.

-- name: recall
-- The answers to the questions $1 that have not expired, and without an outcome those that are being
-- asked: hardly any is, and the index of those is small.
select key, outcome, value, answered_at from remembered_answers
where key = any($1::bytea[]) and expires_at > (select leadfall_now())
union all
select question, null, null, null from calls
where question = any($1::bytea[]) and outcome is null;

-- name: remember
-- $1 key, $2 scope, $3 provider, $4 capability, $5 person, $6 outcome, $7 value, $8 days kept, as
-- columns. The newest answer to a question counts.
insert into remembered_answers (
  key, scope, provider, capability, person, outcome, value, answered_at, expires_at
)
select distinct on (key) key, scope, provider, capability, person, outcome, value, now,
       now + make_interval(secs => days * 86400)
from (select leadfall_now() as now) moment, unnest(
  $1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::jsonb[],
  $8::float8[]
) as b(key, scope, provider, capability, person, outcome, value, days)
order by key
on conflict (key) do update
set outcome = excluded.outcome, value = excluded.value, answered_at = excluded.answered_at,
    expires_at = excluded.expires_at;

-- name: forget_people
delete from remembered_answers where person = any($1::bytea[]);

-- name: expire
-- But for those that somebody answers anew just now: to wait for him could be to wait in a ring.
delete from remembered_answers where key in (
  select key from remembered_answers where expires_at <= (select leadfall_now())
  order by expires_at limit $1 for update skip locked
);

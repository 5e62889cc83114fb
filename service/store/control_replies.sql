-- What mail domains said about an address that nobody has, and about the postmaster's.

-- name: read
-- $1 domains, $2 controls, as columns; $3 how old an answer may be.
select r.domain, r.control, r.meaning, r.exchange, r.code, r.enhanced
from unnest($1::text[], $2::text[]) as asked(domain, control)
join control_replies r using (domain, control)
where r.heard_at > (select leadfall_now()) - $3::interval;

-- name: keep
-- $1 domain, $2 control, $3 meaning, $4 exchange, $5 code, $6 enhanced code.
insert into control_replies (domain, control, meaning, exchange, code, enhanced, heard_at)
select $1, $2, $3, $4, $5, $6, now from (select leadfall_now() as now) moment
on conflict (domain, control) do update
set meaning = excluded.meaning, exchange = excluded.exchange, code = excluded.code,
    enhanced = excluded.enhanced, heard_at = excluded.heard_at;

-- name: expire
-- $1 how old an answer may be, $2 at most so many rows.
delete from control_replies where (domain, control) in (
  select domain, control from control_replies
  where heard_at < (select leadfall_now()) - $1::interval limit $2
);

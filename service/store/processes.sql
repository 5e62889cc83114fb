-- Leases of processes: one heartbeat row each.

-- name: beat
insert into processes (id, role, host, pid, started_at, beat_at)
select $1, $2, $3, $4, now, now from (select leadfall_now() as now) moment
on conflict (id) do update set beat_at = excluded.beat_at;

-- name: leave
delete from processes where id = $1;

-- name: bury
-- Rows of processes that stopped beating long ago; what they held was reclaimed long before.
delete from processes where beat_at < (select leadfall_now()) - $1::interval;

-- name: list
select id, role, host, pid, started_at,
       extract(epoch from (select leadfall_now()) - beat_at)::float8 as beat_age_s
from processes order by role, started_at;

-- name: owned_lookups
select id from lookups where state = 'running' and owner = $1;

-- name: ensure_partitions
select leadfall_ensure_partitions($1);

-- name: try_janitor_lock
select pg_try_advisory_xact_lock($1);

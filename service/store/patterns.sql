-- How companies write their addresses, as far as confirmed finds have shown.

-- name: read
-- The patterns of the domains $1, at most $2 of each, the one confirmed most often first.
select d.domain, array_agg(best.pattern order by best.hit_count desc, best.pattern) as patterns
from unnest($1::text[]) as d(domain)
cross join lateral (
  select pattern, hit_count from address_patterns p
  where p.domain = d.domain
  order by hit_count desc, pattern limit $2
) best
group by d.domain;

-- name: learn
-- $1 domain, $2 pattern, as columns; one row per confirmed address. The count stops at $3, so that
-- a company that changes its ways is not held to its past for ever.
insert into address_patterns as known (domain, pattern, hit_count, last_hit_at)
select domain, pattern, least(count(*), $3), now
from (select leadfall_now() as now) moment, unnest($1::text[], $2::text[]) as b(domain, pattern)
group by domain, pattern, now
order by domain, pattern
on conflict (domain, pattern) do update
set hit_count = least(known.hit_count + excluded.hit_count, $3),
    last_hit_at = excluded.last_hit_at;

-- name: expire
-- $1 interval since the last address that followed the pattern, $2 at most so many rows.
delete from address_patterns where (domain, pattern) in (
  select domain, pattern from address_patterns
  where last_hit_at < (select leadfall_now()) - $1::interval limit $2
);

-- The secrets that sign webhooks, encrypted.

-- name: insert_secret
-- $1 workspace, $2 endpoint or null for the workspace's default, $3 ciphertext, $4 scheme,
-- $5 public key or null.
insert into signing_secrets (workspace_id, endpoint_id, ciphertext, scheme, public_key)
values ($1, $2, $3, $4, $5)
returning id;

-- name: read_signing_secrets
-- $1 workspace, $2 endpoint, $3 whether it is hidden, as columns; $4 secrets each at most.
-- Its own secrets, or the workspace's default where it has none or is hidden; the current one
-- first, then those that still sign beside it, newest first.
-- The columns are selected because the planner would count what is in them otherwise, and plan anew
-- each time: that took five times as long as to run it.
with moment as materialized (select leadfall_now() as now)
select r.endpoint_id, s.id, s.endpoint_id as owner_id, s.ciphertext
from unnest((select $1::bigint[]), (select $2::bigint[]), (select $3::boolean[]))
  as r(workspace_id, endpoint_id, hidden)
cross join moment
cross join lateral (
  select s.endpoint_id, s.ciphertext, s.expires_at, s.id
  from signing_secrets s
  where s.workspace_id = r.workspace_id
    and coalesce(s.endpoint_id, 0) = case
      when not r.hidden and exists (
        select from signing_secrets own
        where own.workspace_id = r.workspace_id and coalesce(own.endpoint_id, 0) = r.endpoint_id
          and own.expires_at is null
      ) then r.endpoint_id else 0
    end
    and (s.expires_at is null or s.expires_at > now)
  order by s.expires_at is not null, s.id desc
  limit $4::integer
) s
order by r.endpoint_id, s.expires_at is not null, s.id desc;

-- name: lock_secrets
-- $1 workspace, $2 endpoint or 0 for the default. Two rotations at once wait for each other.
select id from signing_secrets
where workspace_id = $1 and coalesce(endpoint_id, 0) = $2
order by id for update;

-- name: retire_current
-- $1 workspace, $2 endpoint or 0, $3 seconds for which it still signs.
update signing_secrets set expires_at = leadfall_now() + make_interval(secs => $3::float8)
where workspace_id = $1 and coalesce(endpoint_id, 0) = $2 and expires_at is null;

-- name: read_live_secrets
-- $1 workspace, $2 endpoints, 0 for the default. The current one of each first.
select id, coalesce(endpoint_id, 0) as endpoint_id, ciphertext, scheme, public_key, created_at,
       expires_at
from signing_secrets
where workspace_id = $1 and coalesce(endpoint_id, 0) = any($2::bigint[])
  and (expires_at is null or expires_at > leadfall_now())
order by endpoint_id, expires_at is not null, id desc;

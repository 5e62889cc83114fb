-- The secrets that sign webhooks, encrypted.

-- name: insert_secret
-- $1 workspace, $2 endpoint or null for the workspace's default, $3 ciphertext.
insert into signing_secrets (workspace_id, endpoint_id, ciphertext)
values ($1, $2, $3)
returning id;

-- name: read_signing_secrets
-- $1 workspace, $2 endpoint, $3 whether it is hidden, as columns; $4 secrets each at most.
-- Its own secrets, or the workspace's default where it has none or is hidden; the current one
-- first, then those that still sign beside it, newest first.
with moment as materialized (select leadfall_now() as now)
select r.endpoint_id, s.endpoint_id as owner_id, s.ciphertext
from unnest($1::bigint[], $2::bigint[], $3::boolean[]) as r(workspace_id, endpoint_id, hidden)
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

-- The workspaces' own keys for providers, encrypted. An empty ciphertext is no key: the built-in
-- provider has such a row once a workspace gave it a place in the order.

-- name: keep
-- $1 workspace, $2 provider, $3 ciphertext, $4 hint, $5 result of the check. The same key again:
-- what was wrong with it may have been put right at its vendor.
with kept as (
  insert into provider_keys (workspace_id, provider, ciphertext, hint, check_result, checked_at)
  values ($1, $2, $3, $4, $5, (select leadfall_now()))
  on conflict (workspace_id, provider) where replaced_at is null do update
  set ciphertext = excluded.ciphertext,
      hint = excluded.hint,
      check_result = excluded.check_result,
      checked_at = excluded.checked_at,
      updated_at = excluded.checked_at
  returning id, provider, hint, enabled, priority, check_result, checked_at, created_at, updated_at
),
cleared as (
  delete from provider_outages o
  using kept k
  where o.provider = k.provider and o.credential = 'key:' || k.id
)
select * from kept;

-- name: replace
-- As above, but another key than before: it gets the place and the switch of the one before, and
-- an id of its own, so that nothing said of one is taken to be about the other.
with old as (
  update provider_keys set replaced_at = (select leadfall_now())
  where workspace_id = $1 and provider = $2 and replaced_at is null
  returning id, provider, enabled, priority, created_at
),
cleared as (
  delete from provider_outages o
  using old
  where o.provider = old.provider and o.credential = 'key:' || old.id
)
insert into provider_keys (
  workspace_id, provider, ciphertext, hint, enabled, priority, check_result, checked_at, created_at,
  updated_at
)
select $1, $2, $3, $4, enabled, priority, $5, now, created_at, now
from old, (select leadfall_now() as now) moment
returning id, provider, hint, enabled, priority, check_result, checked_at, created_at, updated_at;

-- name: lock
-- $1 workspace, $2 provider.
select id, workspace_id, ciphertext
from provider_keys
where workspace_id = $1 and provider = $2 and replaced_at is null
for update;

-- name: forget_replaced
-- $1 for how long one that was replaced may still be needed to fetch what was paid for with it.
with gone as (
  delete from provider_keys where replaced_at < (select leadfall_now()) - $1::interval
  returning id, provider
)
delete from provider_outages o
using gone
where o.provider = gone.provider and o.credential = 'key:' || gone.id;

-- name: read_all
select id, provider, hint, enabled, priority, check_result, checked_at, created_at, updated_at
from provider_keys
where workspace_id = $1 and replaced_at is null;

-- name: read_one
select id, provider, hint, enabled, priority, check_result, checked_at, created_at, updated_at
from provider_keys
where workspace_id = $1 and provider = $2 and replaced_at is null;

-- name: remove
-- $1 workspace, $2 provider. Those that were replaced go with it.
with removed as (
  delete from provider_keys where workspace_id = $1 and provider = $2
  returning id, provider
),
cleared as (
  delete from provider_outages o
  using removed r
  where o.provider = r.provider and o.credential = 'key:' || r.id
)
select id from removed;

-- name: place_builtin
-- $1 workspace, $2 the built-in provider, $3 its priority until it is given another.
insert into provider_keys
  (workspace_id, provider, ciphertext, hint, priority, check_result, checked_at)
values ($1, $2, '', '', $3, 'not_checkable', (select leadfall_now()))
on conflict do nothing;

-- name: arrange
-- $1 workspace; $2 providers, $3 whether enabled, $4 priority, as columns; null leaves as it is.
-- Rows are locked in id order first, so that two callers cannot wait for each other.
with locked as materialized (
  select id, provider from provider_keys
  where workspace_id = $1 and provider = any($2::text[]) and replaced_at is null
  order by id
  for update
)
update provider_keys k
set enabled = coalesce(a.enabled, k.enabled),
    priority = coalesce(a.priority, k.priority),
    updated_at = (select leadfall_now())
from locked l
join unnest($2::text[], $3::boolean[], $4::integer[]) as a(provider, enabled, priority)
  using (provider)
where k.id = l.id
returning k.provider;

-- name: read_ciphertext
-- $1 workspace, $2 provider.
select id, workspace_id, ciphertext
from provider_keys
where workspace_id = $1 and provider = $2 and replaced_at is null and enabled and ciphertext <> '';

-- name: read_ciphertext_by_id
-- $1 key, $2 provider. One that was switched off or replaced still reads what it asked for before.
select id, workspace_id, ciphertext
from provider_keys
where id = $1 and provider = $2 and ciphertext <> '';

-- The workspaces' own keys for providers, encrypted. An empty ciphertext is no key: the built-in
-- provider has such a row once a workspace gave it a place in the order.

-- name: keep
-- $1 workspace, $2 provider, $3 ciphertext, $4 hint, $5 result of the check. Whatever was wrong
-- with the key before says nothing about this one.
with kept as (
  insert into provider_keys (workspace_id, provider, ciphertext, hint, check_result, checked_at)
  values ($1, $2, $3, $4, $5, (select leadfall_now()))
  on conflict on constraint one_key_per_workspace_and_provider do update
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

-- name: read_all
select id, provider, hint, enabled, priority, check_result, checked_at, created_at, updated_at
from provider_keys
where workspace_id = $1;

-- name: read_one
select id, provider, hint, enabled, priority, check_result, checked_at, created_at, updated_at
from provider_keys
where workspace_id = $1 and provider = $2;

-- name: remove
-- $1 workspace, $2 provider.
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
  where workspace_id = $1 and provider = any($2::text[])
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
where workspace_id = $1 and provider = $2 and enabled and ciphertext <> '';

-- name: read_ciphertext_by_id
-- $1 key, $2 provider. A key that was switched off still reads what it asked for before.
select id, workspace_id, ciphertext
from provider_keys
where id = $1 and provider = $2 and ciphertext <> '';

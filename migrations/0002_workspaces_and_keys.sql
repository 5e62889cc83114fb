-- Tenants, their keys and the secrets that sign their webhooks.

create table workspaces (
  id bigint generated always as identity primary key,
  public_id text not null unique,
  name text not null,
  balance bigint not null default 0,
  -- A charge that takes the balance from at least this to below it emits one credits.low event.
  low_balance bigint not null default 100,
  created_at timestamptz not null default leadfall_now(),
  constraint balance_not_negative check (balance >= 0),
  constraint workspace_id_is_24_hex check (public_id ~ '^[0-9a-f]{24}$')
) with (fillfactor = 50);

create table api_keys (
  id bigint generated always as identity primary key,
  workspace_id bigint not null references workspaces,
  face text not null check (face in ('seleqt', 'sendkit')),
  name text not null,
  -- What may be shown again: enough to recognise a key, too little to use it.
  hint text not null,
  key_hash bytea not null unique,
  created_at timestamptz not null default leadfall_now(),
  revoked_at timestamptz,
  constraint key_hash_is_sha256 check (octet_length(key_hash) = 32)
);
create index api_keys_of_workspace on api_keys (workspace_id, id);

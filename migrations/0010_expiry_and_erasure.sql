-- Jobs that expired, people who were erased, and what their suppressions are hashed with.

-- What stays of a job that expired: enough to explain the ledger and to audit it, nothing of people.
create table expired_jobs (
  id uuid primary key,
  public_id text not null,
  workspace_id bigint not null references workspaces,
  face text not null,
  type text not null,
  kind text not null,
  lookup_count integer not null,
  charged bigint not null,
  refunded bigint not null,
  created_at timestamptz not null,
  finished_at timestamptz not null,
  expired_at timestamptz not null,
  -- Null while lookups of it are left to delete.
  swept_at timestamptz
);
create index expired_jobs_of_workspace on expired_jobs (workspace_id, id);
create index expired_jobs_to_sweep on expired_jobs (expired_at) where swept_at is null;

-- When the person it was for was erased: the lookup counts on, and tells nothing any more.
alter table lookups add column erased_at timestamptz;

-- Random keys made once, each sealed with the operator's: what hides people in keyed hashes. They
-- outlive any rotation of the operator's keys, since only their seal changes.
create table peppers (
  id bigint generated always as identity primary key,
  purpose text not null unique,
  -- MultiFernet token; its plaintext repeats the row it belongs to.
  ciphertext bytea not null,
  created_at timestamptz not null default leadfall_now()
);

-- Memory is shared by workspaces, so what it may not keep is asked for without one.
create index suppressions_of_person on suppressions (person);

-- The ledger is read by time; this index also serves what the one by id did.
create index ledger_by_time on ledger (workspace_id, created_at, id);
drop index ledger_of_workspace;

-- Workspaces' own provider keys, what is known of providers' troubles, and answers worth keeping.

create table provider_keys (
  id bigint generated always as identity primary key,
  workspace_id bigint not null references workspaces,
  provider text not null,
  -- MultiFernet token; its plaintext repeats the row it belongs to.
  ciphertext bytea not null,
  -- What may be shown again: enough to recognise a key, too little to use it.
  hint text not null,
  enabled boolean not null default true,
  -- Lower comes earlier.
  priority integer not null default 100,
  -- What the vendor's free check said when the key was set, and when.
  check_result text not null,
  checked_at timestamptz not null,
  created_at timestamptz not null default leadfall_now(),
  updated_at timestamptz not null default leadfall_now(),
  -- Since when another key has its place: it only fetches what was paid for with it.
  replaced_at timestamptz
);
create unique index one_key_per_workspace_and_provider on provider_keys (workspace_id, provider)
  where replaced_at is null;
create index provider_keys_replaced on provider_keys (replaced_at) where replaced_at is not null;

-- A key that its vendor refuses, or that has nothing left to spend: out of every waterfall, for
-- every process, until it is looked at again. One row is one event to the operator.
create table provider_outages (
  provider text not null,
  -- 'operator', or 'key:' and the id of a provider key.
  credential text not null,
  reason text not null,
  since timestamptz not null,
  -- The next time one worker may try the key again.
  retry_at timestamptz not null,
  primary key (provider, credential)
);

-- Answers of providers, found and missing alike, by a hash of what was asked.
create table remembered_answers (
  -- SHA-256 over capability, provider and its version, scope and normalised input.
  key bytea primary key,
  -- The workspace whose own key paid for it; 0 for the operator's keys, shared by all.
  scope bigint not null,
  provider text not null,
  capability text not null,
  -- SHA-256 of the person; erasing one person finds their rows by it.
  person bytea not null,
  outcome text not null check (outcome in ('found', 'missing')),
  value jsonb,
  answered_at timestamptz not null,
  expires_at timestamptz not null,
  constraint found_with_a_value check ((outcome = 'found') = (value is not null))
);
create index remembered_answers_of_person on remembered_answers (person);
create index remembered_answers_by_expiry on remembered_answers (expires_at);

-- How often each way of writing addresses was confirmed at a domain.
create table address_patterns (
  domain text not null,
  pattern text not null,
  hit_count integer not null default 1,
  last_hit_at timestamptz not null,
  primary key (domain, pattern)
);

-- What a mail domain said about an address that nobody has ('invented') and about its postmaster's.
create table control_replies (
  domain text not null,
  control text not null,
  meaning text not null,
  exchange text,
  code integer,
  enhanced text,
  heard_at timestamptz not null,
  primary key (domain, control)
);

-- What a call met on its way, for the trace.
alter table calls
  add column credential text not null default 'operator',
  add column from_memory_at timestamptz,
  add column duration_ms integer,
  -- For how long the request that counts waited for the gate: its place and the vendor's rate.
  add column gate_wait_ms integer not null default 0,
  -- What was asked, as in remembered_answers: while it is unanswered, others with the same
  -- question wait for this answer instead of paying for their own.
  add column question bytea;
create index calls_open_questions on calls (question)
  where outcome is null and question is not null;

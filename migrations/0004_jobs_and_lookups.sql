-- The queue: jobs, their lookups, and what was asked of providers for them.
-- Hot tables carry no foreign keys: every insert would lock the parent row. `leadfall audit`
-- checks what they would have guaranteed.

-- The exact steps a job was accepted with, kept once per version.
create table waterfalls (
  version text primary key,
  kind text not null,
  steps jsonb not null,
  created_at timestamptz not null default leadfall_now()
);

create table jobs (
  id uuid primary key,
  public_id text not null unique,
  workspace_id bigint not null references workspaces,
  -- Jobs accepted by one request share it.
  request_id uuid not null,
  face text not null check (face in ('seleqt', 'sendkit')),
  type text not null,
  kind text not null,
  mode text not null check (mode in ('sync', 'async')),
  list_id bigint,
  -- The one provider of an own-key job; null runs the waterfall.
  own_provider text,
  waterfall_version text not null,
  webhook_url text,
  metadata jsonb,
  price integer not null check (price >= 0),
  lookup_count integer not null,
  open_count integer not null,
  found_count integer not null default 0,
  missing_count integer not null default 0,
  no_answer_count integer not null default 0,
  rejected_count integer not null default 0,
  cancelled_count integer not null default 0,
  charged bigint not null,
  refunded bigint not null default 0,
  created_at timestamptz not null,
  started_at timestamptz,
  cancelled_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz not null,
  constraint open_within_all check (open_count between 0 and lookup_count),
  constraint refunded_within_charged check (refunded between 0 and charged),
  constraint finished_when_none_open check ((open_count = 0) = (finished_at is not null))
) with (fillfactor = 50);
create index jobs_of_workspace on jobs (workspace_id, id);
create index jobs_of_request on jobs (request_id);

create table lookups (
  id bigint generated always as identity primary key,
  job_id uuid not null,
  workspace_id bigint not null,
  lead_id bigint not null,
  target text not null,
  -- 0: a caller waits for it; 1: everything else.
  priority smallint not null,
  -- ready: may be claimed. running: claimed by `owner` under `epoch`. waiting: parked until
  -- `wake_at` or until its submission is answered. settled: done, for good.
  state text not null default 'ready' check (state in ('ready', 'running', 'waiting', 'settled')),
  wake_at timestamptz,
  owner uuid,
  -- The fencing token: raised by each claim; a settle counts only for the epoch that holds it.
  epoch integer not null default 0,
  -- Times a dead process lost it; claims and wake-ups do not count.
  reclaim_count smallint not null default 0,
  input jsonb not null,
  outcome text check (outcome in ('found', 'missing', 'no_answer', 'rejected_input', 'cancelled')),
  value jsonb,
  reason text,
  refunded integer not null default 0,
  created_at timestamptz not null,
  settled_at timestamptz,
  constraint settled_with_an_outcome check ((state = 'settled') = (outcome is not null)),
  constraint running_with_an_owner check ((state = 'running') = (owner is not null))
) with (
  fillfactor = 60,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 0
);
create unique index one_open_lookup_per_lead_and_target on lookups (lead_id, target)
  where state <> 'settled';
-- In an order that no other index has, so that nothing else is gone through to keep it.
create index lookups_ready on lookups (priority, workspace_id, created_at, id)
  where state = 'ready';
create index lookups_running on lookups (owner) where state = 'running';
create index lookups_waiting on lookups (wake_at) where state = 'waiting';
create index lookups_of_job on lookups (job_id, id);

-- One lookup's use of one step: the intent commits before the request, the outcome is accepted
-- late. The key is what makes a second paid call impossible.
create table calls (
  lookup_id bigint not null,
  step smallint not null,
  provider text not null,
  epoch integer not null,
  -- How often the vendor was asked: above 1 only where the provider's policy allows it, 0 while
  -- it certainly was not yet.
  ask_count smallint not null default 1,
  submission_id uuid,
  outcome text check (
    outcome in ('found', 'missing', 'no_answer', 'rejected_input', 'cancelled', 'interrupted')
  ),
  value jsonb,
  reason text,
  price_thousandths integer not null default 0,
  intended_at timestamptz not null,
  answered_at timestamptz,
  primary key (lookup_id, step),
  constraint answered_with_an_outcome check ((answered_at is null) = (outcome is null))
) with (fillfactor = 70);
create index calls_of_submission on calls (submission_id) where submission_id is not null;

-- One vendor request that covers one or more calls; while it waits for the vendor it holds no slot.
create table submissions (
  id uuid primary key,
  provider text not null,
  capability text not null,
  -- Whose key submitted it, and so must poll it: 'operator' or a provider key's id.
  credential text not null,
  -- Names this submission in a callback URL; unguessable and of no other use.
  token text not null unique,
  handle text,
  -- What a callback called it while we had no handle: used only to fetch, and believed only if
  -- what is fetched names our own rows.
  claimed_handle text,
  -- late: its deadline passed without an answer and its lookups went on, for good; while it has a
  -- time to be polled, what comes is still written down.
  state text not null default 'intended'
    check (state in ('intended', 'submitted', 'late', 'answered', 'abandoned')),
  poll_at timestamptz,
  poll_count integer not null default 0,
  deadline_at timestamptz not null,
  callback_at timestamptz,
  owner uuid,
  created_at timestamptz not null,
  submitted_at timestamptz,
  constraint submitted_with_a_handle check (state <> 'submitted' or handle is not null)
) with (fillfactor = 50);
create index submissions_to_poll on submissions (poll_at) where state = 'submitted';
create index submissions_polled on submissions (owner) where state = 'submitted' and owner is not null;
create index submissions_late on submissions (poll_at) where state = 'late';
create index submissions_intended on submissions (created_at) where state = 'intended';

-- An Idempotency-Key, written by the statement that accepts, so that it exists exactly when the
-- jobs do. The answer is rebuilt from the jobs and from what only the request knew.
create table idempotency_keys (
  workspace_id bigint not null,
  face text not null,
  key text not null,
  body_hash bytea not null,
  request_id uuid not null,
  facts jsonb not null,
  created_at timestamptz not null,
  primary key (workspace_id, face, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- What owners of endpoints can set and see: headers, pace, schemes, counts, replays; and how long
-- what was delivered is kept.

alter table endpoints
  -- Sealed JSON object of the headers its owner added; null for none.
  add column headers_ciphertext bytea,
  add column rate_per_minute integer check (rate_per_minute between 1 and 60000),
  -- When the next request is due by that rate; up to a second of requests may go before it.
  add column rate_next_at timestamptz,
  add column created_by text,
  add column updated_at timestamptz not null default leadfall_now(),
  add column disabled_at timestamptz,
  -- Folded from `delivery_tallies`.
  add column delivered_count bigint not null default 0,
  add column failed_count bigint not null default 0,
  add column expired_count bigint not null default 0,
  add column last_delivered_at timestamptz;

alter table signing_secrets
  add column scheme text not null default 'v1' check (scheme in ('v1', 'v1a')),
  -- `whpk_` and so on for v1a; null for v1.
  add column public_key text;

-- Counts to be added to endpoints. Appended with each batch, so that no completion has to lock its
-- endpoint; the janitor folds them.
create table delivery_tallies (
  id bigint generated always as identity primary key,
  endpoint_id bigint not null,
  delivered integer not null default 0,
  failed integer not null default 0,
  expired integer not null default 0,
  last_delivered_at timestamptz
);
create index tallies_of_endpoint on delivery_tallies (endpoint_id);

alter table deliveries drop constraint deliveries_state_check;
alter table deliveries add constraint deliveries_state_check check (
  state in (
    'due', 'sending', 'parked', 'delivered', 'exhausted', 'aborted', 'withdrawn', 'expired'
  )
);
alter table deliveries
  -- The replay that last made it due again.
  add column replay_id bigint,
  -- Attempts of earlier schedules: `attempt_count` begins anew with a replay, and its sum with
  -- this numbers the attempts.
  add column earlier_attempt_count integer not null default 0;
drop index deliveries_of_endpoint;
create index deliveries_of_endpoint on deliveries (endpoint_id, created_at, event_id);
create unique index deliveries_by_sequence on deliveries (endpoint_id, sequence)
  where sequence is not null;
create index deliveries_parked on deliveries (endpoint_id, event_created_at, event_id)
  where state = 'parked';
create index deliveries_of_replay on deliveries (replay_id) where replay_id is not null;

alter table attempts
  -- Phases, in milliseconds: null where the request did not come so far, or for names and
  -- connections that were at hand. `connect_ms` holds TLS as well.
  add column dns_ms real,
  add column connect_ms real,
  add column ttfb_ms real,
  add column reused boolean,
  add column tls_version text,
  -- The secrets that signed, the current one first.
  add column secret_ids bigint[];

create table replays (
  id bigint generated always as identity primary key,
  public_id text not null unique default leadfall_object_id(),
  workspace_id bigint not null references workspaces,
  endpoint_id bigint not null references endpoints,
  -- Events born in [since, until) whose delivery is in one of these states.
  since timestamptz not null,
  until timestamptz not null,
  states text[] not null,
  state text not null default 'running' check (state in ('running', 'finished', 'cancelled')),
  -- Counted when it was asked for.
  matched_count bigint not null,
  replayed_count bigint not null default 0,
  -- Where it goes on.
  after_created_at timestamptz,
  after_event_id uuid,
  created_at timestamptz not null default leadfall_now(),
  updated_at timestamptz not null default leadfall_now(),
  finished_at timestamptz
);
create unique index one_running_replay on replays (endpoint_id) where state = 'running';
create index replays_of_workspace on replays (workspace_id, id);

-- Drops at most one daily partition of `parent` that ended before `cutoff` and returns its name,
-- null when there is none. It waits only briefly for its lock, so that writers are not held up.
create function leadfall_drop_partition(parent text, cutoff timestamptz) returns text
language plpgsql
set lock_timeout = '200ms'
as $$
declare
  found text;
begin
  select c.relname into found
  from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = parent::regclass
    and c.relname ~ ('^' || parent || '_[0-9]{8}$')
    and (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp at time zone 'utc' <= cutoff
  order by c.relname limit 1;
  if found is not null then
    execute format('drop table %I', found);
  end if;
  return found;
exception
  when lock_not_available then return null;
end $$;

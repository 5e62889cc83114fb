-- The outbox and the delivery of what is in it.

create table endpoints (
  id bigint generated always as identity primary key,
  public_id text not null unique default leadfall_object_id(),
  workspace_id bigint not null references workspaces,
  name text not null,
  url text not null,
  -- Lower-case host and port of the URL: caps and back-off nest by it.
  host text not null,
  port integer not null,
  event_types text[] not null default '{}',
  -- Made from a job's webhook_url: not listed, and gets only what jobs address to it.
  hidden boolean not null default false,
  enabled boolean not null default true,
  disabled_reason text,
  timeout_ms integer not null default 15000 check (timeout_ms between 1000 and 30000),
  -- Attempts after the first.
  retry_count_max integer not null default 9 check (retry_count_max between 0 and 10),
  -- Nothing is sent before this; set by Retry-After and by back-off of the receiver.
  hold_until timestamptz,
  failing_since timestamptz,
  failure_count integer not null default 0,
  -- Last delivery sequence number given out.
  last_sequence bigint not null default 0,
  created_at timestamptz not null default leadfall_now(),
  deleted_at timestamptz
) with (fillfactor = 50);
create unique index one_hidden_endpoint_per_url on endpoints (workspace_id, md5(url))
  where hidden and deleted_at is null;
create index endpoints_of_workspace on endpoints (workspace_id, id) where deleted_at is null;

-- Whether a subscription list names the event type, outright or by a wildcard such as `lead.*`.
create function leadfall_subscribes(event_types text[], type text) returns boolean
language sql immutable parallel safe
as $$ select type = any(event_types) or '*' = any(event_types)
          or split_part(type, '.', 1) || '.*' = any(event_types) $$;

create table signing_secrets (
  id bigint generated always as identity primary key,
  workspace_id bigint not null references workspaces,
  -- Null: the workspace's default, used by every endpoint without one of its own.
  endpoint_id bigint references endpoints,
  -- MultiFernet token; its plaintext repeats the row it belongs to.
  ciphertext bytea not null,
  created_at timestamptz not null default leadfall_now(),
  -- Null: current. Else it signs beside the current one until then.
  expires_at timestamptz
);
create unique index one_current_secret on signing_secrets (workspace_id, coalesce(endpoint_id, 0))
  where expires_at is null;
-- Current and expiring ones sign together.
create index secrets_of_workspace on signing_secrets (workspace_id, coalesce(endpoint_id, 0));

-- Debezium's outbox column names, so that change data capture can read it as it is. The payload
-- is the exact body every attempt sends.
create table events (
  id uuid not null,
  aggregatetype text not null,
  aggregateid text not null,
  type text not null,
  payload bytea not null,
  workspace_id bigint not null,
  created_at timestamptz not null,
  primary key (created_at, id)
) partition by range (created_at);
create table events_default partition of events default;
create index events_of_workspace on events (workspace_id, created_at);

-- One event for one endpoint. The primary key is the exactly-once guard that the partitioned
-- event table cannot give.
create table deliveries (
  event_id uuid not null,
  endpoint_id bigint not null,
  workspace_id bigint not null,
  event_type text not null,
  event_created_at timestamptz not null,
  state text not null default 'due' check (
    state in ('due', 'sending', 'parked', 'delivered', 'exhausted', 'aborted', 'withdrawn')
  ),
  due_at timestamptz not null,
  owner uuid,
  epoch integer not null default 0,
  -- Requests that began; claims that never sent are not attempts.
  attempt_count integer not null default 0,
  unsent_claim_count integer not null default 0,
  -- Given in order per endpoint by the dispatcher, after commit.
  sequence bigint,
  last_status integer,
  reason text,
  created_at timestamptz not null,
  finished_at timestamptz,
  primary key (event_id, endpoint_id),
  constraint sending_with_an_owner check ((state = 'sending') = (owner is not null))
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index deliveries_due on deliveries (endpoint_id, due_at) where state = 'due';
create index deliveries_sending on deliveries (owner) where state = 'sending';
create index deliveries_of_endpoint on deliveries (endpoint_id, created_at);

-- Every request made, append only, dropped by whole partitions.
create table attempts (
  event_id uuid not null,
  endpoint_id bigint not null,
  number integer not null,
  started_at timestamptz not null,
  duration_ms integer not null,
  address text,
  status integer,
  -- success, or the class of the failure.
  class text not null,
  decision text not null,
  reason text,
  answer bytea,
  body_sha256 bytea not null
) partition by range (started_at);
create table attempts_default partition of attempts default;
create index attempts_of_delivery on attempts (event_id, endpoint_id, started_at);

-- Makes the daily partitions from today to `days` ahead; safe to call at any time.
create function leadfall_ensure_partitions(days integer) returns void
language plpgsql
as $$
declare
  day date;
  parent text;
begin
  for i in 0..days loop
    day := (statement_timestamp() at time zone 'utc')::date + i;
    foreach parent in array array['events', 'attempts'] loop
      if to_regclass(parent || '_' || to_char(day, 'YYYYMMDD')) is null then
        begin
          execute format(
            'create table %I partition of %I for values from (%L) to (%L)',
            parent || '_' || to_char(day, 'YYYYMMDD'), parent,
            day::timestamp at time zone 'utc', (day + 1)::timestamp at time zone 'utc'
          );
        exception
          -- Rows of that day already lie in the default partition, or another process was
          -- faster: both are fine, the rows have a home.
          when check_violation or duplicate_table then null;
        end;
      end if;
    end loop;
  end loop;
end $$;
select leadfall_ensure_partitions(7);

-- People who hold several workspaces, people who must not be looked up, and finding by text.

create extension if not exists pg_trgm;

-- The holder of a platform key: a person who may act in several workspaces.
create table accounts (
  id bigint generated always as identity primary key,
  public_id text not null unique default leadfall_object_id(),
  name text not null,
  email text not null,
  created_at timestamptz not null default leadfall_now()
);

create table workspace_members (
  workspace_id bigint not null references workspaces,
  account_id bigint not null references accounts,
  role text not null check (role in ('owner', 'admin', 'member')),
  joined_at timestamptz not null default leadfall_now(),
  primary key (workspace_id, account_id)
);
create index workspaces_of_account on workspace_members (account_id);

-- A platform key belongs to an account and names its workspace in each request.
alter table api_keys alter column workspace_id drop not null;
alter table api_keys add column account_id bigint references accounts;
alter table api_keys add constraint key_of_one_holder
  check ((workspace_id is null) <> (account_id is null));

-- Keyed hashes of people who must not be looked up: after erasure, by opt-out, or because a vendor
-- may not say anything of them (451). Workspace 0 holds for all.
create table suppressions (
  workspace_id bigint not null,
  person bytea not null,
  reason text not null check (reason in ('erasure', 'opt_out', 'legal')),
  created_at timestamptz not null default leadfall_now(),
  primary key (workspace_id, person)
);

-- Whether the job asks for one event as each of its leads settles.
alter table jobs add column per_lead_events boolean not null default false;
create index jobs_by_end on jobs (finished_at) where finished_at is not null;

-- One index for every search by text.
alter table leads add column search_text text generated always as (
  lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '') || ' ' || coalesce(email, '')
    || ' ' || coalesce(company_name, '') || ' ' || coalesce(job_title, ''))
) stored;
create index leads_by_text on leads using gin (search_text gin_trgm_ops);

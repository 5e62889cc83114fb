-- People to enrich, and the lists they are in.

-- A 24-hex id whose first 8 digits are the time, so that it sorts by creation.
create function leadfall_object_id() returns text
language sql volatile parallel safe
as $$
  select lpad(to_hex(extract(epoch from statement_timestamp())::bigint), 8, '0')
      || substr(replace(gen_random_uuid()::text, '-', ''), 1, 16)
$$;

create table leads (
  id bigint generated always as identity primary key,
  public_id text not null unique default leadfall_object_id(),
  workspace_id bigint not null references workspaces,
  first_name text,
  last_name text,
  company_name text,
  company_domain text,
  company_size text,
  industry text,
  job_title text,
  seniority text,
  department text,
  headline text,
  location text,
  city text,
  state text,
  country text,
  linkedin_url text,
  email text,
  -- Whether the address parses; decided once, where it is written.
  email_parses boolean not null default false,
  -- 'given' by create, import or patch; 'found' by a lookup.
  email_source text check (email_source in ('given', 'found')),
  email_verdict text check (email_verdict in ('deliverable', 'undeliverable', 'risky', 'unknown')),
  email_reason text,
  email_verified_at timestamptz,
  phone text,
  -- Set when the phone parses to E.164.
  phone_e164 text,
  gateway_slug text,
  gateway_name text,
  gateway_checked_at timestamptz,
  esp_slug text,
  esp_name text,
  esp_checked_at timestamptz,
  tags text[] not null default '{}',
  custom_fields jsonb not null default '{}',
  created_at timestamptz not null default leadfall_now(),
  updated_at timestamptz not null default leadfall_now(),
  constraint lead_id_is_24_hex check (public_id ~ '^[0-9a-f]{24}$'),
  constraint email_and_its_source_go_together check ((email is null) = (email_source is null))
);
create index leads_of_workspace on leads (workspace_id, id);
-- Binds addresses that were given, never found ones: two leads may turn out to be one person.
create unique index given_email_once_per_workspace on leads (workspace_id, lower(email))
  where email_source = 'given';

create table lists (
  id bigint generated always as identity primary key,
  workspace_id bigint not null references workspaces,
  name text not null,
  search_type text not null check (search_type in ('PEOPLE', 'COMPANY')),
  created_at timestamptz not null default leadfall_now()
);
create index lists_of_workspace on lists (workspace_id, id);

create table list_leads (
  list_id bigint not null references lists on delete cascade,
  lead_id bigint not null references leads on delete cascade,
  primary key (list_id, lead_id)
);
create index lists_of_lead on list_leads (lead_id);

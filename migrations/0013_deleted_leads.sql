-- Which lead an id or an address meant that is no more: its lookups outlive it, and whoever is
-- erased later is to be found in them.

-- Kept as long as lookups of it may be.
create table deleted_leads (
  lead_id bigint primary key,
  public_id text not null,
  workspace_id bigint not null,
  -- SHA-256 of its address in lower case. It hides little, and need not: the lookups that it leads
  -- to, and that it goes with, hold the person in plain text.
  email_hash bytea,
  deleted_at timestamptz not null
);
create index deleted_leads_by_public_id on deleted_leads (public_id);
create index deleted_leads_by_email on deleted_leads (workspace_id, email_hash)
  where email_hash is not null;
create index deleted_leads_by_time on deleted_leads (deleted_at);

create function leadfall_email_hash(email text) returns bytea
language sql immutable strict parallel safe
as $$ select sha256(convert_to(lower(email), 'UTF8')) $$;

-- A trigger, since nobody who deletes may forget it.
create function leadfall_remember_deleted() returns trigger
language plpgsql
as $$
begin
  insert into deleted_leads (lead_id, public_id, workspace_id, email_hash, deleted_at)
  select id, public_id, workspace_id, leadfall_email_hash(email), (select leadfall_now())
  from gone;
  return null;
end $$;
create trigger deleted_leads_are_remembered after delete on leads
  referencing old table as gone for each statement execute function leadfall_remember_deleted();

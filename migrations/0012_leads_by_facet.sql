-- What finds rare values in the order of pages: one index for each facet of people, tags in a table.

-- Whose mailbox an address is: that of a person who took one anywhere, or of a business.
-- A test compares the domains with those of service/domain/email_address.py.
create function leadfall_email_sort(email text) returns text
language plpgsql immutable strict parallel safe
as $$
begin
  return case when lower(split_part(email, '@', 2)) = any(
    '{126.com,163.com,aim.com,aol.com,fastmail.com,free.fr,gmail.com,gmx.at,gmx.ch,gmx.com,gmx.de,
      gmx.net,googlemail.com,hey.com,hotmail.co.uk,hotmail.com,hotmail.de,hotmail.es,hotmail.fr,
      hotmail.it,icloud.com,laposte.net,libero.it,live.co.uk,live.com,live.fr,mac.com,mail.com,
      mail.ru,me.com,msn.com,naver.com,orange.fr,outlook.com,outlook.de,outlook.fr,pm.me,proton.me,
      protonmail.com,qq.com,rocketmail.com,sina.com,t-online.de,tutanota.com,wanadoo.fr,web.de,
      yahoo.ca,yahoo.co.in,yahoo.co.jp,yahoo.co.uk,yahoo.com,yahoo.com.br,yahoo.de,yahoo.es,
      yahoo.fr,yahoo.it,yandex.com,yandex.ru,ymail.com,zoho.com}'::text[]
  ) then 'personal' else 'business' end;
end $$;

-- Each begins with the workspace and ends with the id, so that a page reads what it shows, however
-- rare the value is and whatever lies around it.
create index people_by_verified on leads (workspace_id, ((email_verified_at is null)::integer), id)
  where not is_company;
create index people_by_verdict on leads (workspace_id, email_verdict, id)
  where not is_company and email_verdict is not null;
create index people_by_email_sort on leads (workspace_id, leadfall_email_sort(email), id)
  where not is_company and email is not null;
create index people_by_company on leads (workspace_id, ((company_name is null)::integer), id)
  where not is_company;
create index people_by_phone on leads (workspace_id, ((phone is null)::integer), id)
  where not is_company;
create index people_by_gateway on leads (workspace_id, ((gateway_slug is null)::integer), id)
  where not is_company;
create index people_by_country on leads (workspace_id, lower(country), id)
  where not is_company and country is not null;
create index people_by_city on leads (workspace_id, lower(city), id)
  where not is_company and city is not null;
create index people_by_creation on leads (workspace_id, created_at, id) where not is_company;

-- Which people carry a tag. Kept by triggers, since nobody may forget it; who has no tags pays
-- nothing for it.
create table lead_tags (
  workspace_id bigint not null,
  tag text not null,
  lead_id bigint not null,
  primary key (workspace_id, tag, lead_id)
);
insert into lead_tags
select distinct workspace_id, tag, id from leads cross join unnest(tags) tag where not is_company;

create function leadfall_keep_tags() returns trigger
language plpgsql
as $$
begin
  if tg_op <> 'INSERT' then
    delete from lead_tags
    where workspace_id = old.workspace_id and tag = any(old.tags) and lead_id = old.id;
  end if;
  if tg_op <> 'DELETE' then
    insert into lead_tags
    select distinct new.workspace_id, tag, new.id from unnest(new.tags) tag where tag is not null;
  end if;
  return null;
end $$;
create trigger tags_of_new_lead after insert on leads
  for each row when (new.tags <> '{}' and not new.is_company) execute function leadfall_keep_tags();
create trigger tags_of_changed_lead after update of tags on leads
  for each row when (new.tags is distinct from old.tags and not new.is_company)
  execute function leadfall_keep_tags();
create trigger tags_of_deleted_lead after delete on leads
  for each row when (old.tags <> '{}' and not old.is_company) execute function leadfall_keep_tags();

-- One index for every search by text: what people are known by, and what else is known about them.
-- The parts of a location are joined as the filter that matches across them joins them.
create function leadfall_attributes(
  headline text, industry text, location text, city text, state text, country text
) returns text
language plpgsql immutable parallel safe
as $$
begin
  return lower(concat_ws(
    E'\n', headline, industry, nullif(concat_ws(', ', location, city, state, country), '')
  ));
end $$;
drop index leads_by_text;
create index leads_by_text on leads using gin (
  search_text gin_trgm_ops,
  leadfall_attributes(headline, industry, location, city, state, country) gin_trgm_ops
);

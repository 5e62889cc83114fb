-- What a page by number passes over is told by the indexes of facets without the row. An index of an
-- expression alone does not tell what the expression was made of, so it has that column as well.

-- A place of 500 characters fits into an entry of an index once and not twice, so what is compared
-- is a column. This writes the table anew, and so comes before the indexes.
drop index people_by_country;
drop index people_by_city;
alter table leads
  add column country_lower text generated always as (lower(country)) stored,
  add column city_lower text generated always as (lower(city)) stored;

drop index people_by_verified;
create index people_by_verified on leads (workspace_id, ((email_verified_at is null)::integer), id)
  include (email_verified_at) where not is_company;
drop index people_by_email_sort;
create index people_by_email_sort on leads (workspace_id, leadfall_email_sort(email), id)
  include (email) where not is_company and email is not null;
drop index people_by_company;
create index people_by_company on leads (workspace_id, ((company_name is null)::integer), id)
  include (company_name) where not is_company;
drop index people_by_phone;
create index people_by_phone on leads (workspace_id, ((phone is null)::integer), id)
  include (phone) where not is_company;
drop index people_by_gateway;
create index people_by_gateway on leads (workspace_id, ((gateway_slug is null)::integer), id)
  include (gateway_slug) where not is_company;

create index people_by_country on leads (workspace_id, country_lower, id)
  where not is_company and country_lower is not null;
create index people_by_city on leads (workspace_id, city_lower, id)
  where not is_company and city_lower is not null;

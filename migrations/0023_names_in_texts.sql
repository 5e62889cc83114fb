-- What the index that has the texts says of people goes for their names and addresses, too: so words
-- and names are met along it without reading rows, where so many have them, or have them so far on,
-- that the index by text would have rows read in vain.

drop index leads_texts;
drop index leads_long_texts;
create index leads_texts on leads (workspace_id, id)
  include (is_company, first_name, last_name, email, headline, job_title, company_name, industry,
    location, city, state, country)
  where coalesce(octet_length(first_name), 0) + coalesce(octet_length(last_name), 0)
    + coalesce(octet_length(email), 0)
    + coalesce(octet_length(headline), 0) + coalesce(octet_length(job_title), 0)
    + coalesce(octet_length(company_name), 0) + coalesce(octet_length(industry), 0)
    + coalesce(octet_length(location), 0) + coalesce(octet_length(city), 0)
    + coalesce(octet_length(state), 0) + coalesce(octet_length(country), 0) <= 2000;
create index leads_long_texts on leads (workspace_id, id)
  where coalesce(octet_length(first_name), 0) + coalesce(octet_length(last_name), 0)
    + coalesce(octet_length(email), 0)
    + coalesce(octet_length(headline), 0) + coalesce(octet_length(job_title), 0)
    + coalesce(octet_length(company_name), 0) + coalesce(octet_length(industry), 0)
    + coalesce(octet_length(location), 0) + coalesce(octet_length(city), 0)
    + coalesce(octet_length(state), 0) + coalesce(octet_length(country), 0) > 2000;

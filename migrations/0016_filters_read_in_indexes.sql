-- What the filters with a vocabulary compare is in the indexes they walk along, so that who does not
-- fit is passed over without reading the row: excluding a value reads a page, as asking for one does.

-- Three of these together must fit in an entry of an index.
alter table leads add constraint vocabulary_fits_an_index check (
  length(seniority) <= 200 and length(department) <= 200 and length(company_size) <= 200
);

drop index leads_of_workspace;
create index leads_of_workspace on leads (workspace_id, id)
  include (is_company, seniority, department, company_size);
drop index companies_of_workspace;
create index companies_of_workspace on leads (workspace_id, id)
  include (seniority, department, company_size) where is_company;

-- An index of an expression alone does not tell what the expression was made of.
drop index leads_by_seniority;
create index leads_by_seniority on leads (workspace_id, lower(seniority), id)
  include (is_company, seniority) where seniority is not null;
drop index leads_by_department;
create index leads_by_department on leads (workspace_id, lower(department), id)
  include (is_company, department) where department is not null;
drop index leads_by_company_size;
create index leads_by_company_size on leads (workspace_id, lower(company_size), id)
  include (is_company, company_size) where company_size is not null;

-- How common each value is. Indexes of a part of a table tell the planner nothing of this.
create statistics leads_vocabulary on lower(seniority), lower(department), lower(company_size)
  from leads;

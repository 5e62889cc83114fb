-- Lookups of erased people are not shown among their job's, and so not counted: there are few.
create index lookups_erased on lookups (job_id) where erased_at is not null;

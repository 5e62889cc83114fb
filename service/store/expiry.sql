-- Jobs that expire: first the job itself becomes a tombstone, then what hung off it goes in batches.

-- name: expire_jobs
-- $1 how long a job is kept after its end, $2 jobs at most. From here on they cannot be read.
with due as materialized (
  select id from jobs
  where finished_at < (select leadfall_now()) - $1::interval
  order by finished_at limit $2
  for update skip locked
),
gone as (
  delete from jobs j using due where j.id = due.id returning j.*
)
insert into expired_jobs (
  id, public_id, workspace_id, face, type, kind, lookup_count, charged, refunded, created_at,
  finished_at, expired_at, swept_at
)
select id, public_id, workspace_id, face, type, kind, lookup_count, charged, refunded, created_at,
       finished_at, now, case when lookup_count = 0 then now end
from gone, (select leadfall_now() as now) moment;

-- name: sweep_lookups
-- $1 lookups at most. Deletes lookups of the jobs that expired first, with their calls and with
-- the submissions that no other call is part of; returns how many lookups.
with open as materialized (
  select id from expired_jobs where swept_at is null order by expired_at limit 100
),
due as materialized (
  select k.id from open join lookups k on k.job_id = open.id limit $1
),
gone as (
  delete from lookups k using due where k.id = due.id returning k.id
),
calls_gone as (
  delete from calls c using due where c.lookup_id = due.id returning c.submission_id
),
submissions_gone as (
  delete from submissions s
  using (select distinct submission_id from calls_gone where submission_id is not null) used
  where s.id = used.submission_id and not exists (
    select from calls c
    where c.submission_id = s.id and c.lookup_id not in (select id from due))
)
select count(*) from gone;

-- name: close_swept
-- The jobs of which nothing is left.
update expired_jobs e set swept_at = (select leadfall_now())
where e.swept_at is null and not exists (select from lookups k where k.job_id = e.id);

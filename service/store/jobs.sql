-- Reading jobs and the results of their lookups.

-- name: read_jobs_of_request
select * from jobs where request_id = $1 order by array_position($2::text[], type), id;

-- name: read_job
select * from jobs where workspace_id = $1 and face = $2 and public_id = $3;

-- name: read_jobs
select * from jobs where id = any($1::uuid[]);

-- name: read_results
-- Lookups of a job after lookup $2, in order, at most $3.
select k.id as lookup_id, k.job_id, k.lead_id, l.public_id as lead_public_id, l.first_name,
       l.last_name, k.target, k.outcome, k.value, k.reason
from lookups k
left join leads l on l.id = k.lead_id
where k.job_id = $1 and k.id > $2
order by k.id
limit $3;

-- name: read_result_of_lead
select k.id as lookup_id, k.job_id, k.lead_id, l.public_id as lead_public_id, l.first_name,
       l.last_name, k.target, k.outcome, k.value, k.reason
from leads l
join lookups k on k.lead_id = l.id
where k.job_id = $1 and l.public_id = $2;

-- name: read_results_of_jobs
select k.id as lookup_id, k.job_id, k.lead_id, l.public_id as lead_public_id, l.first_name,
       l.last_name, k.target, k.outcome, k.value, k.reason
from lookups k
left join leads l on l.id = k.lead_id
where k.job_id = any($1::uuid[])
order by k.job_id, k.id;

-- name: read_skipped
-- The leads of $2 for which at least one of the jobs $1 has no lookup.
select l.public_id
from leads l
where l.id = any($2::bigint[])
  and (select count(*) from lookups k where k.job_id = any($1::uuid[]) and k.lead_id = l.id)
      < cardinality($1::uuid[])
order by l.id;

-- name: read_finished
select id from jobs where id = any($1::uuid[]) and finished_at is not null;

-- name: cancel
-- Marked at once; its lookups settle as workers come across them.
update jobs set cancelled_at = now, updated_at = now
from (select leadfall_now() as now) moment
where workspace_id = $1 and face = $2 and public_id = $3
  and finished_at is null and cancelled_at is null
returning jobs.*;

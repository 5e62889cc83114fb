-- Reading jobs and the results of their lookups.

-- name: read_jobs_of_request
select * from jobs where request_id = $1 order by array_position($2::text[], type), id;

-- name: read_job
select * from jobs where workspace_id = $1 and face = $2 and public_id = $3;

-- name: read_jobs
select * from jobs where id = any($1::uuid[]);

-- name: read_results
-- Lookups of a job after lookup $2, in order, at most $3; only those that ended so where $4 names
-- an outcome. Lookups of erased people are not told of, here and below.
select k.id as lookup_id, k.job_id, k.lead_id, l.public_id as lead_public_id, l.first_name,
       l.last_name, k.target, k.outcome, k.value, k.reason, k.refunded
from lookups k
left join leads l on l.id = k.lead_id
where k.job_id = $1 and k.id > $2 and k.erased_at is null
  and ($4::text is null or k.outcome = $4)
order by k.id
limit $3;

-- name: count_erased
-- Of those lookups, how many are of erased people.
select count(*) from lookups
where job_id = $1 and erased_at is not null and ($2::text is null or outcome = $2);

-- name: read_result_of_lead
select k.id as lookup_id, k.job_id, k.lead_id, l.public_id as lead_public_id, l.first_name,
       l.last_name, k.target, k.outcome, k.value, k.reason, k.refunded
from leads l
join lookups k on k.lead_id = l.id
where k.job_id = $1 and l.public_id = $2 and k.erased_at is null;

-- name: read_results_of_jobs
select k.id as lookup_id, k.job_id, k.lead_id, l.public_id as lead_public_id, l.first_name,
       l.last_name, k.target, k.outcome, k.value, k.reason, k.refunded
from lookups k
left join leads l on l.id = k.lead_id
where k.job_id = any($1::uuid[]) and k.erased_at is null
order by k.job_id, k.id;

-- name: read_told_results
-- The lookups $1, in order, with the time at which they settled.
select k.id as lookup_id, k.job_id, k.lead_id, l.public_id as lead_public_id, l.first_name,
       l.last_name, k.target, k.outcome, k.value, k.reason, k.refunded, k.settled_at
from lookups k
left join leads l on l.id = k.lead_id
where k.id = any($1::bigint[]) and k.erased_at is null
order by k.id;

-- name: list
-- Jobs of workspace $1 and face $2 older than job $3 (null: from the newest on), newest first, at
-- most $4; only those with status $5 and type $6 where they are given.
select *
from jobs
where workspace_id = $1 and face = $2 and ($3::uuid is null or id < $3)
  and ($5::text is null or case
    when cancelled_at is not null then 'cancelled'
    when finished_at is null then case when started_at is null then 'pending' else 'processing' end
    when lookup_count > 0 and found_count + missing_count = 0 then 'failed'
    else 'completed'
  end = $5)
  and ($6::text is null or type = $6)
order by id desc
limit $4;

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

-- name: wake_cancelled
-- Lookups of a cancelled job that wait for a moment, and not for a vendor, need not wait for it.
update lookups l set state = 'ready', wake_at = null
where l.job_id = $1 and l.state = 'waiting' and not exists (
  select from calls c join submissions s on s.id = c.submission_id
  where c.lookup_id = l.id and c.outcome is null and s.state = 'submitted');

-- name: cancel
-- Marked at once; its lookups settle as workers come across them.
update jobs set cancelled_at = now, updated_at = now
from (select leadfall_now() as now) moment
where workspace_id = $1 and face = $2 and public_id = $3
  and finished_at is null and cancelled_at is null
returning jobs.*;

-- Credits: every movement is an entry, and the balance moves in the statement that enters it.

-- name: read_balance
select balance from workspaces where id = $1;

-- name: read_balances
select id, balance from workspaces where id = any($1::bigint[]);

-- name: grant
with raised as (
  update workspaces set balance = balance + $2 where id = $1 returning id, balance
),
entered as (
  insert into ledger (workspace_id, kind, amount, note, created_at)
  select id, 'grant', $2, $3, (select leadfall_now()) from raised
)
select balance from raised;

-- name: refund
-- $1 lookup, $2 job, $3 workspace, $4 amount, as columns. An entry that is there already moves
-- nothing: the balance is raised by what was really entered.
with batch as (
  select * from unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::integer[])
    as b(lookup_id, job_id, workspace_id, amount)
),
entered as (
  insert into ledger (workspace_id, kind, amount, job_id, lookup_id, created_at)
  select workspace_id, 'refund', amount, job_id, lookup_id, (select leadfall_now()) from batch
  order by lookup_id
  on conflict (lookup_id) where kind = 'refund' do nothing
  returning workspace_id, amount
),
total as materialized (
  select workspace_id, sum(amount) as amount from entered group by workspace_id
),
held as materialized (
  select w.id from workspaces w where w.id in (select workspace_id from total)
  order by w.id for no key update
)
update workspaces w set balance = w.balance + total.amount
from total join held on held.id = total.workspace_id
where w.id = total.workspace_id;

-- name: read_thresholds
select balance, low_balance from workspaces where id = $1;

-- name: list
-- Entries of workspace $1 before ($2, $3), newest first, at most $4 (null: from the newest on);
-- only of kind $5, of the job with public id $6, since $7 and before $8, where these are given.
-- A job that expired is still named.
with wanted as materialized (
  select id, created_at, finished_at from jobs
  where $6::text is not null and workspace_id = $1::bigint and public_id = $6
  union all
  select id, created_at, finished_at from expired_jobs
  where $6::text is not null and workspace_id = $1::bigint and public_id = $6
),
-- All entries of a job lie between its acceptance and its end, or soon after: the last refunds are
-- entered by a later statement of the transaction that ends it.
span as materialized (
  select greatest(min(created_at), $7::timestamptz) as since,
         case when bool_and(finished_at is not null)
              then max(finished_at) + interval '1 hour' end as until
  from wanted
),
page as materialized (
  select l.*
  from span, ledger l
  where l.workspace_id = $1::bigint
    and ($2::timestamptz is null or (l.created_at, l.id) < ($2::timestamptz, $3::bigint))
    and ($5::text is null or l.kind = $5)
    and ($6::text is null or l.job_id in (select id from wanted))
    and l.created_at >= coalesce(span.since, $7::timestamptz, '-infinity')
    and l.created_at <= coalesce(span.until, 'infinity')
    and l.created_at < coalesce($8::timestamptz, 'infinity')
  order by l.created_at desc, l.id desc
  limit $4::bigint
)
select p.id, p.kind, p.amount, p.note, p.created_at, coalesce(j.public_id, x.public_id) as job_id
from page p
left join jobs j on j.id = p.job_id
left join expired_jobs x on x.id = p.job_id
order by p.created_at desc, p.id desc;

-- name: usage_by_kind
-- What moved in workspace $1 in [$2, $3), by UTC day and kind of job, without grants.
select (l.created_at at time zone 'utc')::date as day, coalesce(j.kind, x.kind) as kind,
       coalesce(-sum(l.amount) filter (where l.kind = 'charge'), 0)::bigint as charged,
       coalesce(sum(l.amount) filter (where l.kind = 'refund'), 0)::bigint as refunded
from ledger l
left join jobs j on j.id = l.job_id
left join expired_jobs x on x.id = l.job_id
where l.workspace_id = $1 and l.created_at >= $2 and l.created_at < $3 and l.kind <> 'grant'
group by 1, 2
order by 1, 2;

-- name: usage_by_provider
-- The steps of jobs of workspace $1 accepted in [$2, $3) that asked somebody, by UTC day, kind and
-- provider; as far back as jobs are kept.
select (c.intended_at at time zone 'utc')::date as day, j.kind, c.provider,
       count(*) filter (where c.from_memory_at is null) as calls,
       count(*) filter (where c.from_memory_at is not null) as from_memory,
       count(*) filter (where c.outcome = 'found') as found,
       sum(c.price_thousandths)::bigint as price_thousandths
from jobs j
join lookups k on k.job_id = j.id
join calls c on c.lookup_id = k.id
where j.workspace_id = $1 and j.created_at >= $2 and j.created_at < $3
  -- A step that was passed over asked nobody: its note is written and answered at one moment.
  and (c.from_memory_at is not null or c.duration_ms is not null or c.submission_id is not null
       or c.outcome is null)
group by 1, 2, 3
order by 1, 2, 3;

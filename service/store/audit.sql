-- The promises as questions. Every row that a statement returns is a breach: the name of the check
-- and the id of what broke it. All of them read one snapshot, and large tables only as wholes.

-- name: read_moment
select leadfall_now();

-- name: count_rows
select (select count(*) from workspaces) as workspaces, (select count(*) from jobs) as jobs,
       (select count(*) from lookups) as lookups, (select count(*) from calls) as calls,
       (select count(*) from ledger) as ledger, (select count(*) from events) as events,
       (select count(*) from deliveries) as deliveries;

-- name: read_kept_since
-- From when on the partitioned table $1 is complete: older partitions are dropped whole.
select coalesce(
  min((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz),
  'epoch')
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = $1::text::regclass;

-- name: idempotency_keys
select 'key_has_its_jobs' as name, k.request_id::text as id
from idempotency_keys k
where not exists (select from jobs j where j.request_id = k.request_id);

-- name: balances
with entered as materialized (
  select workspace_id, sum(amount) as amount from ledger group by workspace_id
)
select broken.name, coalesce(w.public_id, e.workspace_id::text) as id
from workspaces w
full join entered e on e.workspace_id = w.id
cross join lateral (values
  ('balance_is_sum_of_ledger', w.balance is distinct from coalesce(e.amount, 0)),
  ('balance_not_negative', w.balance < 0)
) as broken(name, so)
where broken.so;

-- name: charges
with entered as materialized (
  select job_id, count(*) as count, sum(amount) as amount, min(workspace_id) as workspace_id
  from ledger where kind = 'charge' group by job_id
),
known as materialized (
  select id, public_id, workspace_id, charged, price * lookup_count as due from jobs
  union all
  select id, public_id, workspace_id, charged, charged from expired_jobs
)
select 'one_charge_per_priced_job' as name, coalesce(j.public_id, e.job_id::text) as id
from known j
full join entered e on e.job_id = j.id
where j.id is null
   or (e.count is not null or j.charged > 0 or j.due > 0)
      and (e.count, e.amount, e.workspace_id) is distinct from (1, -j.charged, j.workspace_id);

-- name: jobs
with tally as materialized (
  select job_id, count(*) as lookup_count,
         count(*) filter (where state <> 'settled') as open_count,
         count(*) filter (where outcome = 'found') as found_count,
         count(*) filter (where outcome = 'missing') as missing_count,
         count(*) filter (where outcome = 'no_answer') as no_answer_count,
         count(*) filter (where outcome = 'rejected_input') as rejected_count,
         count(*) filter (where outcome = 'cancelled') as cancelled_count,
         sum(refunded) as refunded
  from lookups group by job_id
),
returned as materialized (
  select job_id, sum(amount) as amount from ledger where kind = 'refund' group by job_id
)
select broken.name, j.public_id as id
from jobs j
left join tally t on t.job_id = j.id
left join returned r on r.job_id = j.id
cross join lateral (values
  ('charge_is_price_times_lookups', j.charged <> j.price::bigint * j.lookup_count),
  ('lookup_count_is_rows', j.lookup_count <> coalesce(t.lookup_count, 0)),
  ('open_count_is_open_rows', j.open_count <> coalesce(t.open_count, 0)),
  ('finished_exactly_when_none_open', (j.open_count = 0) <> (j.finished_at is not null)),
  ('outcome_counts_are_rows',
   (j.found_count, j.missing_count, j.no_answer_count, j.rejected_count, j.cancelled_count)
   <> (coalesce(t.found_count, 0), coalesce(t.missing_count, 0), coalesce(t.no_answer_count, 0),
       coalesce(t.rejected_count, 0), coalesce(t.cancelled_count, 0))),
  ('job_refunds_agree',
   j.refunded <> coalesce(t.refunded, 0) or j.refunded <> coalesce(r.amount, 0))
) as broken(name, so)
where broken.so;

-- name: expired_jobs
-- Of an expired job only the sum can be compared, as its lookups are gone.
with returned as materialized (
  select job_id, sum(amount) as amount from ledger where kind = 'refund' group by job_id
)
select broken.name, x.public_id as id
from expired_jobs x
left join jobs j on j.id = x.id
left join returned r on r.job_id = x.id
cross join lateral (values
  ('expired_job_keeps_its_refunds', x.refunded <> coalesce(r.amount, 0)),
  ('expired_job_is_gone', j.id is not null)
) as broken(name, so)
where broken.so;

-- name: refunds
select 'refund_entry_for_each_refunded_lookup' as name, coalesce(e.lookup_id, l.id)::text as id
from (
  select * from ledger g
  where kind = 'refund' and not exists (select from expired_jobs x where x.id = g.job_id)
) e
full join (
  select * from lookups k
  where refunded <> 0 and not exists (select from expired_jobs x where x.id = k.job_id)
) l on l.id = e.lookup_id
where (e.amount, e.job_id, e.workspace_id) is distinct from (l.refunded, l.job_id, l.workspace_id);

-- name: finds
select 'found_is_not_refunded' as name, id::text as id
from lookups where outcome = 'found' and refunded <> 0;

-- name: settled
select 'settled_has_outcome_and_time' as name, id::text as id
from lookups
where (state = 'settled') <> (settled_at is not null) or (state = 'settled') <> (outcome is not null);

-- name: orphans
select 'lookup_has_its_job' as name, l.id::text as id
from lookups l
left join jobs j on j.id = l.job_id and j.workspace_id = l.workspace_id
where j.id is null and not exists (
  -- On its way out.
  select from expired_jobs x where x.id = l.job_id and x.swept_at is null);

-- name: strays
select 'call_has_its_lookup' as name, c.lookup_id || '.' || c.step as id
from calls c
left join lookups l on l.id = c.lookup_id
where l.id is null;

-- name: open_lookups
select 'one_open_lookup_per_lead_and_target' as name, lead_id::text as id
from lookups where settled_at is null
group by lead_id, target having count(*) > 1;

-- name: repeated_calls
-- $1 provider, $2 target, $3 how often it may be asked, as columns; others once.
select 'asked_again_only_where_allowed' as name, c.lookup_id || '.' || c.step as id
from calls c
join lookups l on l.id = c.lookup_id
left join unnest($1::text[], $2::text[], $3::integer[]) as p(provider, target, asks_max)
  on p.provider = c.provider and p.target = l.target
where c.ask_count > coalesce(p.asks_max, 1);

-- name: terminal_events
-- $1 since when events are kept.
with told as materialized (
  select aggregateid, count(*) as count
  from events
  where aggregatetype = 'job'
    and type in ('enrichment.completed', 'enrichment.failed', 'enrichment.cancelled')
  group by aggregateid
)
select broken.name, coalesce(j.public_id, t.aggregateid) as id
from (
  select public_id, finished_at from jobs union all select public_id, finished_at from expired_jobs
) j
full join told t on t.aggregateid = j.public_id
cross join lateral (values
  ('finished_job_has_one_terminal_event',
   j.finished_at >= $1::timestamptz and t.count is distinct from 1),
  ('open_job_has_no_terminal_event', t.count > 0 and j.finished_at is null)
) as broken(name, so)
where broken.so;

-- name: addressed_events
select 'webhook_url_has_its_delivery' as name, j.public_id as id
from events e
join jobs j on j.public_id = e.aggregateid
where e.aggregatetype = 'job' and j.webhook_url is not null
  and e.type in ('enrichment.completed', 'enrichment.failed', 'enrichment.cancelled')
  and not exists (
    select from deliveries d
    join endpoints p on p.id = d.endpoint_id
    where d.event_id = e.id and p.hidden and p.url = j.webhook_url
      and p.workspace_id = j.workspace_id);

-- name: deliveries
-- $1 since when events are kept.
select 'delivery_has_its_event' as name, d.event_id || '/' || d.endpoint_id as id
from deliveries d
left join events e on e.id = d.event_id and e.created_at = d.event_created_at
where e.id is null and d.event_created_at >= $1::timestamptz;

-- name: delivered
-- $1 since when attempts are kept; one may have begun just before what it delivered was finished.
select 'delivered_after_an_attempt' as name, d.event_id || '/' || d.endpoint_id as id
from deliveries d
where d.state = 'delivered' and d.finished_at >= $1::timestamptz + interval '1 minute'
  and not exists (
    select from attempts a where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id);

-- name: sequences
select 'sequence_once_per_endpoint' as name, endpoint_id || '#' || sequence as id
from deliveries where sequence is not null
group by endpoint_id, sequence having count(*) > 1;

-- name: abandoned_lookups
-- $1 how long a process may be silent. A process that has left has no row: then the age of the
-- lookup is all there is to go by.
select 'running_lookup_has_a_living_process' as name, l.id::text as id
from lookups l, (select leadfall_now() - $1::interval as since) line
where l.state = 'running' and l.created_at < line.since
  and not exists (select from processes p where p.id = l.owner and p.beat_at > line.since);

-- name: abandoned_deliveries
-- $1 how long a process may be silent.
select 'sending_delivery_has_a_living_process' as name, d.event_id || '/' || d.endpoint_id as id
from deliveries d, (select leadfall_now() - $1::interval as since) line
where d.state = 'sending' and d.created_at < line.since
  and not exists (select from processes p where p.id = d.owner and p.beat_at > line.since);

-- name: overslept_lookups
-- $1 how late a wake-up may be.
select 'waiting_lookup_is_woken' as name, id::text as id
from lookups
where state = 'waiting' and (wake_at is null or wake_at < (select leadfall_now()) - $1::interval);

-- name: overdue_submissions
-- $1 how late an end may be.
select 'submission_ends_by_its_deadline' as name, id::text as id
from submissions
where state = 'submitted' and deadline_at < (select leadfall_now()) - $1::interval;

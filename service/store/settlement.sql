-- Settling: separate statements of one transaction, in lock order lookups, leads, jobs, workspaces.
-- Every effect hangs off the rows that the first statement really changed.

-- name: close_lookups
-- $1 lookup, $2 epoch, $3 outcome, $4 value, $5 reason, $6 refund, as columns.
with batch as materialized (
  select * from unnest(
    $1::bigint[], $2::integer[], $3::text[], $4::jsonb[], $5::text[], $6::integer[]
  ) as b(lookup_id, epoch, outcome, value, reason, refund)
),
held as materialized (
  select id from lookups where id = any($1::bigint[]) and owner is not null order by id for update
)
-- What has an owner is running. To say so would offer the index of all that is running, which looks
-- empty to statistics taken at a quiet time, and was then gone through once for each row.
update lookups l
set state = 'settled', owner = null, outcome = b.outcome, value = b.value, reason = b.reason,
    refunded = b.refund, settled_at = (select leadfall_now())
from batch b join held on held.id = b.lookup_id
where l.id = b.lookup_id and l.epoch = b.epoch
returning l.id, l.epoch;

-- name: fill_leads
-- $1 lead, $2 target, $3 value, as columns: what was found goes to the lead. A verdict counts only
-- for the address it was about.
with filled as materialized (
  select lead_id,
         (array_agg(value) filter (where target = 'email'))[1] as email,
         (array_agg(value) filter (where target = 'phone'))[1] as phone,
         (array_agg(value) filter (where target = 'verification'))[1] as verification,
         (array_agg(value) filter (where target = 'gateway'))[1] as gateway,
         (array_agg(value) filter (where target = 'esp'))[1] as esp
  from unnest($1::bigint[], $2::text[], $3::jsonb[]) as f(lead_id, target, value)
  group by lead_id
),
held as materialized (
  select id from leads where id = any($1::bigint[]) order by id for no key update
),
moment as materialized (select leadfall_now() as now),
judged as (
  select f.*, f.email->>'email' as found_email,
         coalesce(
           case when lower(f.verification->>'email') = lower(coalesce(f.email->>'email', l.email))
                then f.verification end,
           f.email) as verdict
  from filled f join held on held.id = f.lead_id join leads l on l.id = f.lead_id
  where l.id = any($1::bigint[])
)
update leads l
set email = coalesce(j.found_email, l.email),
    email_source = case when j.found_email is null then l.email_source else 'found' end,
    email_parses = l.email_parses or j.found_email is not null,
    email_verdict = coalesce(j.verdict->>'verdict', l.email_verdict),
    email_reason = case when j.verdict is null then l.email_reason else j.verdict->>'reason' end,
    email_verified_at = case when j.verdict is null then l.email_verified_at else moment.now end,
    phone = coalesce(j.phone->>'phone', l.phone),
    phone_e164 = coalesce(j.phone->>'phone', l.phone_e164),
    gateway_slug = case when j.gateway is null then l.gateway_slug else j.gateway->>'slug' end,
    gateway_name = case when j.gateway is null then l.gateway_name else j.gateway->>'name' end,
    gateway_checked_at = case when j.gateway is null then l.gateway_checked_at else moment.now end,
    esp_slug = case when j.esp is null then l.esp_slug else j.esp->>'slug' end,
    esp_name = case when j.esp is null then l.esp_name else j.esp->>'name' end,
    esp_checked_at = case when j.esp is null then l.esp_checked_at else moment.now end,
    updated_at = moment.now
from judged j, moment
where l.id = j.lead_id and l.id = any($1::bigint[]);

-- name: lower_open_counts
-- $1 job, $2 settled, $3 found, $4 missing, $5 no answer, $6 rejected, $7 cancelled, $8 refunded,
-- as columns. Returns those jobs whose last lookup this was, and those that tell of each lead.
with batch as materialized (
  select * from unnest(
    $1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::integer[],
    $7::integer[], $8::bigint[]
  ) as b(job_id, settled, found, missing, no_answer, rejected, cancelled, refunded)
),
held as materialized (
  select id from jobs where id = any($1::uuid[]) order by id for no key update
),
moment as materialized (select leadfall_now() as now),
lowered as (
  update jobs j
  set open_count = j.open_count - b.settled,
      found_count = j.found_count + b.found,
      missing_count = j.missing_count + b.missing,
      no_answer_count = j.no_answer_count + b.no_answer,
      rejected_count = j.rejected_count + b.rejected,
      cancelled_count = j.cancelled_count + b.cancelled,
      refunded = j.refunded + b.refunded,
      started_at = coalesce(j.started_at, moment.now),
      finished_at = case when j.open_count = b.settled then moment.now end,
      updated_at = moment.now
  from batch b join held on held.id = b.job_id, moment
  where j.id = b.job_id
  returning j.id, j.open_count, j.per_lead_events
)
select id, open_count = 0 as finished, per_lead_events
from lowered
where open_count = 0 or per_lead_events;

-- name: announce_finished
select pg_notify('leadfall_finished', '');

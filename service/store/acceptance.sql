-- Accepting work: one statement that writes jobs, lookups, charge and events, or nothing at all.
-- Lock order: idempotency key, lookups (by lead and target), workspace last. A settle takes
-- lookups, jobs, workspaces in that order too, so neither can wait for the other in a circle.

-- name: accept
-- $1 workspace, $2 request, $3 face, $4 idempotency key or null, $5 body hash, $6 facts,
-- $7.. jobs as columns: id, public id, type, kind, target, price, own provider, waterfall version,
-- $15 mode, $16 priority, $17 list, $18 webhook URL, $19 metadata, $20 lead ids,
-- $21 whether leads that already have a valid value are left out,
-- $22 lookups expected, or null to take what there is, $23 whether to tell of each lead.
-- No row: the key was used before. SQLSTATE LF001: short of credits. LF002: fewer lookups than
-- expected, because another request was faster.
with moment as materialized (select leadfall_now() as now),
idempotency as (
  insert into idempotency_keys (workspace_id, face, key, body_hash, request_id, facts, created_at)
  select $1::bigint, $3::text, $4::text, $5::bytea, $2::uuid, $6::jsonb, now
  from moment
  where $4::text is not null
  on conflict do nothing
  returning request_id
),
orders as materialized (
  select o.*, moment.now
  from moment, unnest(
    $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::integer[], $13::text[],
    $14::text[]
  ) with ordinality
    as o(job_id, public_id, type, kind, target, price, own_provider, waterfall_version, place)
  where $4::text is null or exists (select from idempotency)
),
opened as (
  insert into lookups (job_id, workspace_id, lead_id, target, priority, input, created_at)
  select o.job_id, $1::bigint, l.id, o.target, $16::smallint,
         jsonb_strip_nulls(jsonb_build_object(
           'first_name', l.first_name, 'last_name', l.last_name,
           'company_name', l.company_name, 'company_domain', l.company_domain,
           'linkedin_url', l.linkedin_url, 'email', l.email, 'country', l.country)),
         o.now
  from orders o
  cross join unnest($20::bigint[]) as wanted(id)
  join leads l on l.id = wanted.id and l.workspace_id = $1::bigint
  where not $21::boolean
     or case o.target
          when 'email' then not (l.email_parses and l.email_verdict is distinct from 'undeliverable')
          when 'phone' then l.phone_e164 is null
          else true
        end
  order by l.id, o.target
  on conflict (lead_id, target) where state <> 'settled' do nothing
  returning job_id
),
priced as materialized (
  select o.*, coalesce(c.lookup_count, 0)::integer as lookup_count,
         coalesce(c.lookup_count, 0) * o.price as charge
  from orders o
  left join (select job_id, count(*) as lookup_count from opened group by job_id) c using (job_id)
),
total as materialized (
  select coalesce(sum(charge), 0)::bigint as charge,
         coalesce(sum(lookup_count), 0)::bigint as lookup_count
  from priced
),
added as (
  insert into jobs (
    id, public_id, workspace_id, request_id, face, type, kind, mode, list_id, own_provider,
    waterfall_version, webhook_url, metadata, per_lead_events, price, lookup_count, open_count,
    charged, created_at, updated_at, finished_at
  )
  select job_id, public_id, $1::bigint, $2::uuid, $3::text, type, kind, $15::text, $17::bigint,
         own_provider, waterfall_version, $18::text, $19::jsonb, $23::boolean, price, lookup_count,
         lookup_count, charge, now, now, case when lookup_count = 0 then now end
  from priced
),
entered as (
  insert into ledger (workspace_id, kind, amount, job_id, created_at)
  select $1::bigint, 'charge', -charge, job_id, now from priced where charge > 0
),
charged as (
  update workspaces w set balance = w.balance - total.charge
  from total
  where w.id = $1::bigint and total.charge > 0 and w.balance >= total.charge
  returning w.balance, w.low_balance, total.charge
),
news as materialized (
  select md5(p.job_id || ':enrichment.accepted')::uuid as id, 'job' as aggregatetype,
         p.public_id as aggregateid, 'enrichment.accepted' as type,
         json_build_object(
           'job_id', p.public_id, 'enrichment_type', p.type, 'total_count', p.lookup_count,
           'credits_deducted', p.charge, 'metadata', $19::jsonb) as data, p.now
  from priced p
  union all
  select md5($2::uuid || ':credits.low')::uuid, 'workspace', w.public_id, 'credits.low',
         json_build_object('remaining_credits', c.balance, 'threshold', c.low_balance), moment.now
  from charged c, moment, workspaces w
  where w.id = $1::bigint and c.balance < c.low_balance and c.balance + c.charge >= c.low_balance
),
emitted as (
  insert into events (id, aggregatetype, aggregateid, type, payload, workspace_id, created_at)
  select id, aggregatetype, aggregateid, type,
         convert_to(json_build_object(
           'type', type,
           'timestamp', to_char(now at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'data', data)::text, 'UTF8'),
         $1::bigint, now
  from news
),
addressed as (
  insert into deliveries (
    event_id, endpoint_id, workspace_id, event_type, event_created_at, state, due_at, created_at
  )
  select n.id, p.id, $1::bigint, n.type, n.now,
         case when p.enabled then 'due' else 'parked' end, n.now, n.now
  from news n
  join endpoints p on p.workspace_id = $1::bigint and not p.hidden and p.deleted_at is null
                  and leadfall_subscribes(p.event_types, n.type)
)
select p.job_id, p.public_id, p.lookup_count, p.charge,
       coalesce((select balance from charged), w.balance) as balance,
       case
         when total.charge > 0 and not exists (select from charged) then leadfall_refuse(
           'LF001', json_build_object('required', total.charge, 'available', w.balance)::text)
         when total.lookup_count < $22::bigint then leadfall_refuse('LF002', '')
       end as refused
from priced p
cross join total
join workspaces w on w.id = $1::bigint
order by p.place;

-- name: find_idempotency_key
select body_hash, request_id, facts
from idempotency_keys
where workspace_id = $1 and face = $2 and key = $3;

-- name: keep_facts
update idempotency_keys set facts = $4
where workspace_id = $1 and face = $2 and key = $3;

-- name: expire_idempotency_keys
delete from idempotency_keys
where created_at < (select leadfall_now()) - $1::interval;

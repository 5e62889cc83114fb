-- Accepting work: one statement that writes jobs, lookups, charges and events of one request or of
-- several, or nothing at all.
-- Lock order: idempotency keys, lookups (by lead and target), workspaces last, each in its order. A
-- settle takes lookups, jobs, workspaces in that order too, so neither can wait for the other in a
-- circle.

-- name: accept
-- Requests as columns: $1 id, $2 workspace, $3 face, $4 idempotency key or null, $5 body hash,
-- $6 facts, $7 mode, $8 priority, $9 list, $10 webhook URL, $11 metadata, $12 whether leads that
-- already have a valid value are left out, $13 lookups expected, or null to take what there is,
-- $14 whether to tell of each lead.
-- Jobs as columns: $15 place of the request, from 1, $16 id, $17 public id, $18 type, $19 kind,
-- $20 target, $21 price, $22 own provider, $23 waterfall version.
-- Leads as columns, each an array literal: $24 place of the request, $25 id or null, $26 public id
-- where the id is null. $27 milliseconds to wait for a lock, or null for as long as other statements
-- do.
-- No row of a request: its key was used before. SQLSTATE LF001: a workspace is short of credits.
-- LF002: fewer lookups than a request expected, because another one was faster or because a lead is
-- not there.
with moment as materialized (
  select leadfall_now() as now,
         set_config('lock_timeout', coalesce($27::integer::text, current_setting('lock_timeout')),
                    true)
),
asked as materialized (
  select r.*, moment.now
  from moment, unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::jsonb[], $7::text[],
    $8::smallint[], $9::bigint[], $10::text[], $11::jsonb[], $12::boolean[], $13::bigint[],
    $14::boolean[]
  ) with ordinality as r(
    request_id, workspace_id, face, key, body_hash, facts, mode, priority, list_id, webhook_url,
    metadata, skip_filled, expected_count, lead_events, request_place)
),
keyed as (
  insert into idempotency_keys (workspace_id, face, key, body_hash, request_id, facts, created_at)
  select workspace_id, face, key, body_hash, request_id, facts, now
  from asked
  where key is not null
  order by workspace_id, face, key
  on conflict do nothing
  returning request_id
),
orders as materialized (
  select r.*, o.job_id, o.public_id, o.type, o.kind, o.target, o.price, o.own_provider,
         o.waterfall_version, o.place
  from asked r
  join unnest(
    $15::integer[], $16::uuid[], $17::text[], $18::text[], $19::text[], $20::text[],
    $21::integer[], $22::text[], $23::text[]
  ) with ordinality as o(
    request_place, job_id, public_id, type, kind, target, price, own_provider, waterfall_version,
    place) using (request_place)
  where r.key is null or r.request_id in (select request_id from keyed)
),
opened as (
  insert into lookups (job_id, workspace_id, lead_id, target, priority, input, created_at)
  select o.job_id, o.workspace_id, l.id, o.target, o.priority,
         jsonb_strip_nulls(jsonb_build_object(
           'first_name', l.first_name, 'last_name', l.last_name,
           'company_name', l.company_name, 'company_domain', l.company_domain,
           'linkedin_url', l.linkedin_url, 'email', l.email, 'country', l.country)),
         o.now
  from unnest($24::text::integer[], $25::text::bigint[], $26::text::text[])
    as wanted(request_place, id, public_id)
  join orders o using (request_place)
  -- Lateral, so that however few leads there are, each is found by its index.
  cross join lateral (
    select * from leads where id = wanted.id
    union all
    select * from leads where public_id = wanted.public_id
  ) as l
  where l.workspace_id = o.workspace_id
    and (not o.skip_filled
         or case o.target
              when 'email' then
                not (l.email_parses and l.email_verdict is distinct from 'undeliverable')
              when 'phone' then l.phone_e164 is null
              else true
            end)
  order by l.id, o.target
  on conflict (lead_id, target) where settled_at is null do nothing
  returning job_id
),
priced as materialized (
  select o.*, coalesce(c.lookup_count, 0)::integer as lookup_count,
         coalesce(c.lookup_count, 0) * o.price as charge,
         sum(coalesce(c.lookup_count, 0)) over (partition by o.request_place) as opened_count
  from orders o
  left join (select job_id, count(*) as lookup_count from opened group by job_id) c using (job_id)
),
due as materialized (
  select workspace_id, sum(charge)::bigint as charge,
         (array_agg(request_id order by request_place))[1] as request_id
  from priced
  group by workspace_id
  having sum(charge) > 0
),
added as (
  insert into jobs (
    id, public_id, workspace_id, request_id, face, type, kind, mode, list_id, own_provider,
    waterfall_version, webhook_url, metadata, per_lead_events, price, lookup_count, open_count,
    charged, created_at, updated_at, finished_at
  )
  select job_id, public_id, workspace_id, request_id, face, type, kind, mode, list_id,
         own_provider, waterfall_version, webhook_url, metadata, lead_events, price, lookup_count,
         lookup_count, charge, now, now, case when lookup_count = 0 then now end
  from priced
),
entered as (
  insert into ledger (workspace_id, kind, amount, job_id, created_at)
  select workspace_id, 'charge', -charge, job_id, now from priced where charge > 0
),
held as materialized (
  select w.id
  from workspaces w
  where w.id in (select workspace_id from due)
  order by w.id
  for no key update
),
charged as (
  update workspaces w set balance = w.balance - due.charge
  from due join held on held.id = due.workspace_id
  where w.id = due.workspace_id and w.balance >= due.charge
  returning w.id, w.public_id, w.balance, w.low_balance, due.charge, due.request_id
),
news as materialized (
  select md5(p.job_id || ':enrichment.accepted')::uuid as id, p.workspace_id,
         'job' as aggregatetype, p.public_id as aggregateid, 'enrichment.accepted' as type,
         json_build_object(
           'job_id', p.public_id, 'enrichment_type', p.type, 'total_count', p.lookup_count,
           'credits_deducted', p.charge, 'metadata', p.metadata) as data, p.now
  from priced p
  union all
  select md5(c.request_id || ':credits.low')::uuid, c.id, 'workspace', c.public_id, 'credits.low',
         json_build_object('remaining_credits', c.balance, 'threshold', c.low_balance), moment.now
  from charged c, moment
  where c.balance < c.low_balance and c.balance + c.charge >= c.low_balance
),
emitted as (
  insert into events (id, aggregatetype, aggregateid, type, payload, workspace_id, created_at)
  select id, aggregatetype, aggregateid, type,
         convert_to(json_build_object(
           'type', type,
           'timestamp', to_char(now at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'data', data)::text, 'UTF8'),
         workspace_id, now
  from news
),
addressed as (
  insert into deliveries (
    event_id, endpoint_id, workspace_id, event_type, event_created_at, state, due_at, created_at
  )
  select n.id, p.id, n.workspace_id, n.type, n.now,
         case when p.enabled then 'due' else 'parked' end, n.now, n.now
  from news n
  join endpoints p on p.workspace_id = n.workspace_id and not p.hidden and p.deleted_at is null
                  and leadfall_subscribes(p.event_types, n.type)
)
select p.request_id, p.job_id, p.public_id, p.lookup_count, p.charge,
       coalesce(c.balance, w.balance) as balance,
       case
         when p.opened_count < p.expected_count then leadfall_refuse('LF002', '')
         when due.charge > 0 and c.id is null then leadfall_refuse(
           'LF001', json_build_object('required', due.charge, 'available', w.balance)::text)
       end as refused
from priced p
join workspaces w on w.id = p.workspace_id
left join due on due.workspace_id = p.workspace_id
left join charged c on c.id = p.workspace_id
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

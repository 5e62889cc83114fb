-- Taking a person out of everything. The statements that look go over one workspace in pages; those
-- that change take rows by id. Lock order as in a settle: lookups, calls, then jobs and the rest.

-- name: find_people
-- $1 workspace, $2 public ids, $3 addresses in lower case, $4 the same as patterns of LIKE, $5 ids.
select l.id, l.public_id, l.first_name, l.last_name, l.company_name, l.company_domain,
       l.linkedin_url, l.email, l.email_source, l.country, l.phone, l.phone_e164
from leads l
where l.workspace_id = $1::bigint and l.id in (
  select id from leads where public_id = any($2::text[])
  union
  select found.id
  from unnest($3::text[], $4::text[]) as a(email, pattern)
  join leads found on found.search_text like a.pattern and lower(found.email) = a.email
  union
  select unnest($5::bigint[])
)
order by l.id;

-- name: find_alike
-- Leads of workspace $1 that may be the same people: whose profile shares its key with one of $2, or
-- whose first name is $3 and whose last is $4, as columns in lower case without blanks, with $5 as a
-- pattern of LIKE that finds the words of both. Whether they are, whoever asks compares.
select l.id, l.public_id, l.first_name, l.last_name, l.company_name, l.company_domain,
       l.linkedin_url, l.email, l.email_source, l.country, l.phone, l.phone_e164
from leads l
where l.workspace_id = $1::bigint and l.id in (
  select found.id
  from (select distinct leadfall_profile_key(u.url) as key from unnest($2::text[]) as u(url)) p
  join leads found on found.workspace_id = $1::bigint and found.linkedin_url is not null
                  and leadfall_profile_key(found.linkedin_url) = p.key
  union
  select found.id
  from unnest($3::text[], $4::text[], $5::text[]) as a(first_name, last_name, pattern)
  join leads found on found.workspace_id = $1::bigint and found.search_text like a.pattern
    and leadfall_name_key(found.first_name) = a.first_name
    and leadfall_name_key(found.last_name) = a.last_name
)
order by l.id;

-- name: find_deleted
-- The same of leads that are no more: $1 workspace, $2 public ids, $3 addresses, $4 ids.
select lead_id, public_id from deleted_leads
where workspace_id = $1::bigint and (
  public_id = any($2::text[])
  or email_hash = any(array(select leadfall_email_hash(e) from unnest($3::text[]) as e))
  or lead_id = any($4::bigint[]))
order by lead_id;

-- name: forget_deleted
delete from deleted_leads where workspace_id = $1 and lead_id = any($2::bigint[]);

-- name: read_moment
select leadfall_now();

-- name: next_jobs
-- The jobs of workspace $1 after job $2 (null: from the first on) that were accepted since $3, at
-- least one and otherwise at most $4 lookups together. An expired job counts while lookups of it
-- are left.
select id
from (
  select id, row_number() over ordered as place, sum(lookup_count) over ordered as total
  from (
    (select id, lookup_count from jobs
     where workspace_id = $1 and ($2::uuid is null or id > $2) and created_at >= $3
     order by id limit 1000)
    union all
    (select id, lookup_count from expired_jobs
     where workspace_id = $1 and ($2::uuid is null or id > $2) and created_at >= $3
       and swept_at is null
     order by id limit 1000)
  ) each
  window ordered as (order by id)
) page
where place = 1 or total <= $4::bigint
order by id
limit 1000;

-- name: find_lookups
-- Lookups of the jobs $1 after lookup $2, in order, at most $3: those that are about the leads $4 or
-- have some of the addresses $5, in their calls as well, and others that may be about the same
-- people, by a profile like $6 or by the first and last name $7 and $8, as columns in lower case
-- without blanks. With the lead as it is now, if it still is.
select k.id, k.lead_id, k.input, k.value, k.addresses, l.id is not null as is_kept,
       l.linkedin_url, case l.email_source when 'given' then l.email end as given_email
from (
  select id, lead_id, input, value,
         array(
           select told.email
           from (
             values (lower(input->>'email')), (lower(value->>'email'))
             union all
             select lower(c.value->>'email') from calls c where c.lookup_id = lookups.id
           ) as told(email)
           where told.email = any($5::text[])) as addresses
  from lookups
  where job_id = any($1::uuid[]) and erased_at is null and id > $2::bigint
) k
left join leads l on l.id = k.lead_id
where k.lead_id = any($4::bigint[]) or k.addresses <> '{}'
   or leadfall_profile_key(k.input->>'linkedin_url')
      = any(array(select leadfall_profile_key(u.url) from unnest($6::text[]) as u(url)))
   or (leadfall_name_key(k.input->>'first_name'), leadfall_name_key(k.input->>'last_name'))
      in (select * from unnest($7::text[], $8::text[]))
order by k.id
limit $3;

-- name: scrub_lookups
-- $1 lookups. Those that are open end here, as rejected input, with their whole price to give back;
-- `closed` marks them. A worker that holds one finds it settled.
with held as materialized (
  select id, state <> 'settled' as open from lookups
  where id = any($1::bigint[]) and erased_at is null
  order by id for update
),
moment as materialized (select leadfall_now() as now)
update lookups l
set state = 'settled', owner = null, wake_at = null, input = '{}', value = null,
    outcome = coalesce(l.outcome, 'rejected_input'),
    reason = case when held.open then $2::text else l.reason end,
    refunded = case when held.open then j.price else l.refunded end,
    settled_at = coalesce(l.settled_at, moment.now), erased_at = moment.now
from held
join lookups k on k.id = held.id
left join jobs j on j.id = k.job_id, moment
where l.id = held.id
returning l.id, l.job_id, l.workspace_id, l.lead_id, l.target, l.outcome, l.value, l.reason,
          l.refunded, l.input, held.open as closed;

-- name: scrub_calls
-- Calls of the lookups $1. One under way counts as interrupted, so that its answer is not kept.
update calls
set value = null, question = null, outcome = coalesce(outcome, 'interrupted'),
    answered_at = coalesce(answered_at, (select leadfall_now()))
where lookup_id = any($1::bigint[]);

-- name: find_metadata
-- What callers noted on the jobs $1.
select id, metadata from jobs where id = any($1::uuid[]) and metadata is not null;

-- name: scrub_metadata
update jobs set metadata = null where id = any($1::uuid[]);

-- name: find_carriers
-- The names of the leads of workspace $1 that have one of the addresses $2, which are in lower case,
-- with the same as patterns of LIKE $3.
select distinct a.email, l.first_name, l.last_name
from unnest($2::text[], $3::text[]) as a(email, pattern)
join leads l on l.workspace_id = $1::bigint and l.search_text like a.pattern
            and lower(l.email) = a.email;

-- name: find_phones_alike
-- The numbers of others than the leads $3 of workspace $1 that end as one of the numbers $2 does.
select distinct l.phone, l.phone_e164
from (select distinct leadfall_phone_key(p.phone) as key from unnest($2::text[]) as p(phone)) n
join leads l on l.workspace_id = $1::bigint and l.phone is not null
            and leadfall_phone_key(coalesce(l.phone_e164, l.phone)) = n.key
where l.id <> all($3::bigint[]);

-- name: find_events
-- A page of at most $5 events of workspace $1 after ($2, $3), in order: the body of each that may
-- name a person, since it holds one of the texts $4, which are in lower case, and what callers noted
-- on its job.
select created_at, id, case when holds then body end as body,
       case when noted then body::json #> '{data,metadata}' end as metadata,
       case when noted then body::json #> '{data,callerMetadata}' end as caller_metadata
from (
  select created_at, id, body,
         exists (
           select from unnest($4::text[]) as n(needle)
           where position(n.needle in small) > 0) as holds,
         position('etadata"' in body) > 0 as noted
  from (
    -- Made small here it is so once, and not for each of the texts.
    select created_at, id, body, lower(body) as small
    from (
      select created_at, id, convert_from(payload, 'UTF8') as body
      from events
      where workspace_id = $1 and (created_at, id) > ($2::timestamptz, $3::uuid)
      order by created_at, id
      limit $5
    ) page
    offset 0
  ) lowered
) read
order by created_at, id;

-- name: scrub_events
-- $1 time and $2 id, as columns. An event without a body is one that cannot be sent any more; the
-- lead that it was about goes with the body.
update events e
set payload = '', aggregateid = case aggregatetype when 'lead' then '' else aggregateid end
from unnest($1::timestamptz[], $2::uuid[]) as b(created_at, id)
where e.created_at = b.created_at and e.id = b.id;

-- name: withdraw_deliveries
-- $1 events, $2 the reason. Whoever is sending one just now finds its claim lost.
with held as materialized (
  select event_id, endpoint_id from deliveries
  where event_id = any($1::uuid[]) and state in ('due', 'sending', 'parked')
  order by event_id, endpoint_id for update
)
update deliveries d
set state = 'withdrawn', reason = $2, owner = null, finished_at = (select leadfall_now())
from held
where d.event_id = held.event_id and d.endpoint_id = held.endpoint_id;

-- name: scrub_attempts
-- All that receivers answered to the events $1, which are no older than $2.
update attempts set answer = null
where event_id = any($1::uuid[]) and started_at >= $2::timestamptz - interval '1 minute'
  and answer is not null;

-- name: find_echoes
-- What receivers answered to the events $1, which are no older than $2, where it may name a person,
-- since it holds one of the texts $3, which are in lower case. Both sides are escaped alike, as an
-- answer may be in any encoding or cut off within a letter.
select event_id, endpoint_id, number, started_at, answer
from (
  select event_id, endpoint_id, number, started_at, answer,
         lower(encode(answer, 'escape')) as small
  from attempts
  where event_id = any($1::uuid[]) and started_at >= $2::timestamptz - interval '1 minute'
  offset 0
) told
where exists (
  select from unnest($3::text[]) as n(needle)
  where position(encode(convert_to(n.needle, 'UTF8'), 'escape') in small) > 0);

-- name: scrub_echoes
-- $1 event, $2 endpoint, $3 number and $4 time, as columns.
update attempts a set answer = null
from unnest($1::uuid[], $2::bigint[], $3::integer[], $4::timestamptz[])
  as b(event_id, endpoint_id, number, started_at)
where a.event_id = b.event_id and a.endpoint_id = b.endpoint_id and a.number = b.number
  and a.started_at = b.started_at;

-- name: forget_answers
-- A page of remembered answers after key $1, at most $2: those about the people $3, or with an
-- address of $4 or a number of $5, go. Returns where to go on, null at the end, and how many went.
with page as materialized (
  select key, person, lower(value->>'email') as email, value->>'phone' as phone
  from remembered_answers where key > $1 order by key limit $2
),
gone as (
  delete from remembered_answers a using page
  where a.key = page.key
    and (page.person = any($3::bytea[]) or page.email = any($4::text[])
         or page.phone = any($5::text[]))
  returning 1
)
select case when (select count(*) from page) = $2 then (
         select key from page order by key desc limit 1) end as next,
       (select count(*) from gone) as count;

-- name: delete_leads
delete from leads where workspace_id = $1 and id = any($2::bigint[]);

-- name: scrub_replays
-- $1 workspace, $2 public ids. How many leads a request named stays.
update idempotency_keys
set facts = jsonb_set(
  facts, '{skipped_lead_ids}', (facts->'skipped_lead_ids') - $2::text[])
where workspace_id = $1 and facts->'skipped_lead_ids' ?| $2::text[];

-- name: find_under_way
-- Our transactions that are under way in this database, but for this one.
select l.virtualtransaction
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.virtualxid = l.virtualtransaction
  and a.datname = current_database() and a.application_name like 'leadfall-%'
  and a.pid <> pg_backend_pid();

-- name: are_under_way
-- Whether one of the transactions $1 is.
select exists (
  select from pg_locks where locktype = 'virtualxid' and virtualxid = any($1::text[])
                         and virtualtransaction = virtualxid);

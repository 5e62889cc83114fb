-- Deliveries: found by endpoint, claimed, numbered, completed. A claim raises the epoch, and a
-- completion counts only for the process and epoch that hold the claim.
-- Lock order: whoever locks endpoints and deliveries in one transaction locks endpoints first, in
-- id order. The statements that lock only deliveries may therefore run at any time.

-- name: find_ready
-- $1 begin after this endpoint, $2 endpoints visited at most, $3 due deliveries counted at most,
-- $4 failures in a row from which on an endpoint gets one probe at a time.
-- Walks the partial index from endpoint to endpoint instead of over every delivery. One row at
-- least: the moment, the last endpoint visited, how many were; then what is ready, if anything.
with recursive moment as materialized (select leadfall_now() as now),
visited(endpoint_id, place) as (
  (
    select endpoint_id, 1 from deliveries
    where state = 'due' and endpoint_id > $1::bigint
    order by endpoint_id, due_at limit 1
  )
  union all
  select found.endpoint_id, v.place + 1
  from visited v
  cross join lateral (
    select endpoint_id from deliveries
    where state = 'due' and endpoint_id > v.endpoint_id
    order by endpoint_id, due_at limit 1
  ) found
  where v.place < $2::integer
),
summary as (
  select now, coalesce(max(endpoint_id), 0) as last_id, count(endpoint_id) as visited_count
  from moment left join visited on true group by now
),
ready as (
  select p.id as endpoint_id, p.workspace_id, p.hidden, p.host, p.port, due.ready_count,
         p.failure_count >= $4::integer as failing,
         not p.enabled or p.deleted_at is not null as unwanted
  from visited v
  cross join moment
  join endpoints p on p.id = v.endpoint_id
  cross join lateral (
    select count(*) as ready_count
    from (
      select from deliveries d
      where d.endpoint_id = v.endpoint_id and d.state = 'due' and d.due_at <= now
      order by d.due_at limit $3::integer
    ) counted
  ) due
  where due.ready_count > 0
    and (
      not p.enabled or p.deleted_at is not null
      or (p.hold_until is null or p.hold_until <= now)
      -- Up to a second of requests may be sent ahead of an endpoint's own rate.
      and (p.rate_next_at is null or p.rate_next_at <= now + interval '1 second')
    )
)
select s.now, s.last_id, s.visited_count, r.*
from summary s left join ready r on true
order by r.endpoint_id;

-- name: claim
-- $1 owner, $2 endpoints and $3 how many each may have, as columns. Gives each delivery without a
-- number the next one of its endpoint, in the order of events. The endpoints stay locked until the
-- commit, so that all dispatchers keep their rates, pauses and numbers together.
with moment as materialized (select leadfall_now() as now),
locked as materialized (
  select p.id, p.rate_per_minute, 60.0 / p.rate_per_minute as interval_s,
         greatest(p.rate_next_at, now) as next_at
  from moment, endpoints p
  where p.id = any($2::bigint[]) and p.enabled and p.deleted_at is null
    and (p.hold_until is null or p.hold_until <= now)
  order by p.id for no key update of p
),
shares as materialized (
  select l.id as endpoint_id, case when l.rate_per_minute is null then share.size else least(
           share.size,
           greatest(0, 1 + floor((extract(epoch from now - l.next_at) + 1) / l.interval_s))
         )::integer end as size
  from moment
  cross join unnest($2::bigint[], $3::integer[]) as share(endpoint_id, size)
  join locked l on l.id = share.endpoint_id
),
picked as materialized (
  select found.event_id, found.endpoint_id, found.sequence is null as unnumbered,
         row_number() over (
           partition by found.endpoint_id, found.sequence is null
           order by found.event_created_at, found.event_id
         ) as step
  from moment
  cross join shares share
  cross join lateral (
    select d.event_id, d.endpoint_id, d.event_created_at, d.sequence from deliveries d
    where d.endpoint_id = share.endpoint_id and d.state = 'due' and d.due_at <= now
    order by d.due_at limit share.size
    for update skip locked
  ) found
),
grown as (
  update endpoints p set
    last_sequence = p.last_sequence + used.unnumbered_count,
    rate_next_at = case
      when l.rate_per_minute is null then p.rate_next_at
      else l.next_at + make_interval(secs => (used.size * l.interval_s)::float8)
    end
  from locked l
  join (
    select endpoint_id, count(*) as size, count(*) filter (where unnumbered) as unnumbered_count
    from picked group by endpoint_id
  ) used on used.endpoint_id = l.id
  where p.id = l.id and (used.unnumbered_count > 0 or l.rate_per_minute is not null)
  returning p.id, p.last_sequence - used.unnumbered_count as before
),
claimed as (
  update deliveries d set
    state = 'sending', owner = $1::uuid, epoch = d.epoch + 1,
    sequence = case when picked.unnumbered then g.before + picked.step else d.sequence end
  from picked left join grown g on g.id = picked.endpoint_id
  where d.event_id = picked.event_id and d.endpoint_id = picked.endpoint_id
  returning d.*
)
select c.event_id, c.endpoint_id, c.workspace_id, c.event_type, c.event_created_at, c.epoch,
       c.attempt_count, c.earlier_attempt_count, c.unsent_claim_count, c.sequence, c.due_at,
       case when c.attempt_count > 0 then c.tried_since end as tried_since,
       p.public_id as endpoint_public_id, p.url, p.host, p.port, p.timeout_ms, p.retry_count_max,
       p.hidden, p.failure_count, p.headers_ciphertext, e.payload
from claimed c
join endpoints p on p.id = c.endpoint_id
left join lateral (
  -- The limit keeps the planner from reading whole partitions to join them at once.
  -- An empty body is that of an event whose person was erased: there is nothing to send.
  select nullif(payload, '') as payload
  from events where created_at = c.event_created_at and id = c.event_id limit 1
) e on true
order by c.event_created_at, c.event_id;

-- name: number_waiting
-- $1 endpoint, whose row the transaction has locked; $2 deliveries at most. Numbers those that
-- wait, in the order of their events, so that whoever reads events finds them in their place.
-- What is being claimed at this moment gets its number from its claim.
with parked as materialized (
  select event_id, event_created_at from deliveries
  where endpoint_id = $1::bigint and state = 'parked' and sequence is null
  order by event_created_at, event_id limit $2::integer
  for update skip locked
),
due as materialized (
  select event_id, event_created_at from deliveries
  where endpoint_id = $1::bigint and state = 'due' and sequence is null
  order by event_created_at, event_id limit $2::integer
  for update skip locked
),
wanted as materialized (
  select event_id, row_number() over (order by event_created_at, event_id) as step
  from (select * from parked union all select * from due) waiting
),
grown as (
  update endpoints set last_sequence = last_sequence + added.size
  from (select count(*) as size from wanted) added
  where id = $1::bigint and added.size > 0
  returning last_sequence - added.size as before
)
update deliveries d set sequence = g.before + w.step
from wanted w, grown g
where d.event_id = w.event_id and d.endpoint_id = $1::bigint;

-- name: complete
-- $1 owner; as columns: $2 event, $3 endpoint, $4 epoch, $5 state, $6 seconds until due again,
-- $7 whether an attempt was used, $8 status, $9 reason, $10 started, $11 milliseconds, $12 address,
-- $13 class, $14 answer, $15 hash of the body, $16 to $18 milliseconds of look-up, connecting and
-- waiting, $19 whether the connection was reused, $20 version of TLS, $21 secrets as text.
-- $22 so many failures of ours are kept of each delivery, and after them one each time that their
-- number has doubled. $23 milliseconds of TLS, as a column.
-- What would be due again at an endpoint that was switched off or deleted meanwhile is not.
with moment as materialized (select leadfall_now() as now),
ended as materialized (
  select * from unnest(
    $2::uuid[], $3::bigint[], $4::integer[], $5::text[], $6::double precision[], $7::boolean[],
    $8::integer[], $9::text[], $10::timestamptz[], $11::integer[], $12::text[], $13::text[],
    $14::bytea[], $15::bytea[], $16::real[], $17::real[], $18::real[], $19::boolean[], $20::text[],
    $21::text[], $23::real[]
  ) as e(
    event_id, endpoint_id, epoch, state, delay_s, counted, status, reason, started_at, duration_ms,
    address, class, answer, body_sha256, dns_ms, connect_ms, ttfb_ms, reused, tls_version, secret_ids,
    tls_ms
  )
),
changed as (
  update deliveries d set
    state = case
      when e.state in ('due', 'parked') and p.deleted_at is not null then 'withdrawn'
      when e.state = 'due' and not p.enabled then 'parked'
      else e.state
    end,
    owner = null,
    due_at = case when e.state = 'due' then now + make_interval(secs => e.delay_s) else d.due_at end,
    attempt_count = d.attempt_count + e.counted::integer,
    tried_since = case when d.attempt_count = 0 and e.counted then e.started_at else d.tried_since end,
    unsent_claim_count = d.unsent_claim_count + (not e.counted)::integer,
    last_status = coalesce(e.status, d.last_status),
    reason = e.reason,
    finished_at = case
      when e.state in ('delivered', 'exhausted', 'aborted') or p.deleted_at is not null then now
    end
  from moment, ended e join endpoints p on p.id = e.endpoint_id
  where d.event_id = e.event_id and d.endpoint_id = e.endpoint_id
    and d.owner = $1::uuid and d.epoch = e.epoch and d.state = 'sending'
  returning d.event_id, d.endpoint_id, d.epoch, d.unsent_claim_count,
            d.attempt_count + d.earlier_attempt_count + (not e.counted)::integer as number,
            d.state as decision, e.counted, e.status, e.reason, e.started_at, e.duration_ms,
            e.address, e.class, e.answer, e.body_sha256, e.dns_ms, e.connect_ms, e.ttfb_ms, e.reused,
            e.tls_version, e.secret_ids, e.tls_ms
),
logged as (
  insert into attempts (
    event_id, endpoint_id, number, started_at, duration_ms, address, status, class, decision,
    reason, answer, body_sha256, dns_ms, connect_ms, ttfb_ms, reused, tls_version, secret_ids,
    counted, tls_ms
  )
  select event_id, endpoint_id, number, started_at, duration_ms, address, status, class,
         decision, reason, answer, body_sha256, dns_ms, connect_ms, ttfb_ms, reused, tls_version,
         secret_ids::bigint[], counted, tls_ms
  from changed
  where counted or unsent_claim_count <= $22::integer
    or unsent_claim_count & (unsent_claim_count - 1) = 0
),
tallied as (
  insert into delivery_tallies (endpoint_id, delivered, failed, last_delivered_at)
  select endpoint_id, count(*) filter (where decision = 'delivered'),
         count(*) filter (where decision in ('exhausted', 'aborted')),
         max(now) filter (where decision = 'delivered')
  from changed, moment
  where decision in ('delivered', 'exhausted', 'aborted')
  group by endpoint_id
)
select event_id, endpoint_id, epoch, decision from changed;

-- name: lock_endpoints
-- $1 endpoints. Taken before a transaction completes deliveries and then changes these.
select id from endpoints where id = any($1::bigint[]) order by id for no key update;

-- name: affect_endpoints
-- As columns: $1 endpoint, $2 whether anything was delivered, $3 failures of the receiver,
-- $4 seconds to hold, $5 reason to switch it off or null.
-- $6 failures in a row from which on the endpoint is left alone for a while, longer with each.
-- $7 hours of nothing but failures after which it is switched off. $8 whether a delivery was given
-- up after its last attempt, as a column; $9 seconds in which that is told once. Gives those that
-- there is something to tell of: switched off now, or given up.
with moment as materialized (select leadfall_now() as now),
effects as materialized (
  select * from unnest(
    $1::bigint[], $2::boolean[], $3::integer[], $4::double precision[], $5::text[], $8::boolean[]
  ) as e(endpoint_id, succeeded, failed, hold_s, disable, exhausted)
),
locked as materialized (
  select p.id, p.enabled as was_enabled,
         e.exhausted and coalesce(
           p.exhausted_told_at <= now - make_interval(secs => $9::double precision), true
         ) as tells,
         case when e.succeeded then 0 else p.failure_count + e.failed end as failures,
         case when e.succeeded then null
              when e.failed > 0 then coalesce(p.failing_since, now)
              else p.failing_since end as since
  from moment, endpoints p join effects e on e.endpoint_id = p.id
  order by p.id for no key update of p
),
changed as (
  update endpoints p set
    failure_count = l.failures,
    failing_since = l.since,
    hold_until = greatest(p.hold_until, case
      when e.hold_s > 0 or l.failures >= $6::integer and e.failed > 0
      then now + make_interval(secs => greatest(
        e.hold_s,
        case when l.failures >= $6::integer
             then least(60, power(2, least(l.failures - $6::integer, 6))) else 0 end))
    end),
    exhausted_told_at = case when l.tells then moment.now else p.exhausted_told_at end,
    enabled = p.enabled and off.reason is null,
    disabled_reason = case when p.enabled then off.reason else p.disabled_reason end,
    disabled_at = case when p.enabled and off.reason is not null then moment.now else p.disabled_at end
  from moment, locked l join effects e on e.endpoint_id = l.id
  cross join lateral (
    select case
      when e.disable is not null then e.disable
      when l.failures >= 3 and l.since <= (select now from moment) - make_interval(hours => $7::integer)
      then 'failing'
    end as reason
  ) off
  where p.id = l.id
  returning p.id, p.public_id, p.workspace_id, p.name, p.url, p.disabled_reason, p.disabled_at,
            l.was_enabled and not p.enabled as switched_off,
            case when l.tells then p.exhausted_told_at end as given_up_at
)
select * from changed where switched_off or given_up_at is not null;

-- name: close_unwanted
-- $1 endpoints, $2 deliveries at most. What is due to an endpoint that is off waits parked; what
-- is due to a deleted one is withdrawn.
with unwanted as materialized (
  select d.event_id, d.endpoint_id, p.deleted_at is not null as deleted
  from endpoints p
  cross join lateral (
    select d.event_id, d.endpoint_id from deliveries d
    where d.endpoint_id = p.id and d.state = 'due'
    limit $2::integer
    for update skip locked
  ) d
  where p.id = any($1::bigint[]) and (not p.enabled or p.deleted_at is not null)
  limit $2::integer
)
update deliveries d set
  state = case when u.deleted then 'withdrawn' else 'parked' end,
  reason = case when u.deleted then 'the endpoint was deleted' else 'the endpoint is off' end,
  finished_at = case when u.deleted then (select leadfall_now()) end
from unwanted u
where d.event_id = u.event_id and d.endpoint_id = u.endpoint_id;

-- name: release
-- $1 owner, $2 event and $3 endpoint as columns. Gives back claims that were never sent.
update deliveries d set
  state = 'due', owner = null, unsent_claim_count = d.unsent_claim_count + 1,
  reason = 'a dispatcher of ours ended before it could be sent'
from unnest($2::uuid[], $3::bigint[]) as r(event_id, endpoint_id)
where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
  and d.owner = $1::uuid and d.state = 'sending';

-- name: release_forgotten
-- $1 owner, $2 event and $3 endpoint, as columns, of what it knows to hold. Gives back the rest:
-- claims whose commit happened though its answer was lost.
update deliveries d set
  state = 'due', owner = null, unsent_claim_count = d.unsent_claim_count + 1,
  reason = 'a dispatcher of ours ended before it could be sent'
where d.owner = $1::uuid and d.state = 'sending'
  and not exists (
    select from unnest($2::uuid[], $3::bigint[]) as k(event_id, endpoint_id)
    where k.event_id = d.event_id and k.endpoint_id = d.endpoint_id
  );

-- name: reclaim
-- $1 own process, $2 lease in seconds, $3 deliveries at most. Takes back what dead processes hold.
-- A delivery that was there each time a process died comes back later each time.
with moment as materialized (select leadfall_now() as now),
lost as materialized (
  select d.event_id, d.endpoint_id
  from deliveries d cross join moment
  where d.state = 'sending' and d.owner <> $1::uuid and not exists (
    select from processes p
    where p.id = d.owner and p.beat_at > now - make_interval(secs => $2::double precision)
  )
  limit $3::integer
  for update of d skip locked
)
update deliveries d set
  state = 'due', owner = null, unsent_claim_count = d.unsent_claim_count + 1,
  reason = 'a dispatcher of ours ended before it could be sent',
  due_at = now + case when d.unsent_claim_count < 3 then interval '0'
    else make_interval(secs => least(3600, power(2, d.unsent_claim_count))) end
from moment, lost l
where d.event_id = l.event_id and d.endpoint_id = l.endpoint_id;

-- name: oldest_due_age
-- $1 endpoints known to be busy with what they have. Seconds that the oldest delivery has been due
-- to a receiver that is neither failing nor asking us to wait; 0 when there is none.
with recursive moment as materialized (select leadfall_now() as now),
visited(endpoint_id, due_at) as (
  (
    select endpoint_id, due_at from deliveries where state = 'due'
    order by endpoint_id, due_at limit 1
  )
  union all
  select found.endpoint_id, found.due_at
  from visited v
  cross join lateral (
    select endpoint_id, due_at from deliveries
    where state = 'due' and endpoint_id > v.endpoint_id
    order by endpoint_id, due_at limit 1
  ) found
)
select coalesce(extract(epoch from max(now - v.due_at)), 0)::double precision as age_s
from visited v
cross join moment
join endpoints p on p.id = v.endpoint_id and p.enabled and p.deleted_at is null
where v.due_at <= now and p.failure_count = 0 and (p.hold_until is null or p.hold_until <= now)
  and p.rate_per_minute is null
  and not v.endpoint_id = any($1::bigint[]);

-- name: read_backlog
-- $1 deliveries counted at most. What waits, and for how many receivers sending is slowed or off.
with moment as materialized (select leadfall_now() as now),
due as (
  select endpoint_id from deliveries cross join moment
  where state = 'due' and due_at <= now limit $1::integer
),
by_endpoint as (select count(*) as size from due group by endpoint_id)
select (select coalesce(sum(size), 0)::bigint from by_endpoint) as due_count,
       (select coalesce(max(size), 0) from by_endpoint) as receiver_backlog_max,
       count(*) filter (where enabled and hold_until > now) as throttled_count,
       count(*) filter (where not enabled) as disabled_count
from endpoints cross join moment
where deleted_at is null and (hold_until > now or not enabled);

-- What became of events at an endpoint, for its owner.

-- name: read_deliveries
-- $1 endpoint, null for no such bound: $2 states, $3 event type, $4 from, $5 before; $6 and $7 the
-- row after which to go on, newest first; $8 rows at most.
select d.event_id, d.event_type, d.event_created_at, d.state, d.due_at, d.attempt_count,
       d.earlier_attempt_count, d.unsent_claim_count, d.sequence, d.last_status, d.reason,
       d.replay_id, d.created_at, d.finished_at, p.public_id as endpoint_public_id,
       p.id as endpoint_id
from deliveries d join endpoints p on p.id = d.endpoint_id
where d.endpoint_id = $1
  and ($2::text[] is null or d.state = any($2))
  and ($3::text is null or d.event_type = $3)
  and d.created_at >= coalesce($4::timestamptz, '-infinity')
  and d.created_at < coalesce($5::timestamptz, 'infinity')
  and (d.created_at, d.event_id)
    < (coalesce($6::timestamptz, 'infinity'), coalesce($7::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
order by d.created_at desc, d.event_id desc
limit $8;

-- name: read_delivery
-- $1 workspace, $2 event, $3 public id of the endpoint, which may be hidden.
select d.event_id, d.event_type, d.event_created_at, d.state, d.due_at, d.attempt_count,
       d.earlier_attempt_count, d.unsent_claim_count, d.sequence, d.last_status, d.reason,
       d.replay_id, d.created_at, d.finished_at, p.public_id as endpoint_public_id,
       p.id as endpoint_id
from deliveries d join endpoints p on p.id = d.endpoint_id
where d.workspace_id = $1 and d.event_id = $2 and p.public_id = $3;

-- name: read_payload
-- $1 event, $2 when it was born.
select nullif(payload, '') from events where id = $1 and created_at = $2;

-- name: read_attempts
-- $1 event, $2 endpoint, $3 attempts at most, the newest of them, oldest first.
select * from (
  select number, started_at, duration_ms, address, status, class, decision, reason, answer,
         body_sha256, dns_ms, connect_ms, ttfb_ms, reused, tls_version, secret_ids,
         counted, tls_ms
  from attempts where event_id = $1 and endpoint_id = $2
  order by started_at desc, number desc limit $3
) newest
order by started_at, number;

-- name: read_missed
-- $1 endpoint, $2 number after which to go on, $3 rows at most.
select d.event_id, d.event_type, d.event_created_at, d.sequence, d.state,
       nullif(e.payload, '') as payload
from deliveries d
left join lateral (
  select payload from events where created_at = d.event_created_at and id = d.event_id limit 1
) e on true
where d.endpoint_id = $1 and d.sequence > $2
order by d.sequence
limit $3;

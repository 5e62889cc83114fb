-- The endpoints that a workspace sees. Hidden ones, made from a job's webhook_url, are in no list
-- and are found by their id alone.

-- name: insert_endpoint
-- $1 workspace, $2 name, $3 URL, $4 host, $5 port, $6 event types, $7 timeout, $8 retries, $9 rate,
-- $10 who made it, $11 endpoints the workspace may have. Nothing when it has as many.
insert into endpoints (
  workspace_id, name, url, host, port, event_types, timeout_ms, retry_count_max, rate_per_minute,
  created_by
)
select $1::bigint, $2, $3, $4, $5::integer, $6::text[], $7::integer, $8::integer, $9::integer, $10
where (
  select count(*) from endpoints
  where workspace_id = $1::bigint and not hidden and deleted_at is null
) < $11::integer
returning id, public_id;

-- name: set_headers
update endpoints set headers_ciphertext = $2 where id = $1;

-- name: read_endpoints
-- $1 workspace, $2 id after which to go on, $3 rows at most, $4 one public id or null.
select p.id, p.public_id, p.workspace_id, p.hidden, p.name, p.url, p.event_types, p.enabled,
       p.disabled_reason, p.disabled_at, p.timeout_ms, p.retry_count_max, p.rate_per_minute,
       p.hold_until, p.failing_since, p.last_sequence, p.headers_ciphertext, p.created_by,
       p.created_at, p.updated_at,
       p.delivered_count + coalesce(t.delivered, 0) as delivered_count,
       p.failed_count + coalesce(t.failed, 0) as failed_count,
       p.expired_count + coalesce(t.expired, 0) as expired_count,
       greatest(p.last_delivered_at, t.last_delivered_at) as last_delivered_at
from endpoints p
left join lateral (
  select sum(delivered)::bigint as delivered, sum(failed)::bigint as failed,
         sum(expired)::bigint as expired, max(last_delivered_at) as last_delivered_at
  from delivery_tallies where endpoint_id = p.id
) t on true
where p.workspace_id = $1 and p.deleted_at is null and p.id > $2
  and case when $4::text is null then not p.hidden else p.public_id = $4 end
order by p.id
limit $3;

-- name: count_endpoints
-- $1 workspace.
select count(*) from endpoints where workspace_id = $1 and deleted_at is null and not hidden;

-- name: change_endpoint
-- $1 endpoint; null leaves as it is: $2 name, $3 URL, $4 host, $5 port, $6 event types, $7 timeout,
-- $8 retries; $9 whether the rate changes, $10 to what. A new URL begins with a clean record.
update endpoints set
  name = coalesce($2, name), url = coalesce($3, url), host = coalesce($4, host),
  port = coalesce($5::integer, port), event_types = coalesce($6::text[], event_types),
  timeout_ms = coalesce($7::integer, timeout_ms),
  retry_count_max = coalesce($8::integer, retry_count_max),
  rate_per_minute = case when $9::boolean then $10::integer else rate_per_minute end,
  rate_next_at = case when $9::boolean then null else rate_next_at end,
  hold_until = case when $3 <> url then null else hold_until end,
  failing_since = case when $3 <> url then null else failing_since end,
  failure_count = case when $3 <> url then 0 else failure_count end,
  updated_at = leadfall_now()
where id = $1;

-- name: enable_endpoint
-- It begins with a clean record.
update endpoints set
  enabled = true, disabled_reason = null, disabled_at = null, hold_until = null,
  failing_since = null, failure_count = 0, updated_at = leadfall_now()
where id = $1 and not enabled;

-- name: disable_endpoint
update endpoints set
  enabled = false, disabled_reason = $2, disabled_at = leadfall_now(), updated_at = leadfall_now()
where id = $1 and enabled;

-- name: delete_endpoint
-- What waits at it is withdrawn by the dispatcher and the janitor.
update endpoints set enabled = false, deleted_at = leadfall_now(), updated_at = leadfall_now()
where id = $1 and deleted_at is null;

-- name: count_parked
-- $1 endpoint, $2 counted at most.
select count(*) from (
  select from deliveries where endpoint_id = $1 and state = 'parked' limit $2
) parked;

-- name: read_hidden_ids
-- $1 workspace, $2 URLs of jobs.
select url, public_id from endpoints
where workspace_id = $1 and hidden and deleted_at is null
  and md5(url) in (select md5(asked) from unnest($2::text[]) as asked);

-- name: is_on
select enabled and deleted_at is null from endpoints where id = $1;

-- name: read_now
select leadfall_now();

-- The outbox: events and the deliveries that carry them, written where the work is written.

-- name: insert_events
-- $1 id, $2 aggregate type, $3 aggregate id, $4 type, $5 payload, $6 workspace, $7 URL the event
-- is addressed to or null, as columns; $8 whether dispatchers are told. Deliveries go to the hidden endpoint of that URL and to
-- every subscribed endpoint; a disabled endpoint's wait parked. Nobody is told by itself that it
-- does not answer: that would be given up too. Dispatchers hear to which endpoints something is due,
-- each as often as it is, or only that it is where a notice has no room for them. An event's id
-- follows, because of equal notices of one transaction only one is sent.
with moment as materialized (select leadfall_now() as now),
batch as materialized (
  select * from unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bigint[], $7::text[]
  ) as b(id, aggregatetype, aggregateid, type, payload, workspace_id, url)
),
emitted as (
  insert into events (id, aggregatetype, aggregateid, type, payload, workspace_id, created_at)
  select id, aggregatetype, aggregateid, type, payload, workspace_id, now from batch, moment
),
addressed as (
  insert into deliveries (
    event_id, endpoint_id, workspace_id, event_type, event_created_at, state, due_at, created_at
  )
  select b.id, p.id, b.workspace_id, b.type, now,
         case when p.enabled then 'due' else 'parked' end, now, now
  from moment, batch b
  join endpoints p on p.workspace_id = b.workspace_id and p.deleted_at is null and (
    (p.hidden and md5(p.url) = md5(b.url)) or (not p.hidden and leadfall_subscribes(p.event_types, b.type))
  ) and not (b.type = 'endpoint.exhausted' and b.aggregateid = p.public_id)
  on conflict do nothing
  returning event_id, endpoint_id, state
)
select pg_notify('leadfall_due', case
  when count(*) <= 100 then string_agg(endpoint_id::text, ',') || ';' || min(event_id::text) else ''
end)
from addressed where state = 'due' and $8::boolean having count(*) > 0;

-- name: ensure_hidden_endpoints
-- $1 workspace, $2 URL, $3 host, $4 port, as columns. Locks nothing that exists.
insert into endpoints (workspace_id, name, url, host, port, hidden)
select workspace_id, host, url, host, port, true
from unnest($1::bigint[], $2::text[], $3::text[], $4::integer[])
  as b(workspace_id, url, host, port)
order by workspace_id, url
on conflict (workspace_id, md5(url)) where hidden and deleted_at is null do nothing;

-- name: revive_hidden_endpoints
-- $1 workspace, $2 URL, $3 when the newest job that names it was accepted, as columns. One that was
-- switched off before that, and not by its owner, is on again, with a clean record.
update endpoints p set
  enabled = true, disabled_reason = null, disabled_at = null, hold_until = null,
  failing_since = null, failure_count = 0, updated_at = leadfall_now()
from unnest($1::bigint[], $2::text[], $3::timestamptz[]) as b(workspace_id, url, asked_at)
where p.workspace_id = b.workspace_id and md5(p.url) = md5(b.url) and p.hidden
  and p.deleted_at is null and not p.enabled
  and p.disabled_reason <> 'by_owner' and p.disabled_at < b.asked_at;

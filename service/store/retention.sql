-- What is no longer kept, in bounded steps. All of it may run anywhere at any time.

-- name: fold_tallies
-- $1 tallies at most. Endpoints are locked in id order, as everywhere.
with gone as (
  delete from delivery_tallies where id in (
    select id from delivery_tallies order by id limit $1::integer for update skip locked
  )
  returning *
),
added as materialized (
  select endpoint_id, sum(delivered) as delivered, sum(failed) as failed, sum(expired) as expired,
         max(last_delivered_at) as last_delivered_at
  from gone group by endpoint_id
),
locked as materialized (
  select id from endpoints where id in (select endpoint_id from added)
  order by id for no key update
)
update endpoints p set
  delivered_count = p.delivered_count + a.delivered, failed_count = p.failed_count + a.failed,
  expired_count = p.expired_count + a.expired,
  last_delivered_at = greatest(p.last_delivered_at, a.last_delivered_at)
from added a join locked l on l.id = a.endpoint_id
where p.id = a.endpoint_id;

-- name: expire_parked
-- $1 days, $2 parked deliveries of one endpoint, $3 deliveries at most. The oldest expire, each with
-- a number: a receiver that comes back sees the gap, and can read the event while it is kept.
with moment as materialized (select leadfall_now() as now),
crowded as (
  select endpoint_id, count(*) - $2::bigint as surplus from deliveries
  where state = 'parked' group by endpoint_id having count(*) > $2::bigint
),
old as (
  select event_id, endpoint_id from moment, deliveries
  where state = 'parked' and event_created_at < now - make_interval(days => $1::integer)
  limit $3::integer
),
surplus as (
  select d.event_id, d.endpoint_id from crowded c
  cross join lateral (
    select event_id, endpoint_id from deliveries
    where endpoint_id = c.endpoint_id and state = 'parked'
    order by event_created_at, event_id limit least(c.surplus, $3::integer)
  ) d
),
wanted as materialized (select * from old union select * from surplus),
locked as materialized (
  select id from endpoints where id in (select endpoint_id from wanted)
  order by id for no key update
),
chosen as materialized (
  select d.event_id, d.endpoint_id, d.event_created_at, d.sequence is null as unnumbered
  from locked l
  join wanted w on w.endpoint_id = l.id
  join deliveries d on d.event_id = w.event_id and d.endpoint_id = w.endpoint_id
  where d.state = 'parked'
  for update of d skip locked
),
numbered as (
  select event_id, endpoint_id, unnumbered, row_number() over (
    partition by endpoint_id, unnumbered order by event_created_at, event_id
  ) as step
  from chosen
),
grown as (
  update endpoints p set last_sequence = p.last_sequence + used.size
  from (
    select endpoint_id, count(*) as size from chosen where unnumbered group by endpoint_id
  ) used
  where p.id = used.endpoint_id
  returning p.id, p.last_sequence - used.size as before
),
expired as (
  update deliveries d set
    state = 'expired', finished_at = now, reason = 'parked for too long, or too many were',
    sequence = case when c.unnumbered then g.before + c.step else d.sequence end
  from moment, numbered c left join grown g on g.id = c.endpoint_id
  where d.event_id = c.event_id and d.endpoint_id = c.endpoint_id
  returning d.endpoint_id
),
counted as (
  insert into delivery_tallies (endpoint_id, expired)
  select endpoint_id, count(*) from expired group by endpoint_id
)
select count(*) from expired;

-- name: withdraw_parked
-- $1 deliveries at most: what waits parked at endpoints that were deleted.
update deliveries d set
  state = 'withdrawn', finished_at = leadfall_now(), reason = 'the endpoint was deleted'
from (
  select w.event_id, w.endpoint_id from endpoints p
  cross join lateral (
    select event_id, endpoint_id from deliveries
    where endpoint_id = p.id and state = 'parked'
    limit $1::integer for update skip locked
  ) w
  where p.deleted_at is not null
  limit $1::integer
) gone
where d.event_id = gone.event_id and d.endpoint_id = gone.endpoint_id;

-- name: delete_deliveries
-- $1 days, $2 deliveries at most: finished ones of events that are no longer kept.
delete from deliveries d
using (
  select o.event_id, o.endpoint_id from endpoints p
  cross join lateral (
    select event_id, endpoint_id from deliveries
    where endpoint_id = p.id and created_at < leadfall_now() - make_interval(days => $1::integer)
      and state in ('delivered', 'exhausted', 'aborted', 'withdrawn', 'expired')
    order by created_at limit $2::integer
    for update skip locked
  ) o
  limit $2::integer
) old
where d.event_id = old.event_id and d.endpoint_id = old.endpoint_id;

-- name: delete_secrets
-- Those that have not signed for a week: until then an attempt may be asked about.
delete from signing_secrets where expires_at < leadfall_now() - interval '7 days';

-- name: drop_partition
-- $1 table, $2 days. Gives the name of the partition dropped, null for none.
select leadfall_drop_partition($1, leadfall_now() - make_interval(days => $2::integer));

-- name: delete_strays_events
-- $1 days, $2 rows at most: events without a daily partition of their own.
delete from events_default where ctid = any(array(
  select ctid from events_default
  where created_at < leadfall_now() - make_interval(days => $1::integer) limit $2::integer
));

-- name: delete_strays_attempts
delete from attempts_default where ctid = any(array(
  select ctid from attempts_default
  where started_at < leadfall_now() - make_interval(days => $1::integer) limit $2::integer
));

-- name: forget_deleted_leads
-- $1 days that events are kept, $2 leads at most: those deleted before all events that are left, of
-- which the last day may be kept whole and the job may have gone on for a week, and before the oldest
-- job that is left was accepted. Nothing speaks of them any more.
with moment as materialized (
  select leadfall_now() - make_interval(days => $1::integer + 1 + 7) as kept_since
)
delete from deleted_leads where lead_id = any(array(
  select d.lead_id
  from moment, deleted_leads d
  where d.deleted_at < kept_since
    and coalesce(d.deleted_at < (
      select created_at from jobs j where j.workspace_id = d.workspace_id order by j.id limit 1
    ), true)
    and not exists (
      select from expired_jobs e where e.workspace_id = d.workspace_id and e.swept_at is null)
  order by d.deleted_at
  limit $2::integer
  for update of d skip locked
));

-- Keys that their vendor refuses or that have nothing left to spend: one row while it lasts.

-- name: report_outage
-- $1 provider, $2 credential, $3 reason, $4 wait before the first look. A row comes back only to
-- whoever was first. Of a key that was replaced meanwhile nobody needs to hear.
insert into provider_outages (provider, credential, reason, since, retry_at)
select $1, $2, $3, now, now + $4::interval from (select leadfall_now() as now) moment
where not exists (
  select from provider_keys k where 'key:' || k.id = $2 and k.replaced_at is not null)
on conflict (provider, credential) do nothing
returning since;

-- name: read_outages
select provider, credential, reason, since,
       extract(epoch from retry_at - (select leadfall_now()))::float8 as retry_in_s
from provider_outages order by provider, credential;

-- name: claim_probe
-- $1 provider, $2 credential, $3 and $4 least and longest wait until the next. The wait is as long
-- as the outage has lasted, so that it doubles.
update provider_outages o
set retry_at = now + greatest($3::interval, least($4::interval, now - o.since))
from (select leadfall_now() as now) moment
where o.provider = $1 and o.credential = $2 and o.retry_at <= now
returning o.provider;

-- name: end_outage
delete from provider_outages where provider = $1 and credential = $2 returning since;

-- name: retry_now
update provider_outages set retry_at = now
from (select leadfall_now() as now) moment
where credential = $1 and retry_at > now;

-- name: workspace_of_key
select workspace_id from provider_keys where id = $1;

-- What is done to a database that the audit calls clean, and every check that must notice it,
-- in alphabetical order.

-- breach: a key without its jobs
-- noticed by: key_has_its_jobs
update idempotency_keys set request_id = gen_random_uuid();

-- breach: credits out of nothing
-- noticed by: balance_is_sum_of_ledger
update workspaces set balance = balance + 1 where balance > 0;

-- breach: an entry of no workspace
-- noticed by: balance_is_sum_of_ledger
insert into ledger (workspace_id, kind, amount, created_at) values (0, 'grant', 1,
  leadfall_now());

-- breach: a debt
-- noticed by: balance_not_negative, one_charge_per_priced_job
alter table workspaces drop constraint balance_not_negative;
update workspaces set balance = -1 where balance = 0;
insert into ledger (workspace_id, kind, amount, job_id, created_at) select id, 'charge', -1,
  gen_random_uuid(), leadfall_now() from workspaces where balance = -1;

-- breach: a charge that is missing
-- noticed by: balance_is_sum_of_ledger, one_charge_per_priced_job
delete from ledger where kind = 'charge' and job_id = (select id from jobs where finished_at is
  null);

-- breach: a charge that came twice
-- noticed by: balance_is_sum_of_ledger, one_charge_per_priced_job
drop index one_charge_per_job;
insert into ledger (workspace_id, kind, amount, job_id, created_at) select workspace_id, kind,
  amount, job_id, created_at from ledger where kind = 'charge' and job_id = (select id from jobs
  where finished_at is null);

-- breach: a charge for nothing
-- noticed by: one_charge_per_priced_job
update jobs set price = 0, charged = 0 where finished_at is null;

-- breach: a charge of another amount
-- noticed by: charge_is_price_times_lookups, one_charge_per_priced_job
update jobs set charged = charged + 1 where finished_at is null;

-- breach: a lookup that is missing
-- noticed by: lookup_count_is_rows, open_count_is_open_rows
delete from calls;
delete from lookups where id = (select min(id) from lookups where state = 'running');

-- breach: an open count that is off
-- noticed by: open_count_is_open_rows
update jobs set open_count = open_count - 1 where open_count > 1;

-- breach: an end before the last lookup
-- noticed by: finished_exactly_when_none_open, finished_job_has_one_terminal_event
alter table jobs drop constraint finished_when_none_open;
update jobs set finished_at = leadfall_now() where finished_at is null;

-- breach: a job that never ended
-- noticed by: finished_exactly_when_none_open, open_job_has_no_terminal_event
alter table jobs drop constraint finished_when_none_open;
update jobs set finished_at = null where finished_at is not null;

-- breach: an outcome counted as another
-- noticed by: outcome_counts_are_rows
update jobs set found_count = found_count + 1, missing_count = missing_count - 1 where
  missing_count > 0;

-- breach: an outcome changed afterwards
-- noticed by: outcome_counts_are_rows
update lookups set outcome = 'no_answer' where id = (select min(id) from lookups where refunded >
  0);

-- breach: a refund that the job does not know
-- noticed by: job_refunds_agree
update jobs set refunded = refunded - 1 where refunded > 0;

-- breach: a refund without an entry
-- noticed by: balance_is_sum_of_ledger, job_refunds_agree, refund_entry_for_each_refunded_lookup
delete from ledger where lookup_id = (select min(id) from lookups where refunded > 0);

-- breach: a refund entered twice
-- noticed by: job_refunds_agree
drop index one_refund_per_lookup;
insert into ledger (workspace_id, kind, amount, job_id, lookup_id, created_at) select
  workspace_id, kind, amount, job_id, lookup_id, created_at from ledger where lookup_id = (select
  min(id) from lookups where refunded > 0);
update workspaces set balance = balance + 3 where balance > 0;

-- breach: a refund of another lookup
-- noticed by: refund_entry_for_each_refunded_lookup
update ledger set lookup_id = (select min(id) from lookups where state = 'running') where
  lookup_id = (select min(id) from lookups where refunded > 0);

-- breach: a find that was given back
-- noticed by: found_is_not_refunded, job_refunds_agree, refund_entry_for_each_refunded_lookup
update lookups set refunded = 1 where id = (select min(id) from lookups where outcome = 'found');

-- breach: a settlement without a time
-- noticed by: settled_has_outcome_and_time
alter table lookups drop constraint settled_with_a_time;
update lookups set settled_at = null where id = (select min(id) from lookups where outcome =
  'found');

-- breach: a terminal event that is missing
-- noticed by: finished_job_has_one_terminal_event
delete from deliveries;
delete from events where type = 'enrichment.completed';

-- breach: a terminal event that came twice
-- noticed by: finished_job_has_one_terminal_event, webhook_url_has_its_delivery
insert into events select gen_random_uuid(), aggregatetype, aggregateid, 'enrichment.failed',
  payload, workspace_id, created_at from events where type = 'enrichment.completed';

-- breach: a terminal event of an open job
-- noticed by: open_job_has_no_terminal_event
insert into events select gen_random_uuid(), 'job', public_id, 'enrichment.cancelled', '',
  workspace_id, leadfall_now() from jobs where finished_at is null;

-- breach: a terminal event of no job
-- noticed by: open_job_has_no_terminal_event
insert into events values (gen_random_uuid(), 'job', 'bulk_gone', 'enrichment.failed', '', 1,
  leadfall_now());

-- breach: a webhook nobody will call
-- noticed by: webhook_url_has_its_delivery
delete from deliveries;

-- breach: a webhook that goes elsewhere
-- noticed by: webhook_url_has_its_delivery
update endpoints set url = 'https://elsewhere.example';

-- breach: a delivery of nothing
-- noticed by: delivery_has_its_event
insert into deliveries (event_id, endpoint_id, workspace_id, event_type, event_created_at, due_at,
  created_at) values (gen_random_uuid(), 1, 1, 'lead.enriched', now(), now(), now());

-- breach: a delivery without an attempt
-- noticed by: delivered_after_an_attempt
delete from attempts;
update deliveries set state = 'delivered', finished_at = leadfall_now() + interval '5 min';

-- breach: a sequence given twice
-- noticed by: sequence_once_per_endpoint
drop index deliveries_by_sequence;
insert into deliveries (event_id, endpoint_id, workspace_id, event_type, event_created_at, due_at,
  created_at, sequence) select id, d.endpoint_id, 1, 'enrichment.accepted', e.created_at,
  d.due_at, d.created_at, d.sequence from events e, deliveries d where e.type =
  'enrichment.accepted' limit 1;

-- breach: a paid call made more often than its policy allows
-- noticed by: asked_again_only_where_allowed
update calls set ask_count = 9 where provider = 'leadmagic';

-- breach: a call of no lookup
-- noticed by: call_has_its_lookup
insert into calls (lookup_id, step, provider, epoch, intended_at) values (0, 0, 'enrich', 1,
  leadfall_now());

-- breach: a lookup of no job
-- noticed by: lookup_has_its_job
insert into lookups (job_id, workspace_id, lead_id, target, priority, input, created_at) values
  (gen_random_uuid(), 1, 0, 'email', 1, '{}', leadfall_now());

-- breach: two open lookups of one lead
-- noticed by: one_open_lookup_per_lead_and_target
drop index one_open_lookup_per_lead_and_target;
update lookups set lead_id = (select lead_id from lookups where id = (select min(id) from lookups
  where state = 'running')) where state <> 'settled';

-- breach: work held by the dead
-- noticed by: running_lookup_has_a_living_process
update processes set beat_at = leadfall_now() - interval '1 hour';
update lookups set created_at = leadfall_now() - interval '1 hour';

-- breach: work held by nobody
-- noticed by: running_lookup_has_a_living_process
delete from processes;
update lookups set created_at = leadfall_now() - interval '1 hour';

-- breach: a delivery held by nobody
-- noticed by: sending_delivery_has_a_living_process
update deliveries set state = 'sending', owner = gen_random_uuid(), finished_at = null, created_at
  = leadfall_now() - interval '1 hour';

-- breach: a sleeper nobody woke
-- noticed by: waiting_lookup_is_woken
update lookups set wake_at = leadfall_now() - interval '1 hour' where state = 'waiting';

-- breach: a sleeper without an alarm
-- noticed by: waiting_lookup_is_woken
update lookups set wake_at = null where state = 'waiting';

-- breach: a submission past its deadline
-- noticed by: submission_ends_by_its_deadline
insert into submissions (id, provider, capability, credential, token, handle, state, deadline_at,
  created_at) values (gen_random_uuid(), 'fullenrich', 'find_email', 'operator', 't', 'h',
  'submitted', leadfall_now() - interval '1 hour', leadfall_now() - interval '1 hour');

-- breach: an expired job whose refunds do not add up
-- noticed by: expired_job_keeps_its_refunds
insert into expired_jobs (id, public_id, workspace_id, face, type, kind, lookup_count, charged,
  refunded, created_at, finished_at, expired_at, swept_at) select gen_random_uuid(), 'bulk_gone', id,
  'seleqt', 'FIND_EMAIL', 'find_email', 1, 0, 3, now(), '2001-01-01', now(), now() from workspaces
  where balance > 0;

-- breach: an expired job that is still there
-- noticed by: expired_job_is_gone
insert into expired_jobs (id, public_id, workspace_id, face, type, kind, lookup_count, charged,
  refunded, created_at, finished_at, expired_at) select id, 'bulk_other', workspace_id, face, type,
  kind, lookup_count, charged, refunded, created_at, now() - interval '9 years', now() from jobs
  where finished_at is null;

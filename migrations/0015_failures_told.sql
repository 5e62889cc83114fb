-- Failures are told of: our own in health and in the history, the last one of a delivery to its owner.

-- Hardly any delivery is ever in it; health reads it.
create index deliveries_unsent on deliveries (endpoint_id) where state = 'due' and unsent_claim_count >= 3;

alter table attempts
  -- False: a fault of ours ended it, and it used up none of the receiver's attempts.
  add column counted boolean not null default true,
  -- The part of `connect_ms` that agreeing on TLS took; null without TLS or a new connection.
  add column tls_ms real;

-- When the first attempt of the schedule that runs began; null before it.
alter table deliveries add column tried_since timestamptz;

-- When it was last told that deliveries to it were given up.
alter table endpoints add column exhausted_told_at timestamptz;

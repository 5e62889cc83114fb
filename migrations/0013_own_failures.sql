-- What failed for reasons of our own can be seen.

-- Hardly any delivery is ever in it; health reads it.
create index deliveries_unsent on deliveries (endpoint_id) where state = 'due' and unsent_claim_count >= 3;

alter table attempts
  -- False: a fault of ours ended it, and it used up none of the receiver's attempts.
  add column counted boolean not null default true;

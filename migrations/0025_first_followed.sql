-- When a lookup first waited for an equal question's answer. Whoever did so in vain does not wait for
-- the next one; whoever was sent away from a shut gate, or waited for a vendor, has not followed yet.
alter table lookups add column first_followed_at timestamptz;

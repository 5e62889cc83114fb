-- Since when a lookup waits without a call on record: its lead's deadline counts from there.
alter table lookups add column first_parked_at timestamptz;

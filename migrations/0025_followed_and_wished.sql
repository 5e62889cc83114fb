-- Which question a lookup waits for an equal one to answer, and since when. Whoever did so in vain
-- does not wait for the next who asks the same; at another question it begins anew.
alter table lookups add column followed_question bytea;
alter table lookups add column followed_at timestamptz;

-- Since when a call has been wished for, with its time in line before the intent; null is at the
-- intent.
alter table calls add column wished_at timestamptz;

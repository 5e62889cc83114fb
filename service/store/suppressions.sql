-- People who must not be looked up, as keyed hashes, and the sealed key of those hashes.

-- name: read_state
-- Whether anybody is suppressed, and the pepper of purpose $1.
select exists (select from suppressions) as used,
       (select ciphertext from peppers where purpose = $1) as ciphertext;

-- name: keep_pepper
-- $1 purpose, $2 ciphertext. The first one stays.
insert into peppers (purpose, ciphertext) values ($1, $2) on conflict (purpose) do nothing;

-- name: find
-- $1 workspace, $2 hash, as columns: which of them are suppressed there, or everywhere.
select distinct b.workspace_id, b.person
from unnest($1::bigint[], $2::bytea[]) as b(workspace_id, person)
join suppressions s on s.person = b.person and s.workspace_id in (0, b.workspace_id);

-- name: find_anywhere
-- Which of the hashes $1 are suppressed in any workspace.
select distinct person from suppressions where person = any($1::bytea[]);

-- name: add
-- $1 workspace, $2 hash, as columns; $3 reason. In order, so that two of these never wait for each
-- other in a circle.
insert into suppressions (workspace_id, person, reason)
select distinct workspace_id, person, $3::text
from unnest($1::bigint[], $2::bytea[]) as b(workspace_id, person)
order by workspace_id, person
on conflict (workspace_id, person) do nothing;

-- name: remove
-- $1 workspace, $2 hashes.
delete from suppressions where workspace_id = $1 and person = any($2::bytea[]);

-- name: list
-- $1 workspace, $2 rows at most; newest first.
select encode(person, 'hex') as person, reason, created_at, count(*) over () as total
from suppressions
where workspace_id = $1
order by created_at desc, person
limit $2;

-- API keys; only their hashes are here.

-- name: insert_key
insert into api_keys (workspace_id, face, name, hint, key_hash)
values ($1, $2, $3, $4, $5)
returning id, created_at;

-- name: read_keys
select id, face, name, hint, created_at, revoked_at
from api_keys
where workspace_id = $1
order by id;

-- name: revoke_key
update api_keys set revoked_at = (select leadfall_now())
where workspace_id = $1 and id = $2 and revoked_at is null;

-- name: find_key_owner
-- The workspace that the live key with the hash $2 of face $1 belongs to.
select k.id as key_id, w.id as workspace_id, w.public_id as workspace_public_id
from api_keys k
join workspaces w on w.id = k.workspace_id
where k.key_hash = $2 and k.face = $1 and k.revoked_at is null;

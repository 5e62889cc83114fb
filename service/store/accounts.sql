-- Accounts, the workspaces they may act in, and their platform keys.

-- name: insert_account
insert into accounts (name, email) values ($1, $2) returning id, public_id;

-- name: find_account
select id from accounts where public_id = $1;

-- name: set_member
insert into workspace_members (workspace_id, account_id, role)
values ($1, $2, $3)
on conflict (workspace_id, account_id) do update set role = excluded.role;

-- name: delete_member
delete from workspace_members where workspace_id = $1 and account_id = $2 returning account_id;

-- name: read_account
select public_id, name, email from accounts where id = $1;

-- name: read_memberships
-- The workspaces of account $1, in the order in which it joined them, at most $2.
select w.public_id as workspace_public_id, m.role, m.joined_at
from workspace_members m
join workspaces w on w.id = m.workspace_id
where m.account_id = $1
order by m.joined_at, m.workspace_id
limit $2;

-- name: find_platform_caller
-- Who holds the live platform key with the hash $1, and as what in workspace $2.
select k.id as key_id, a.id as account_id, a.public_id as account_public_id, w.id as workspace_id,
       w.public_id as workspace_public_id, m.role
from api_keys k
join accounts a on a.id = k.account_id
left join (workspaces w join workspace_members m on m.workspace_id = w.id)
  on w.public_id = $2::text and m.account_id = a.id
where k.key_hash = $1 and k.face = 'sendkit' and k.revoked_at is null;

-- name: read_workspaces_of_account
-- A page of the workspaces of account $1 after the number $2, at most $3.
select w.id, w.public_id, w.name, w.created_at,
       (select count(*) from workspace_members o where o.workspace_id = w.id) as member_count,
       (select a.public_id from workspace_members o join accounts a on a.id = o.account_id
        where o.workspace_id = w.id and o.role = 'owner'
        order by o.joined_at, o.account_id limit 1) as owner_public_id
from workspace_members m
join workspaces w on w.id = m.workspace_id
where m.account_id = $1 and w.id > $2
order by w.id
limit $3;

-- name: count_workspaces_of_account
select count(*) from (
  select from workspace_members where account_id = $1 limit $2
) as counted;

-- name: read_workspace
select w.id, w.public_id, w.name, w.created_at,
       (select count(*) from workspace_members o where o.workspace_id = w.id) as member_count,
       (select a.public_id from workspace_members o join accounts a on a.id = o.account_id
        where o.workspace_id = w.id and o.role = 'owner'
        order by o.joined_at, o.account_id limit 1) as owner_public_id
from workspaces w
where w.id = $1;

-- name: hold_workspace
select id from workspaces where id = $1 for no key update;

-- name: has_live_key
select exists (
  select from api_keys where workspace_id = $1 and face = 'sendkit' and revoked_at is null
);

-- name: insert_platform_key
insert into api_keys (account_id, face, name, hint, key_hash)
values ($1, 'sendkit', $2, $3, $4)
returning id, created_at;

-- name: read_platform_keys
select id, face, name, hint, created_at, revoked_at
from api_keys
where account_id = $1
order by id;

-- name: revoke_platform_key
update api_keys set revoked_at = (select leadfall_now())
where account_id = $1 and id = $2 and revoked_at is null;

-- Workspaces.

-- name: insert_workspace
-- $1 name, $2 balance below which an event is sent, or null for the default.
insert into workspaces (public_id, name, low_balance)
values (leadfall_object_id(), $1, coalesce($2::bigint, 100))
returning id, public_id;

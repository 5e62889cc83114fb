-- The steps that jobs were accepted with.

-- name: keep
insert into waterfalls (version, kind, steps) values ($1, $2, $3) on conflict do nothing;

-- name: read
select kind, steps from waterfalls where version = $1;

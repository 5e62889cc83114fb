-- Everything that is encrypted, to put it under another key.

-- name: lock_signing_secrets
-- $1 the id after which to go on, $2 rows at most.
select id, ciphertext from signing_secrets where id > $1 order by id limit $2::integer for update;

-- name: write_signing_secrets
-- $1 ids, $2 ciphertexts, as columns.
update signing_secrets s set ciphertext = r.ciphertext
from unnest($1::bigint[], $2::bytea[]) as r(id, ciphertext)
where s.id = r.id;

-- name: lock_provider_keys
-- $1 the id after which to go on, $2 rows at most. An empty ciphertext is no key.
select id, ciphertext from provider_keys
where id > $1 and ciphertext <> ''
order by id
limit $2::integer
for update;

-- name: write_provider_keys
-- $1 ids, $2 ciphertexts, as columns.
update provider_keys k set ciphertext = r.ciphertext
from unnest($1::bigint[], $2::bytea[]) as r(id, ciphertext)
where k.id = r.id;

-- name: lock_peppers
-- $1 the id after which to go on, $2 rows at most.
select id, ciphertext from peppers where id > $1 order by id limit $2::integer for update;

-- name: write_peppers
-- $1 ids, $2 ciphertexts, as columns.
update peppers p set ciphertext = r.ciphertext
from unnest($1::bigint[], $2::bytea[]) as r(id, ciphertext)
where p.id = r.id;

-- name: lock_endpoint_headers
-- $1 the id after which to go on, $2 rows at most.
select id, headers_ciphertext as ciphertext from endpoints
where id > $1 and headers_ciphertext is not null
order by id
limit $2::integer
for update;

-- name: write_endpoint_headers
-- $1 ids, $2 ciphertexts, as columns.
update endpoints p set headers_ciphertext = r.ciphertext
from unnest($1::bigint[], $2::bytea[]) as r(id, ciphertext)
where p.id = r.id;

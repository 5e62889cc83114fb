-- What commands look up.

-- name: find_workspace
select id from workspaces where public_id = $1;

-- name: read_ledger_totals
select coalesce(sum(l.amount) filter (where l.kind = 'grant'), 0)::bigint as granted,
       coalesce(-sum(l.amount) filter (where l.kind = 'charge'), 0)::bigint as charged,
       coalesce(sum(l.amount) filter (where l.kind = 'refund'), 0)::bigint as refunded,
       w.balance
from workspaces w
left join ledger l on l.workspace_id = w.id
where w.id = $1
group by w.id;

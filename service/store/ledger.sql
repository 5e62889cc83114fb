-- Credits: every movement is an entry, and the balance moves in the statement that enters it.

-- name: read_balance
select balance from workspaces where id = $1;

-- name: read_balances
select id, balance from workspaces where id = any($1::bigint[]);

-- name: grant
with raised as (
  update workspaces set balance = balance + $2 where id = $1 returning id, balance
),
entered as (
  insert into ledger (workspace_id, kind, amount, note, created_at)
  select id, 'grant', $2, $3, (select leadfall_now()) from raised
)
select balance from raised;

-- name: refund
-- $1 lookup, $2 job, $3 workspace, $4 amount, as columns. An entry that is there already moves
-- nothing: the balance is raised by what was really entered.
with batch as (
  select * from unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::integer[])
    as b(lookup_id, job_id, workspace_id, amount)
),
entered as (
  insert into ledger (workspace_id, kind, amount, job_id, lookup_id, created_at)
  select workspace_id, 'refund', amount, job_id, lookup_id, (select leadfall_now()) from batch
  order by lookup_id
  on conflict (lookup_id) where kind = 'refund' do nothing
  returning workspace_id, amount
),
total as materialized (
  select workspace_id, sum(amount) as amount from entered group by workspace_id
),
held as materialized (
  select w.id from workspaces w where w.id in (select workspace_id from total)
  order by w.id for no key update
)
update workspaces w set balance = w.balance + total.amount
from total join held on held.id = total.workspace_id
where w.id = total.workspace_id;

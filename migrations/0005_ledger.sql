-- Credits, append only. A balance is the sum of its workspace's entries.

create table ledger (
  id bigint generated always as identity primary key,
  workspace_id bigint not null,
  kind text not null check (kind in ('grant', 'charge', 'refund')),
  -- Signed credits: grants and refunds add, charges take.
  amount bigint not null,
  job_id uuid,
  lookup_id bigint,
  note text,
  created_at timestamptz not null,
  constraint entry_moves_credits check (amount <> 0),
  constraint charge_takes check ((kind = 'charge') = (amount < 0)),
  constraint charge_names_its_job check (kind = 'grant' or job_id is not null),
  constraint refund_names_its_lookup check ((kind = 'refund') = (lookup_id is not null))
);
create index ledger_of_workspace on ledger (workspace_id, id);
create unique index one_charge_per_job on ledger (job_id) where kind = 'charge';
create unique index one_refund_per_lookup on ledger (lookup_id) where kind = 'refund';

-- What a poller claimed is found by its owner, also where only a callback knows the handle.
drop index submissions_polled;
create index submissions_polled on submissions (owner)
  where state in ('submitted', 'intended') and poll_at is not null and owner is not null;

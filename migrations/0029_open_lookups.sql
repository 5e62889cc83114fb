-- What is open is not said by its state here: a statement that names a state could otherwise be
-- answered from this index, by going through all that is open. It looks as good as the index of
-- that state where both were empty at the last analyze, as they are before a large job comes.
alter table lookups add constraint settled_with_a_time
  check ((state = 'settled') = (settled_at is not null));
drop index one_open_lookup_per_lead_and_target;
create unique index one_open_lookup_per_lead_and_target on lookups (lead_id, target)
  where settled_at is null;

-- Nobody asks for rows by what is in these, and they are up to half of what an analyze costs.
alter table lookups alter column input set statistics 0, alter column value set statistics 0;
alter table remembered_answers alter column value set statistics 0;

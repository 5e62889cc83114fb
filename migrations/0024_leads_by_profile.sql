-- Who is erased or suppressed by a profile is found by it, however its address is written.

-- What all spellings of a profile share: the ASCII letters and digits of the last part of its path,
-- without what is encoded. Profiles that share it may differ; whoever asks compares them.
create function leadfall_profile_key(url text) returns text
language sql immutable parallel safe
as $$
  select left(regexp_replace(
    substring(lower(split_part(url, '?', 1) collate "C") from '([^/]*)/*\s*$'),
    '%[0-9a-f]{2}|[^0-9a-z]', '', 'g'), 100)
$$;
create index leads_by_profile on leads (workspace_id, leadfall_profile_key(linkedin_url))
  where linkedin_url is not null;

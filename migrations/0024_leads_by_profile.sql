-- Who is erased is found by a profile, however it is spelled.

-- The last part of a profile's path, behind its last per-cent sign, in lower case as far as ASCII
-- goes. Profiles that share it may differ: whoever asks compares them. Without a regular expression,
-- since it is made for each lead that comes in.
create function leadfall_profile_key(url text) returns text
language sql immutable parallel safe
as $$
  select left(split_part(split_part(
    rtrim(split_part(lower(url collate "C"), '?', 1), '/ '), '/', -1), '%', -1), 100)
$$;
create index leads_by_profile on leads (workspace_id, leadfall_profile_key(linkedin_url))
  where linkedin_url is not null;

-- Who is like the erased is found however a profile, a name or a number is written.

-- The last part of a profile's path, in lower case, without letters beyond ASCII, whether they stand
-- there as such or behind per-cent signs; those of ASCII are read. Not so `%` and `?` themselves, as
-- they would part the path in two. Profiles that share it may differ: whoever asks compares them.
drop index leads_by_profile;
create or replace function leadfall_profile_key(url text) returns text
language plpgsql immutable parallel safe
as $$
declare
  path text := split_part(lower(url collate "C"), '?', 1);
  sign text;
begin
  -- Most have neither, and it is made for each lead that comes in.
  if position('%' in path) > 0 or octet_length(path) > length(path) then
    for sign in
      select distinct parts[1]
      from regexp_matches(path, '%(2[0-46-9a-f]|3[0-9a-e]|[4-6][0-9a-f]|7[0-9a-e])', 'g') parts
      order by 1
    loop
      path := replace(path, '%' || sign, lower(chr(('x' || sign)::bit(8)::integer)));
    end loop;
    path := regexp_replace(path, '%[89a-f][0-9a-f]|[^\x01-\x7f]', '', 'g');
  end if;
  return left(split_part(rtrim(path, '/ '), '/', -1), 100);
end $$;
create index leads_by_profile on leads (workspace_id, leadfall_profile_key(linkedin_url))
  where linkedin_url is not null;

-- A name in lower case, as far as the database goes, without what Python takes for blanks.
create function leadfall_name_key(name text) returns text
language sql immutable parallel safe
as $$
  select translate(lower(name), E' \t\n\r\u000b\u000c\u001c\u001d\u001e\u001f\u0085\u00a0\u1680'
    '\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f'
    '\u3000', '')
$$;

-- The last digits of a number, which stand there however it is written. As many as it takes for
-- hardly anybody else to have the same.
create function leadfall_phone_key(phone text) returns text
language sql immutable parallel safe
as $$ select right(regexp_replace(phone, '[^0-9]', '', 'g'), 7) $$;
create index leads_by_phone on leads (workspace_id, leadfall_phone_key(coalesce(phone_e164, phone)))
  where phone is not null;

-- Of who was erased before, no hash of a question is kept either.
update lookups set followed_question = null, followed_at = null
where erased_at is not null and followed_question is not null;

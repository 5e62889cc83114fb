-- Texts are found in the order of pages, a range of ids at a time. The statements that do so are
-- those of service/store/lead_ranges.py; what is written here of blocks and lengths, they repeat.

-- Which blocks of ids make up a range: the largest that lie within it, of each size in the index.
-- The last ones may reach beyond the range, to the end of a block of 64.
create function leadfall_blocks_between(workspace_id bigint, first_id bigint, last_id bigint)
returns bigint[]
language plpgsql immutable strict parallel safe
as $$
declare
  blocks bigint[] := '{}';
  place bigint := first_id >> 6 << 6;
begin
  while place <= last_id loop
    if place & 65535 = 0 and place + 65535 <= last_id then
      blocks := blocks || ((workspace_id << 42) | (2::bigint << 40) | (place >> 16));
      place := place + 65536;
    elsif place & 2047 = 0 and place + 2047 <= last_id then
      blocks := blocks || ((workspace_id << 42) | (1::bigint << 40) | (place >> 11));
      place := place + 2048;
    else
      blocks := blocks || ((workspace_id << 42) | (place >> 6));
      place := place + 64;
    end if;
  end loop;
  return blocks;
end $$;

-- Beside the texts stands where a lead is: the blocks of 64, 2,048 and 65,536 ids it lies in, of its
-- workspace. So whoever has a text in one range is found without those of others. Numbers beyond
-- 40 bits, or workspaces beyond 21, would share a block, which finds more and never less.
drop index leads_by_text;
create index leads_by_text on leads using gin (
  (array[
    (workspace_id << 42) | (id >> 6),
    (workspace_id << 42) | (1::bigint << 40) | (id >> 11),
    (workspace_id << 42) | (2::bigint << 40) | (id >> 16)
  ]),
  search_text gin_trgm_ops,
  leadfall_attributes(headline, industry, location, city, state, country) gin_trgm_ops
);

-- What has no text is known by no index of texts: whom a text excludes is passed over in this one,
-- without reading the row. An entry has 2,704 bytes at most, so leads with longer texts are apart.
create index leads_texts on leads (workspace_id, id)
  include (is_company, headline, job_title, company_name, industry, location, city, state, country)
  where coalesce(octet_length(headline), 0) + coalesce(octet_length(job_title), 0)
    + coalesce(octet_length(company_name), 0) + coalesce(octet_length(industry), 0)
    + coalesce(octet_length(location), 0) + coalesce(octet_length(city), 0)
    + coalesce(octet_length(state), 0) + coalesce(octet_length(country), 0) <= 2000;
create index leads_long_texts on leads (workspace_id, id)
  where coalesce(octet_length(headline), 0) + coalesce(octet_length(job_title), 0)
    + coalesce(octet_length(company_name), 0) + coalesce(octet_length(industry), 0)
    + coalesce(octet_length(location), 0) + coalesce(octet_length(city), 0)
    + coalesce(octet_length(state), 0) + coalesce(octet_length(country), 0) > 2000;

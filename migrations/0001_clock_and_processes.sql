-- The one clock and the liveness of processes.

-- Empty in production. Tests put a row here to move every due time and lease at once.
create table clock_shift (
  only_row boolean primary key default true check (only_row),
  shift interval not null
);

-- Write it as `(select leadfall_now())` inside statements, so that it runs once and not per row.
create function leadfall_now() returns timestamptz
language sql stable parallel safe
as $$ select statement_timestamp() + coalesce((select shift from clock_shift), interval '0') $$;

-- Ends a statement that must leave nothing behind; the code becomes the SQLSTATE seen by the caller.
create function leadfall_refuse(code text, detail text) returns boolean
language plpgsql volatile
as $$ begin raise exception 'refused' using errcode = code, detail = detail; end $$;

-- One row per running process: a heartbeat here, never one per lookup.
create table processes (
  id uuid primary key,
  role text not null,
  host text not null,
  pid integer not null,
  started_at timestamptz not null,
  beat_at timestamptz not null
) with (fillfactor = 50);

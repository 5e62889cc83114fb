"""`leadfall migrate`: brings the database's schema to this version."""

from service.commands.options import AsJson


def migrate(*, as_json: AsJson = False) -> None:
    """Apply the migrations that the database lacks; safe to run from many hosts at once."""
    from service.commands.output import print_json, print_lines
    from service.commands.setup import run_to_end

    applied = run_to_end(_migrate())
    if as_json:
        print_json({"applied": applied})
    elif applied:
        print_lines(*(f"applied {name}" for name in applied))
    else:
        print_lines("nothing to do: the schema is up to date")


async def _migrate() -> list[str]:
    import asyncpg

    from service.settings import Settings
    from service.store.migrations import migrate as apply_missing

    # A connection that keeps its session, because migrations take turns by a session's lock.
    connection = await asyncpg.connect(Settings().listen_url)
    try:
        return await apply_missing(connection)
    finally:
        await connection.close()

"""Every SQL statement fits the migrated schema, and the loader is strict about names."""

from importlib.resources import files

import asyncpg
import pytest

from service.store.statements import load_statements

GROUPS = sorted(
    path.name.removesuffix(".sql")
    for path in files("service.store").iterdir()
    if path.name.endswith(".sql")
)


@pytest.mark.parametrize("group", GROUPS)
async def test_statements_prepare(connection: asyncpg.Connection, group: str) -> None:
    """Postgres accepts names, types and parameters of each statement of the file."""
    statements = load_statements(group)

    prepared = [await connection.prepare(text) for text in statements.values()]

    assert len(statements) == len(prepared) > 0

"""The pool of database connections and the type every store function takes."""

from typing import Any, Final

import asyncpg
import orjson

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
Pool = asyncpg.Pool

# How long a statement waits for a lock and may run. Both bound what a caller can wait for.
_LOCK_TIMEOUT_MS: Final = 5_000
_STATEMENT_TIMEOUT_MS: Final = 60_000
_IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 30_000

ACQUIRE_TIMEOUT_S: Final = 10.0


async def open_pool(
    url: str, *, size_max: int, role: str, size_min: int = 0, plans_once: bool = False
) -> Pool:
    """Open a pool whose connections read and write jsonb as Python values.

    Session state is not reset when a connection returns: no code of ours may set any.

    Args:
        plans_once: plan a statement for whatever it is given, and not anew for each of its
            arguments; for a process whose statements take columns of one row and of hundreds.
    """
    return await asyncpg.create_pool(
        url,
        min_size=size_min,
        max_size=size_max,
        init=prepare_connection,
        reset=_keep_session,
        timeout=ACQUIRE_TIMEOUT_S,
        command_timeout=_STATEMENT_TIMEOUT_MS / 1_000 + 5,
        max_inactive_connection_lifetime=300,
        server_settings={
            "application_name": f"leadfall-{role}",
            "lock_timeout": str(_LOCK_TIMEOUT_MS),
            "statement_timeout": str(_STATEMENT_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_TIMEOUT_MS),
            "jit": "off",
            "plan_cache_mode": "force_generic_plan" if plans_once else "auto",
            "timezone": "UTC",
        },
    )


async def prepare_connection(connection: Connection) -> None:
    """Teach a connection to read and write json and jsonb with orjson."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, encoder=_encode, decoder=orjson.loads, schema="pg_catalog"
        )


def _encode(value: Any) -> str:
    return orjson.dumps(value).decode()


async def _keep_session(connection: Connection) -> None:
    """Save the reset query that asyncpg would send at each release."""

"""Repeats a database step that failed for a reason of the moment: a deadlock, a lost connection."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg
import structlog

_log = structlog.get_logger()

R = TypeVar("R")

# OSError covers refused, reset and timed-out connections, which asyncpg passes on as they are.
TRANSIENT: Final = (
    OSError,
    TimeoutError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    # Raised where a connection is let go in the middle of an operation, by a time-out of ours.
    asyncpg.InternalClientError,
)

_PAUSE_S_MIN: Final = 0.05
_PAUSE_S_MAX: Final = 2.0
_DEADLOCKS_MAX: Final = 5


async def until_done(step: Callable[[], Awaitable[R]], *, name: str, patience_s: float) -> R:
    """Run a step that is safe to repeat until it works or `patience_s` seconds have passed.

    The commit of a step that failed may have happened all the same; whoever calls this says so by
    making the step a no-op the second time.

    Raises:
        Exception: the last transient error, or at once any other.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + patience_s
    pause_s = _PAUSE_S_MIN
    while True:
        try:
            return await step()
        except TRANSIENT as error:
            if loop.time() + pause_s > give_up_at:
                raise
            _log.warning("database.step_repeated", step=name, error=type(error).__name__)
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
        pause_s = min(pause_s * 2, _PAUSE_S_MAX)


async def despite_deadlocks(step: Callable[[], Awaitable[R]]) -> R:
    """Run a step that is one transaction, again where the database ended it to resolve a deadlock.

    Nothing of such a transaction was committed, so this is safe for any step.

    Raises:
        DeadlockDetectedError: it met one each of `_DEADLOCKS_MAX` times.
    """
    for _ in range(_DEADLOCKS_MAX - 1):
        try:
            return await step()
        except asyncpg.DeadlockDetectedError:
            _log.info("database.deadlock_met")
    return await step()

"""Holds a process's lease: beats as long as the process lives, and gives it up at the end."""

import asyncio
import os
import socket
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from service.domain.identifiers import new_id
from service.store.connection import Pool
from service.store.processes import beat, leave
from service.store.transient import TRANSIENT
from service.tasks import end_tasks

_log = structlog.get_logger()

# Beats per lease: enough that two can be lost.
_BEATS_PER_LEASE: Final = 5


class ProcessLease:
    """The heartbeat of one process; work it holds is another's once `lease` passes without one.

    Every intent checks the lease in the database, so a process that was paused past its lease
    starts no paid call after it wakes.
    """

    def __init__(self, pool: Pool, role: str, lease: timedelta) -> None:
        self.process_id: UUID = new_id()
        self.role = role
        self.lease = lease
        self._pool = pool
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the lease out and keep it; a second call does nothing."""
        if self._task is None:
            await self._beat()
            self._task = asyncio.create_task(self._keep())
            _log.info("process.started", role=self.role, process_id=str(self.process_id))

    async def stop(self) -> None:
        """Give the lease up; harmless when it was never taken."""
        if self._task is None:
            return
        await end_tasks([self._task])
        self._task = None
        try:
            async with self._pool.acquire() as connection:
                await leave(connection, self.process_id)
        except TRANSIENT:
            _log.warning("process.left_silently", role=self.role)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self.lease.total_seconds() / _BEATS_PER_LEASE)
            try:
                await self._beat()
            except TRANSIENT as error:
                _log.warning("process.beat_lost", error=type(error).__name__)

    async def _beat(self) -> None:
        async with self._pool.acquire() as connection:
            await beat(connection, self.process_id, self.role, socket.gethostname(), os.getpid())

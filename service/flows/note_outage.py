"""Takes a key that its vendor refuses, or that is out of credit, out of every waterfall at once.

One row per key in Postgres: every process sees it within a second, and only the process that
wrote it tells of it. Now and then one process lets one request try the key.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog
from prometheus_client import Counter

from service.domain.face_answers import iso
from service.domain.identifiers import new_id
from service.flows.credentials import OPERATOR
from service.flows.publish_finished import event_body
from service.store.connection import Pool
from service.store.events import NewEvent, insert_events
from service.store.outages import (
    Outage,
    claim_probe,
    end_outage,
    read_outages,
    read_workspace_of_key,
    report_outage,
    retry_now,
)
from service.store.transient import TRANSIENT

_log = structlog.get_logger()

UNAVAILABLE: Final = "provider.unavailable"
RETRY_S_MIN: Final = 60.0
RETRY_S_MAX: Final = 3_600.0
# When to look again at a key whose time has come, or whose probe is under way.
LOOK_S: Final = 1.0
_OWN_KEY: Final = "key:"

_unavailable = Counter(
    "leadfall_provider_outages_total", "Keys found refused or out of credit.", ["provider", "why"]
)


class Credential(NamedTuple):
    """A key of a provider, by name: `operator`, or `key:` and the id of a provider key."""

    provider: str
    name: str


@dataclass(slots=True)
class _Known:
    """An outage as this process knows it; times are the event loop's.

    Attributes:
        wanted: somebody asked for the key since the last look.
        probe_from_s: when this process won the right to try the key, if it did.
        probing: the one request that tries it is under way.
    """

    reason: str
    noted_at_s: float
    retry_at_s: float
    wanted: bool = False
    probe_from_s: float | None = None
    probing: bool = False


class Outages:
    """What this process knows of keys that are out; safe to ask at any time, without waiting.

    Args:
        time_scale: real seconds per vendor second.
    """

    def __init__(self, pool: Pool, *, time_scale: float = 1.0) -> None:
        self._pool = pool
        self._retry_min = timedelta(seconds=RETRY_S_MIN * time_scale)
        self._retry_max = timedelta(seconds=RETRY_S_MAX * time_scale)
        self._look_s = LOOK_S * time_scale
        self._known: dict[Credential, _Known] = {}
        self._to_report: dict[Credential, str] = {}
        self._to_end: set[Credential] = set()
        self._writing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def are_none(self) -> bool:
        """Whether no key at all is out, as far as this process knows."""
        return not self._known

    def shut_for_s(self, credential: Credential) -> float:
        """Return for how many more seconds the key is not to be used; 0 when it may be."""
        known = self._known.get(credential)
        if known is None:
            return 0.0
        if known.probe_from_s is not None and not known.probing:
            return 0.0
        return max(known.retry_at_s - _now_s(), self._look_s)

    def want(self, credential: Credential) -> None:
        """Note that there is a use for the key, so that this process may try it when it is time."""
        if (known := self._known.get(credential)) is not None:
            known.wanted = True

    def why(self, credential: Credential) -> str:
        """Return the slug of what put the key out; empty when it is in."""
        known = self._known.get(credential)
        return known.reason if known is not None else ""

    def admit(self, credential: Credential) -> bool:
        """Tell whether a request may use the key; hands out the one probe of a key that is out."""
        if self.shut_for_s(credential) > 0:
            return False
        if (known := self._known.get(credential)) is not None:
            known.probing = True
        return True

    def is_probing(self, credential: Credential) -> bool:
        """Tell whether the one request that tries the key is under way."""
        known = self._known.get(credential)
        return known is not None and known.probing

    def release(self, credential: Credential) -> None:
        """Take a probe back that ended without showing anything; the next request may try."""
        if (known := self._known.get(credential)) is not None:
            known.probing = False

    def note_fault(self, credential: Credential, reason: str) -> None:
        """Put the key out here at once, and for all others as soon as the row is written."""
        now_s = _now_s()
        known = self._known.get(credential)
        if known is not None:
            known.probe_from_s, known.probing = None, False
            return
        retry_at_s = now_s + self._retry_min.total_seconds()
        self._known[credential] = _Known(reason, now_s, retry_at_s)
        self._to_end.discard(credential)
        self._to_report[credential] = reason
        self._write_soon()

    def note_success(self, credential: Credential, began_s: float) -> None:
        """Take the key back in, if this request was one that tried it."""
        known = self._known.get(credential)
        if known is None or known.probe_from_s is None or began_s < known.probe_from_s:
            return
        del self._known[credential]
        self._to_report.pop(credential, None)
        self._to_end.add(credential)
        self._write_soon()

    async def begin(self) -> None:
        """Have the operator's keys tried anew: whoever replaced one has started its workers anew.

        Raises:
            Exception: one of `TRANSIENT`; they are tried when it is time.
        """
        async with self._pool.acquire() as connection:
            await retry_now(connection, OPERATOR)

    async def refresh(self) -> None:
        """Write what could not be written yet, and learn what other processes wrote.

        Raises:
            Exception: one of `TRANSIENT`; what was known stays known.
        """
        await self._write()
        began_s = _now_s()
        async with self._pool.acquire() as connection:
            rows = {
                Credential(row.provider, row.credential): row
                for row in await read_outages(connection)
            }
        self._learn(rows, began_s)
        for credential, known in list(self._known.items()):
            if known.wanted and known.retry_at_s <= _now_s() and not known.probing:
                await self._try_probe(credential, known)

    async def close(self) -> None:
        """Let the writes under way end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _learn(self, rows: Mapping[Credential, Outage], began_s: float) -> None:
        for credential, row in rows.items():
            if credential in self._to_end:
                continue
            retry_at_s = began_s + row.retry_in_s
            known = self._known.get(credential)
            if known is None:
                self._known[credential] = _Known(row.reason, began_s, retry_at_s)
            else:
                known.retry_at_s = retry_at_s
        for credential, known in list(self._known.items()):
            is_new = known.noted_at_s >= began_s or credential in self._to_report
            if credential not in rows and not is_new:
                del self._known[credential]

    async def _try_probe(self, credential: Credential, known: _Known) -> None:
        known.wanted = False
        async with self._pool.acquire() as connection:
            won = await claim_probe(
                connection,
                credential.provider,
                credential.name,
                wait_min=self._retry_min,
                wait_max=self._retry_max,
            )
        known.probe_from_s = _now_s() if won else None

    def _write_soon(self) -> None:
        task = asyncio.create_task(self._try_to_write())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try_to_write(self) -> None:
        try:
            await self._write()
        except TRANSIENT as error:
            # The next refresh writes it.
            _log.warning("outage.unwritten", error=type(error).__name__)

    async def _write(self) -> None:
        async with self._writing:
            for credential, reason in list(self._to_report.items()):
                await self._report(credential, reason)
                self._to_report.pop(credential, None)
            for credential in list(self._to_end):
                async with self._pool.acquire() as connection:
                    since = await end_outage(connection, credential.provider, credential.name)
                self._to_end.discard(credential)
                if since is not None:
                    _log.info(
                        "provider.available",
                        provider=credential.provider,
                        credential=credential.name,
                        since=iso(since),
                    )

    async def _report(self, credential: Credential, reason: str) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            since = await report_outage(
                connection,
                credential.provider,
                credential.name,
                reason,
                retry_after=self._retry_min,
            )
            if since is None:
                return
            if credential.name.startswith(_OWN_KEY):
                key_id = int(credential.name.removeprefix(_OWN_KEY))
                workspace_id = await read_workspace_of_key(connection, key_id)
                if workspace_id is not None:
                    event = _event(credential.provider, reason, since, workspace_id)
                    await insert_events(connection, [event])
        _unavailable.labels(credential.provider, reason).inc()
        _log.warning(
            UNAVAILABLE,
            provider=credential.provider,
            credential=credential.name,
            why=reason,
            since=iso(since),
        )


def _event(provider: str, reason: str, since: datetime, workspace_id: int) -> NewEvent:
    data = {"provider": provider, "reason": reason, "since": iso(since)}
    return NewEvent(
        id=new_id(),
        aggregatetype="provider",
        aggregateid=provider,
        type=UNAVAILABLE,
        payload=event_body(UNAVAILABLE, iso(since), data),
        workspace_id=workspace_id,
    )


def _now_s() -> float:
    return asyncio.get_running_loop().time()

"""A receiver of many workspaces' webhooks that can fail on demand and keeps what it took."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import orjson
from aiohttp import web
from standardwebhooks import Webhook

from tests.faults import endings

HANG_S: Final = 5.0


class Mood(StrEnum):
    """How a receiver answers."""

    WELL = "well"
    DOWN = "down"
    HANGING = "hanging"
    RESETTING = "resetting"
    """Takes and keeps the event, and resets the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that verified and was taken.

    Attributes:
        name: the last part of the URL: whose it is.
        answered: whether the sender could learn of it.
        job_id: of the event's data, if it is about a job.
    """

    name: str
    event_id: str
    type: str
    job_id: str | None
    body_sha256: str
    timestamp_s: int
    sequence: int | None
    answered: bool


@dataclass
class Inbox:
    """Takes webhooks at `<url>/<name>`, each name with a secret of its own.

    Attributes:
        forged: requests whose signature did not verify; there must never be one.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    forged: int = 0
    mood: Mood = Mood.WELL
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/hook/{name}", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def of(self, name: str) -> list[Arrival]:
        """Return what arrived under a name."""
        return [each for each in self.arrivals if each.name == name]

    def unlike_bodies(self) -> list[str]:
        """Return the events that arrived with more than one body."""
        bodies: dict[str, set[str]] = defaultdict(set)
        for each in self.arrivals:
            bodies[each.event_id].add(each.body_sha256)
        return [event_id for event_id, hashes in bodies.items() if len(hashes) > 1]

    def gaps(self) -> dict[str, list[int]]:
        """Return the sequence numbers that are missing, by name; a name has one endpoint."""
        numbers: dict[str, set[int]] = defaultdict(set)
        for each in self.arrivals:
            if each.sequence is not None:
                numbers[each.name].add(each.sequence)
        return {
            name: missing
            for name, seen in numbers.items()
            if (missing := sorted(set(range(1, max(seen) + 1)) - seen))
        }

    def renumbered(self) -> list[str]:
        """Return the events that came to one endpoint under more than one number."""
        numbers: dict[tuple[str, str], set[int | None]] = defaultdict(set)
        for each in self.arrivals:
            numbers[each.name, each.event_id].add(each.sequence)
        return [event_id for (_, event_id), seen in numbers.items() if len(seen) > 1]

    def repeat_count(self) -> int:
        """Count the arrivals that a receiver had to throw away by id."""
        seen = Counter((each.name, each.event_id) for each in self.arrivals)
        return sum(count - 1 for count in seen.values())

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.mood is Mood.DOWN:
            return web.Response(status=503)
        if self.mood is Mood.HANGING:
            await asyncio.sleep(HANG_S)
            return web.Response(status=503)
        name = request.match_info["name"]
        headers = {key.lower(): value for key, value in request.headers.items()}
        try:
            Webhook(self.secrets[name]).verify(body, headers)
        except Exception:  # noqa: BLE001 - whatever the public library raises, it is not signed right
            self.forged += 1
            return web.Response(status=401)
        answers = self.mood is not Mood.RESETTING
        self._keep(name, headers, body, answered=answers)
        if not answers and isinstance(request.transport, asyncio.Transport):
            endings.reset(request.transport)
        return web.Response(status=204)

    def _keep(self, name: str, headers: dict[str, str], body: bytes, *, answered: bool) -> None:
        event = orjson.loads(body)
        number = headers.get("webhook-sequence")
        self.arrivals.append(
            Arrival(
                name,
                headers["webhook-id"],
                event["type"],
                event["data"].get("job_id") or event["data"].get("jobId"),
                hashlib.sha256(body).hexdigest(),
                int(headers["webhook-timestamp"]),
                None if number is None else int(number),
                answered,
            )
        )

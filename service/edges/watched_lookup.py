"""Looks up receivers' names, and finds out whose fault it is when nobody answers for one.

The name servers are asked for something else then, at that moment: what they answered before
proves nothing about now.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from weakref import WeakValueDictionary

from service.edges.guarded_resolver import Lookup
from service.edges.receiver_connector import CURRENT, Progress
from service.edges.single_flight import SingleFlight

CONTROL_NAME: Final = "example.com"
"""Asked, below it, where no operator names another: reserved for ever, and served world-wide."""
GOOD_NAMES_ASKED: Final = 2
"""Names that resolved lately and are asked as well, so that no single zone decides."""
GOOD_NAMES_KEPT: Final = 8

QUESTIONS_PER_OWNER_MAX: Final = 25
"""Names that one owner may have looked up at once: a quarter of all, so that a crowd of names for
which nobody answers holds up its owner alone."""

Answers = Callable[[str], Awaitable[bool]]
"""Tells whether name servers answer for a name now, whatever the answer is."""


class WatchedLookup:
    """A look-up of names that notes how it went in the request that is being made.

    Args:
        answers: None where nothing can be asked; then no owner of a name is ever blamed.
        control_name: a domain that is known to exist.
    """

    def __init__(
        self, lookup: Lookup, answers: Answers | None, *, control_name: str = CONTROL_NAME
    ) -> None:
        self._lookup = lookup
        self._answers = answers
        self._control_name = control_name
        self._good: deque[str] = deque(maxlen=GOOD_NAMES_KEPT)
        self._flights: SingleFlight[str, bool] = SingleFlight()
        self._turns: WeakValueDictionary[int | None, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, host: str) -> Sequence[str]:
        """Look up `host`; an error or a cancellation leaves the request marked as asking."""
        progress = CURRENT.get() or Progress()
        progress.asking = True
        started_s = time.monotonic()
        turns = self._turns.get(progress.owner)
        if turns is None:
            turns = self._turns[progress.owner] = asyncio.Semaphore(QUESTIONS_PER_OWNER_MAX)
        try:
            async with turns:
                found = await self._lookup(host)
        finally:
            progress.dns_s = time.monotonic() - started_s
        progress.asking = False
        if found and host not in self._good:
            self._good.append(host)
        return found

    async def failed_by_us(self, host: str) -> bool:
        """Tell whether it was for a fault of ours that nobody answered for `host`.

        So it was unless others are answered for now, and this name still is not. Takes two
        questions' time at most.
        """
        answers = self._answers
        if answers is None:
            return True
        return await self._flights.run(host, lambda: self._judge(host, answers))

    async def _judge(self, host: str, answers: Answers) -> bool:
        if not await self._any_answers(host, answers):
            return True
        # Whatever kept the answer away may have ended between the two questions.
        return await answers(host)

    async def _any_answers(self, host: str, answers: Answers) -> bool:
        good = [name for name in self._good if name != host][-GOOD_NAMES_ASKED:]
        # A label that nobody can remember: who answers for it has just asked the world.
        label = f"leadfall-{secrets.token_hex(4)}"
        controls = [
            asyncio.ensure_future(answers(f"{label}.{name}"))
            for name in dict.fromkeys([self._control_name, *good])
        ]
        try:
            for control in asyncio.as_completed(controls):
                if await control:
                    return True
            return False
        finally:
            for each in controls:
                each.cancel()

"""Calls a receiver of the operator's now and then, by the way that every delivery takes.

While that one cannot be reached, the fault is ours and no other receiver is blamed for it.
"""

import asyncio
import time
from typing import Final

import structlog

from service.dispatcher import metrics
from service.domain.attempt_class import AttemptClass, class_of_status
from service.domain.check import Check, Status
from service.edges.receiver_http import Answered, ReceiverHTTP

TIMEOUT_S: Final = 5.0
FRESH_S: Final = 2.0
"""A call that is no older than this need not be repeated to know whether the canary answers."""
BODY: Final = b'{"type":"canary"}'

_log = structlog.get_logger()


class Canary:
    """Knows whether our own receiver answers; without a URL nothing is ever our egress' fault."""

    def __init__(self, http: ReceiverHTTP, url: str | None, *, interval_s: float) -> None:
        self._http = http
        self._url = url
        self._interval_s = interval_s
        self._calling = asyncio.Lock()
        self._called_at_s = float("-inf")
        self._sings = True

    def checks(self) -> tuple[Check, ...]:
        """Return whether it answered the last call; nothing when there is no canary."""
        if self._url is None:
            return ()
        if self._sings:
            return (Check("canary", Status.PASS, "The canary, a receiver of ours, answers."),)
        said = "The canary does not answer: deliveries that fail meanwhile use up no attempts."
        return (Check("canary", Status.FAIL, said),)

    async def is_silent(self) -> bool:
        """Tell whether it does not answer now; asks it unless it was asked just before."""
        if self._url is None:
            return False
        async with self._calling:
            if time.monotonic() - self._called_at_s > FRESH_S:
                await self._call(self._url)
        return not self._sings

    async def run(self) -> None:
        """Call it again and again until cancelled; ends at once without a URL."""
        while self._url is not None:
            async with self._calling:
                await self._call(self._url)
            await asyncio.sleep(self._interval_s)

    async def _call(self, url: str) -> None:
        headers = {"content-type": "application/json"}
        result = await self._http.post(url, BODY, headers, timeout_s=TIMEOUT_S)
        sings = (
            isinstance(result, Answered) and class_of_status(result.status) is AttemptClass.SUCCESS
        )
        if sings != self._sings:
            log = _log.info if sings else _log.error
            log("canary.heard" if sings else "canary.silenced")
        self._sings = sings
        self._called_at_s = time.monotonic()
        metrics.canary_ok.set(sings)

"""One factor between the vendors' time and ours: `time_scale`, real seconds per vendor second.

At 0.01 a vendor's minute passes in 0.6 s, and a limit of 15 requests per second lets 1,500 pass.
"""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Final

TIME_SCALE_DEFAULT: Final = 0.01
TIME_SCALE_MAX: Final = 100.0
_WAIT_S_MIN: Final = 0.001  # shorter than the event loop's own grain


@dataclass(frozen=True, slots=True)
class Pace:
    """Turns vendor time into real time.

    Attributes:
        time_scale: above 0, at most 100.
        answer_after_s: real seconds that every vendor takes for every answer; None for its own.
    """

    time_scale: float = TIME_SCALE_DEFAULT
    answer_after_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.time_scale <= TIME_SCALE_MAX:
            raise ValueError(f"time_scale must be above 0 and at most {TIME_SCALE_MAX:g}")

    def now_s(self) -> float:
        """Return the vendors' clock: vendor seconds since some moment."""
        return time.monotonic() / self.time_scale

    def real_s(self, vendor_s: float) -> float:
        """Return how many real seconds that many vendor seconds take."""
        return vendor_s * self.time_scale

    def header_s(self, vendor_s: float) -> int:
        """Return the same for a header that clients read: whole real seconds, at least 1."""
        return max(1, math.ceil(self.real_s(vendor_s)))

    async def answer(self, vendor_s: float) -> None:
        """Wait as long as a vendor takes for an answer, if all of them were themselves."""
        if self.answer_after_s is None:
            await self.wait(vendor_s)
        elif self.answer_after_s >= _WAIT_S_MIN:
            await asyncio.sleep(self.answer_after_s)

    async def wait(self, vendor_s: float) -> None:
        """Wait that many vendor seconds."""
        real_s = self.real_s(vendor_s)
        if real_s >= _WAIT_S_MIN:
            await asyncio.sleep(real_s)

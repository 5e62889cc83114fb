"""Notices hosts that are down and lets one probe through now and then, whatever URLs they have."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from service.domain.attempt_class import OURS, SILENT, UNREACHED, AttemptClass
from service.domain.expiring_map import ExpiringMap

HOSTS_REMEMBERED: Final = 10_000
MEMORY_S: Final = 600.0
SILENT_ENDPOINTS_MAX: Final = 3
"""So many endpoints of a host that say nothing mean that the host is down, not they."""
PAUSE_S_MIN: Final = 1.0
PAUSE_S_MAX: Final = 60.0

HostKey = tuple[str, int]

_TELLS_NOTHING: Final = OURS | {AttemptClass.URL_REFUSED, AttemptClass.ADDRESS_REFUSED}


@dataclass(slots=True)
class _Trouble:
    """What a host did since its last answer; `probe_at_s` is None while it may be up."""

    silent_endpoints: set[int] = field(default_factory=set)
    pause_s: float = 0.0
    probe_at_s: float | None = None


class HostWatch:
    """Remembers hosts that did not answer; any answer at all clears a host.

    Args:
        clock: seconds, of whatever clock due times come from.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._troubles: ExpiringMap[HostKey, _Trouble] = ExpiringMap(HOSTS_REMEMBERED)

    def cap(self, host: HostKey, normal: int) -> int:
        """Return what the host may have in flight: `normal`, one probe, or nothing yet."""
        trouble = self._troubles.get(host)
        if trouble is None or trouble.probe_at_s is None:
            return normal
        return 1 if self._clock() >= trouble.probe_at_s else 0

    def note(self, host: HostKey, endpoint_id: int, attempt_class: AttemptClass) -> None:
        """Take in what an attempt at one of the host's endpoints came to."""
        if attempt_class in _TELLS_NOTHING:
            return
        if attempt_class not in UNREACHED and attempt_class not in SILENT:
            self._troubles.forget(host)
            return
        trouble = self._troubles.get(host) or _Trouble()
        if attempt_class in SILENT:
            # One URL of a shared host may hang while its neighbours are well.
            trouble.silent_endpoints.add(endpoint_id)
        if attempt_class in UNREACHED or len(trouble.silent_endpoints) >= SILENT_ENDPOINTS_MAX:
            self._pause(trouble)
            trouble.silent_endpoints.clear()
        self._troubles.put(host, trouble, ttl_s=MEMORY_S)

    def _pause(self, trouble: _Trouble) -> None:
        now_s = self._clock()
        # What was in flight when the host went down ends in a crowd and counts once.
        if trouble.probe_at_s is None or now_s >= trouble.probe_at_s:
            trouble.pause_s = min(max(trouble.pause_s * 2, PAUSE_S_MIN), PAUSE_S_MAX)
            trouble.probe_at_s = now_s + trouble.pause_s

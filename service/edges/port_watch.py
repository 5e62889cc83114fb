"""Notice that nothing gets out on the mail port, so that not every probe waits to find out."""

import time
from collections.abc import Callable
from typing import Final

SILENT_HOSTS_MAX: Final = 5
"""This many different hosts in a row without one connection means that the port is shut."""
TRIAL_INTERVAL_S: Final = 15.0
"""How often one probe tries again while the port counts as shut."""


class PortWatch:
    """Most clouds and home networks drop outgoing mail connections without a word."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_hosts: set[str] = set()
        self._next_trial_at_s = 0.0

    @property
    def shut(self) -> bool:
        """Whether nothing gets out at present, as far as the last dials have shown."""
        return len(self._silent_hosts) >= SILENT_HOSTS_MAX

    def may_dial(self) -> bool:
        """Tell whether a dial is worth its wait; True now and then while the port is shut."""
        if not self.shut:
            return True
        now_s = self._clock()
        if now_s < self._next_trial_at_s:
            return False
        self._next_trial_at_s = now_s + TRIAL_INTERVAL_S
        return True

    def connected(self) -> bool:
        """Take note that a host answered, if only with a refusal; True if the port was shut."""
        was_shut = self.shut
        self._silent_hosts.clear()
        return was_shut

    def stayed_silent(self, host: str) -> bool:
        """Take note that a host was not reached at all; True if that shows the port to be shut.

        True once: what is known already is no news.
        """
        if self.shut:
            return False
        self._silent_hosts.add(host)
        self._next_trial_at_s = self._clock() + TRIAL_INTERVAL_S
        return self.shut

"""Notice that nothing gets out on the mail port, so that not every probe waits to find out."""

import time
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Final

SILENT_HOSTS_MAX: Final = 5
"""This many different hosts in a row without one sign of life put the port in doubt."""
WITNESSES_MAX: Final = 3
"""Hosts that gave the last signs of life; a trial calls them as well."""
TRIAL_INTERVAL_S: Final = 15.0
"""How often the port is tried again while it counts as shut."""


class Passage(Enum):
    """Whether a host may be dialled now."""

    OPEN = "open"
    # By whoever asked, who says how it ended; everybody else is told to wait for that.
    TRIAL = "trial"
    IN_DOUBT = "in_doubt"
    SHUT = "shut"


class PortWatch:
    """Most clouds and home networks drop outgoing mail connections without a word.

    Hosts that are silent in a row only put the port in doubt: they may all be dead. What counts is
    the first trial afterwards.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_hosts: set[str] = set()
        self._witnesses: OrderedDict[str, None] = OrderedDict()
        self._is_shut = False
        self._is_on_trial = False
        self._next_trial_at_s = 0.0

    @property
    def shut(self) -> bool:
        """Whether nothing gets out at present, as far as the last trial has shown."""
        return self._is_shut

    @property
    def doubted(self) -> bool:
        """Whether too many hosts were silent since the last sign of life."""
        return len(self._silent_hosts) >= SILENT_HOSTS_MAX

    @property
    def witnesses(self) -> tuple[str, ...]:
        """The hosts that were last reached."""
        return tuple(self._witnesses)

    def admit(self) -> Passage:
        """Tell whether a dial is worth its wait; one trial at a time, which `end_trial` ends."""
        if not self.doubted:
            return Passage.OPEN
        if self._is_on_trial or self._clock() < self._next_trial_at_s:
            return Passage.SHUT if self._is_shut else Passage.IN_DOUBT
        self._is_on_trial = True
        return Passage.TRIAL

    def reached(self, host: str) -> bool:
        """Take note that a host answered, if only with a refusal; True if the port was shut."""
        self._witnesses[host] = None
        self._witnesses.move_to_end(host)
        if len(self._witnesses) > WITNESSES_MAX:
            self._witnesses.popitem(last=False)
        was_shut, self._is_shut = self._is_shut, False
        self._silent_hosts.clear()
        self._next_trial_at_s = 0.0
        return was_shut

    def stayed_silent(self, host: str) -> None:
        """Take note that a host was not reached at all."""
        if not self.doubted:
            self._silent_hosts.add(host)

    def called(self, witness: str) -> None:
        """Take note that a trial called a witness: in vain, as long as the doubt has not ended."""
        if self.doubted and witness in self._witnesses:
            self._silent_hosts.add(witness)

    def end_trial(self, *, silent: bool) -> bool:
        """Take note that a trial is over; True if it shows the port to be shut.

        True once: what is known already is no news. A trial that told nothing leaves the next one
        its chance at once.

        Args:
            silent: the host on trial was not reached. That tells nothing as long as there is a
                witness that nobody called in vain since the last sign of life.
        """
        self._is_on_trial = False
        is_told = self._silent_hosts.issuperset(self._witnesses)
        if not silent or not is_told or not self.doubted:
            return False
        self._next_trial_at_s = self._clock() + TRIAL_INTERVAL_S
        was_shut, self._is_shut = self._is_shut, True
        return not was_shut

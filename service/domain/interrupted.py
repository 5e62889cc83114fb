"""What to do about a call whose intent was written and whose end nobody knows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskOnce:
    """Ask again: a repeat costs nothing twice."""


@dataclass(frozen=True, slots=True)
class WaitLonger:
    """Look again after `seconds`: the answer may still come in late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the lookup as no answer; the call stays on record as interrupted."""


def judge_interrupted(
    *, may_repeat: bool, age_s: float, lease_s: float, wait_s: float
) -> AskOnce | WaitLonger | GiveUp:
    """Wait one lease for a late outcome, then follow the provider's policy until `wait_s`.

    The pauses between looks grow with the age of the call, so that a long wait costs few of them.
    """
    if age_s < lease_s:
        return WaitLonger(lease_s - age_s)
    if may_repeat:
        return AskOnce()
    if age_s < wait_s:
        return WaitLonger(min(max(age_s, lease_s), wait_s - age_s))
    return GiveUp()

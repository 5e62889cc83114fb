"""Judges what there is to ask: kinds without a provider, keys that are out, the shut mail port."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from providers.registry import all_providers
from service.domain.check import Check, Status
from service.domain.kinds import Kind
from service.flows.credentials import OPERATOR
from service.store.outages import Outage

_BUILT_IN: Final = "enrich"


def remedies(kind: Kind) -> list[str]:
    """Return the settings of which an operator needs one to make a kind usable."""
    able = [
        f"LEADFALL_PROVIDERS__{slug.upper()}__API_KEY"
        for slug, provider in all_providers().items()
        if slug != _BUILT_IN and provider.offer(kind.capability)
    ]
    return able or ["LEADFALL_WATERFALLS_FILE"]


def check_kinds(usable: Mapping[Kind, Collection[str]]) -> list[Check]:
    """Tell which kinds cannot be ordered, and whom the others ask."""
    if not usable:
        return []
    unusable = [kind for kind in Kind if not usable.get(kind)]
    if not unusable:
        said = f"Every kind has a provider that can be asked. {_asked(usable)}"
        return [Check("kinds_without_step", Status.PASS, said, 0, "kinds", 1)]
    told = "; ".join(f"{kind}: set {' or '.join(remedies(kind))}" for kind in unusable)
    said = (
        f"Kinds that cannot be ordered, because no provider of theirs is configured: {told}. "
        f"{_asked(usable)}"
    )
    return [Check("kinds_without_step", Status.WARN, said, len(unusable), "kinds", 1)]


def check_outages(outages: Sequence[Outage]) -> Check:
    """Tell which of the operator's keys their vendors refuse, and why."""
    out = [outage for outage in outages if outage.credential == OPERATOR]
    if not out:
        said = "No key of the operator is refused or out of credit."
        return Check("provider_keys_out", Status.PASS, said, 0, "keys", 1)
    told = "; ".join(f"{each.provider}: {each.reason} since {each.since:%Y-%m-%d %H:%M} UTC"
                     for each in out)  # fmt: skip
    said = f"Keys that are in no waterfall until their vendor takes them again: {told}."
    return Check("provider_keys_out", Status.WARN, said, len(out), "keys", 1)


def check_mail_port(*, shut: bool) -> Check:
    """Tell whether mail exchangers can be asked from here."""
    if shut:
        said = (
            "Nothing gets out on the mail port, so addresses cannot be verified by asking their "
            "mail exchangers: open port 25 to the outside, or rely on the other providers."
        )
        return Check("mail_port", Status.WARN, said)
    return Check("mail_port", Status.PASS, "Nothing shows that the mail port is shut.")


def _asked(usable: Mapping[Kind, Collection[str]]) -> str:
    told = [f"{kind}: {', '.join(usable[kind])}" for kind in Kind if usable.get(kind)]
    return f"Asked in turn for {'; '.join(told)}." if told else "Nobody is asked for anything."

"""Judges what there is to ask: kinds without a provider, keys that are out, the shut mail port."""

from collections.abc import Collection, Sequence

from service.domain.check import Check, Status
from service.domain.waterfall import Waterfall
from service.flows.credentials import OPERATOR
from service.store.outages import Outage


def remedies(waterfall: Waterfall) -> list[str]:
    """Return the settings of which an operator needs one to give a kind a usable step."""
    keys = [f"LEADFALL_PROVIDERS__{slug.upper()}__API_KEY" for slug in waterfall.left_out]
    return keys or ["LEADFALL_WATERFALLS_FILE"]


def check_kinds(waterfalls: Collection[Waterfall]) -> list[Check]:
    """Tell which kinds cannot be ordered, and whom the others ask."""
    if not waterfalls:
        return []
    asked = "; ".join(
        f"{each.kind}: {', '.join(each.providers)}" for each in waterfalls if each.steps
    )
    asked = f"Asked in turn for {asked}." if asked else "Nobody is asked for anything."
    unusable = [each for each in waterfalls if not each.steps]
    if not unusable:
        said = f"Every kind has a provider that is configured. {asked}"
        return [Check("kinds_without_step", Status.PASS, said, 0, "kinds", 1)]
    told = "; ".join(f"{each.kind}: set {' or '.join(remedies(each))}" for each in unusable)
    said = (
        f"Kinds that cannot be ordered, because no provider of theirs is configured: {told}. "
        f"{asked}"
    )
    return [Check("kinds_without_step", Status.WARN, said, len(unusable), "kinds", 1)]


def check_outages(outages: Sequence[Outage], waterfalls: Collection[Waterfall]) -> Check:
    """Tell which of the operator's keys their vendors refuse, why, and which kinds that ends."""
    out = [outage for outage in outages if outage.credential == OPERATOR]
    if not out:
        said = "No key of the operator is refused or out of credit."
        return Check("provider_keys_out", Status.PASS, said, 0, "keys", 1)
    told = "; ".join(f"{each.provider}: {each.reason} since {each.since:%Y-%m-%d %H:%M} UTC"
                     for each in out)  # fmt: skip
    said = f"Keys that are in no waterfall until their vendor takes them again: {told}."
    slugs = {each.provider for each in out}
    ended = [each.kind for each in waterfalls if each.steps and slugs.issuperset(each.providers)]
    if ended:
        said += f" Nobody is left to ask for {', '.join(ended)}: these lookups are refunded."
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

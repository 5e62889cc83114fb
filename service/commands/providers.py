"""`leadfall providers`: shows what each provider can do and costs, and whether its key works."""

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from service.commands.options import AsJson

if TYPE_CHECKING:
    from providers.contract import Limits
    from service.flows.describe_providers import OfferLine, ProviderLine

# The states of a key with which a script may go on.
_FINE: Final = frozenset({"works", "not_checkable"})


def providers(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check", help="Ask each vendor whether your key works; costs nothing."
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Show every provider and whether your key works; exit 1 if one does not."""
    from service.commands.output import print_json
    from service.commands.setup import run_to_end

    # That there is no Redis, by which checks are paced, is no news here.
    lines = run_to_end(_describe(check=check), log_level="error")
    if as_json:
        print_json({"providers": [line.as_json() for line in lines]})
    else:
        _show(lines)
    if any(line.check is not None and line.check.state not in _FINE for line in lines):
        sys.exit(1)


async def _describe(*, check: bool) -> "list[ProviderLine]":
    from providers.registry import all_providers
    from service.commands.failures import CommandFailure
    from service.edges.rate_slices import RateSlices
    from service.edges.vendor_http import VendorHTTP
    from service.flows.check_pace import CheckPace
    from service.flows.describe_providers import describe_providers
    from service.settings import Settings

    settings = Settings()
    known = all_providers().values()
    if unknown := sorted(settings.providers.keys() - all_providers().keys()):
        there = ", ".join(all_providers())
        raise CommandFailure(f"There is no provider {', '.join(unknown)}; there are {there}.")
    if not check:
        return await describe_providers(known, settings)
    http, scale = VendorHTTP(), settings.vendor_time_scale
    slices = RateSlices.connect(settings.redis_url.get_secret_value(), time_scale=scale)
    checks = CheckPace(slices, time_scale=scale)
    try:
        return await describe_providers(known, settings, http, checks)
    finally:
        await checks.close()
        await http.close()


def _show(lines: "list[ProviderLine]") -> None:
    from service.commands.output import print_lines, print_table

    print_lines("Prices in the vendor's own credits, for what is found", "")
    print_table(
        ("provider", "capabilities and prices", "in bulk", "limits", "key"),
        [
            (
                line.provider,
                "\n".join(_price(offer) for offer in line.offers),
                "\n".join(f"{offer.batch_max or ''}" for offer in line.offers),
                "\n".join(_all_limits(line)),
                _key(line),
            )
            for line in lines
        ],
    )
    print_lines("", "Where the facts come from", "")
    print_table(("provider", "source"), [(line.provider, line.source) for line in lines])
    if any(line.check for line in lines):
        print_lines("", "What the vendors say of the keys", "")
        print_table(
            ("provider", "key"),
            [(each.provider, each.check.detail) for each in lines if each.check],
        )


def _price(offer: "OfferLine") -> str:
    if offer.price_found == offer.price_missing == 0:
        return f"{offer.capability} free"
    empty = {"missing": offer.price_missing, "unknown": offer.price_unknown}
    if {*empty.values()} == {offer.price_found}:
        return f"{offer.capability} {offer.price_found:g}, found or not"
    also = ", ".join(f"{price:g} if {name}" for name, price in empty.items() if price)
    return f"{offer.capability} {offer.price_found:g}" + (f" ({also})" if also else "")


def _all_limits(line: "ProviderLine") -> list[str]:
    own = [f"{each.capability}: {_limits(each.limits)}" for each in line.offers if each.limits]
    own += [
        f"{each.capability} in bulk: {_limits(each.bulk_limits)}"
        for each in line.offers
        if each.bulk_limits
    ]
    # The capabilities of a vendor are read through one budget, so that it is told once.
    reading = {f"reading: {_limits(each.poll_limits)}" for each in line.offers if each.poll_limits}
    return [_limits(line.limits), *own, *sorted(reading)]


def _limits(limits: "Limits") -> str:
    windows = (
        (limits.requests_per_minute, "min"),
        (limits.requests_per_second, "s"),
        (limits.requests_per_hour, "h"),
        (limits.requests_per_day, "day"),
    )
    rates = [f"{requests}/{window}" for requests, window in windows if requests is not None]
    return ", ".join([*rates, f"{limits.concurrency} at once"])


def _key(line: "ProviderLine") -> str:
    if line.check is not None:
        return str(line.check.state)
    if not line.needs_key:
        return "not needed"
    return "set" if line.configured else "not set"

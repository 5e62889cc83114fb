"""Find a person's work address by asking the company's mail host about likely ones."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from service.domain.email_address import is_disposable, is_free_mail, is_role
from service.domain.email_patterns import company_domain, mailbox_names
from service.domain.verdict import EmailVerdict, VerdictReason
from service.edges.dns import Resolver
from service.edges.smtp import SmtpProber
from service.flows.controls import Controls
from service.flows.verify_address import PROBE_DEADLINE_S, verify_address

GUESSES_MAX: Final = 8
"""More would look like a dictionary attack to the host."""
UNCLEAR_MAX: Final = 2
"""So many answers that say nothing end the guessing."""

NoFitReason = Literal[
    "all_refused", "catch_all", "no_domain", "no_name", "shared_domain", "no_mail"
]


@dataclass(frozen=True, slots=True)
class Guessed:
    """An address the mail host takes mail for, while it refuses others."""

    address: str = field(repr=False)
    verdict: EmailVerdict


@dataclass(frozen=True, slots=True)
class NoneFits:
    """Nothing to be found this way; asking again would not help.

    Attributes:
        reason: `all_refused` asked the host; the others say why asking would be idle.
    """

    reason: NoFitReason = "all_refused"


@dataclass(frozen=True, slots=True)
class CouldNotAsk:
    """The domain could not be asked, so nothing is known.

    Attributes:
        reason: What stood in the way, such as `timeout` or `port_blocked`.
        retry_after_s: When asking again may tell more, in seconds from now.
    """

    reason: VerdictReason
    retry_after_s: float | None = None


Guess = Guessed | NoneFits | CouldNotAsk

_EXISTS: Final[frozenset[VerdictReason]] = frozenset({"accepted_email", "mailbox_full"})
_IDLE: Final[Mapping[VerdictReason, NoFitReason]] = {
    "catch_all": "catch_all",
    "disposable": "shared_domain",
    "domain_refuses": "no_mail",
    "no_mail_host": "no_mail",
    "no_such_domain": "no_mail",
    "null_mx": "no_mail",
}
# The other unknowns are about the domain or the asker, and hold for every guess. A directory block
# is how whole companies refuse whom they do not know, so it does not end the guessing either.
_ABOUT_ONE_MAILBOX: Final[frozenset[VerdictReason]] = frozenset(
    {"directory_block", "greylisted", "unclear_reply"}
)

PatternsOf = Callable[[str], Awaitable[Sequence[str]]]
"""Tells by which patterns a domain is known to write its addresses, the likeliest first."""


async def nothing_known(_domain: str) -> Sequence[str]:
    """Know no domain's patterns."""
    return ()


async def guess_address(
    first_name: str,
    last_name: str,
    domain: str,
    *,
    resolver: Resolver,
    prober: SmtpProber,
    controls: Controls,
    patterns_of: PatternsOf = nothing_known,
    guesses_max: int = GUESSES_MAX,
    deadline_s: float = PROBE_DEADLINE_S,
) -> Guess:
    """Return the first likely address that exists, trying at most `guesses_max`.

    `domain` may be a web address or an e-mail address of the company. `deadline_s` holds for each
    question; the first one that shows that asking is idle or impossible is the last. A host that
    greylists hears all the guesses at once, so that one repeat of the same call tells.
    """
    company = company_domain(domain)
    if company is None:
        return NoneFits("no_domain")
    if is_free_mail(company) or is_disposable(company):
        return NoneFits("shared_domain")
    likely = mailbox_names(first_name, last_name, await patterns_of(company))
    names = [name for name in likely if not is_role(name)]
    if not names:
        return NoneFits("no_name")
    since_s = time.monotonic()
    unclear: EmailVerdict | None = None
    unclear_count = 0
    for name in islice(names, guesses_max):
        address = f"{name}@{company}"
        verdict = await verify_address(
            address,
            resolver=resolver,
            prober=prober,
            controls=controls,
            deadline_s=deadline_s,
            since_s=since_s,
        )
        end = _end_of_guessing(address, verdict)
        if end is not None:
            return end
        if verdict.status == "unknown":
            # Where a repeat would tell, that is what the caller has to know.
            if unclear is None or verdict.retry_after_s is not None:
                unclear = verdict
            unclear_count += verdict.reason == "unclear_reply"
        if unclear_count == UNCLEAR_MAX:
            break
    if unclear is not None:
        return CouldNotAsk(unclear.reason, unclear.retry_after_s)
    return NoneFits()


def _end_of_guessing(address: str, verdict: EmailVerdict) -> Guess | None:
    """Return the result if this verdict ends the guessing, None if the next guess may tell."""
    if verdict.reason in _EXISTS:
        return Guessed(address, verdict)
    if verdict.reason in _IDLE:
        return NoneFits(_IDLE[verdict.reason])
    if verdict.status == "unknown" and verdict.reason not in _ABOUT_ONE_MAILBOX:
        return CouldNotAsk(verdict.reason, verdict.retry_after_s)
    return None

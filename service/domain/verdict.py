"""The verdict on one e-mail address."""

from dataclasses import dataclass
from typing import Literal

VerdictStatus = Literal["deliverable", "undeliverable", "risky", "unknown"]

VerdictReason = Literal[
    # deliverable
    "accepted_email",
    # undeliverable
    "invalid_syntax",
    "no_such_domain",
    "no_mail_host",
    "null_mx",
    "no_mailbox",
    "domain_refuses",
    # risky
    "catch_all",
    "disposable",
    "role",
    "mailbox_full",
    # unknown
    "dns_silent",
    "directory_block",
    "egress_refused",
    "greylisted",
    "host_busy",
    "port_blocked",
    "prober_blocked",
    "timeout",
    "tls_required",
    "unclear_reply",
    "unreachable",
]


@dataclass(frozen=True, slots=True)
class EmailVerdict:
    """Whether mail to one address would arrive, and how that is known.

    Attributes:
        status: `deliverable` and `undeliverable` are firm; `risky` exists or may exist, with a
            caveat; `unknown` means that nobody could say.
        reason: The one fact that decided.
        role: The address names a function, not a person.
        disposable: The domain hands out throw-away mailboxes.
        free: The domain gives mailboxes to anybody.
        exchange: The mail host that answered, if one was asked.
        retry_after_s: When asking again may tell more, in seconds from now.
    """

    status: VerdictStatus
    reason: VerdictReason
    role: bool = False
    disposable: bool = False
    free: bool = False
    exchange: str | None = None
    retry_after_s: float | None = None

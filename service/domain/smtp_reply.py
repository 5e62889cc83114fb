"""What a mail server's reply to a recipient says about that recipient, or about whoever asked.

The enhanced code and words that name the asker are read before the three digits, because a bare
550 is ambiguous and a false "no such mailbox" costs a lead.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class ReplyMeaning(StrEnum):
    """The closed set of what a probe of one recipient can have come to."""

    ACCEPTED = "accepted"
    NO_MAILBOX = "no_mailbox"
    FULL = "full"
    TRY_LATER = "try_later"
    BLOCKED_PROBER = "blocked_prober"
    DOMAIN_REFUSES = "domain_refuses"
    DIRECTORY_BLOCK = "directory_block"
    TLS_REQUIRED = "tls_required"
    UNKNOWN = "unknown"
    # These six come from the dialogue, not from a reply.
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    PORT_BLOCKED = "port_blocked"
    PORT_IN_DOUBT = "port_in_doubt"
    EGRESS_REFUSED = "egress_refused"
    BUSY = "busy"


Stage = Literal["connect", "banner", "hello", "sender", "recipient"]


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """What came of asking one mail host about one recipient.

    The server's words are not kept: they repeat the address.

    Attributes:
        meaning: What it says.
        stage: How far the dialogue came.
        exchange: The mail host that was asked, if any was.
        code: The three digits, if there was a reply.
        enhanced: The RFC 3463 code, if the reply had one.
    """

    meaning: ReplyMeaning
    stage: Stage
    exchange: str | None = None
    code: int | None = None
    enhanced: str | None = None


_M = ReplyMeaning

CODE_MEANINGS: Final[Mapping[int, ReplyMeaning]] = {
    250: _M.ACCEPTED,
    251: _M.ACCEPTED,
    252: _M.UNKNOWN,
    455: _M.UNKNOWN,
    521: _M.DOMAIN_REFUSES,
    530: _M.TLS_REQUIRED,
    551: _M.NO_MAILBOX,
    552: _M.FULL,
    556: _M.DOMAIN_REFUSES,
}

ENHANCED_MEANINGS: Final[Mapping[str, ReplyMeaning]] = {
    "4.2.2": _M.FULL,
    "5.1.1": _M.NO_MAILBOX,
    "5.1.2": _M.DOMAIN_REFUSES,
    "5.1.3": _M.NO_MAILBOX,
    "5.1.6": _M.NO_MAILBOX,
    "5.1.10": _M.NO_MAILBOX,
    "5.2.1": _M.NO_MAILBOX,
    "5.2.2": _M.FULL,
    "5.3.2": _M.DOMAIN_REFUSES,
    "5.4.1": _M.DIRECTORY_BLOCK,
    "5.5.4": _M.BLOCKED_PROBER,
}

# A code begins a line, is marked as one, or is quoted behind its three digits. Behind a plain word
# it might as well be a version number, and only one that makes nobody undeliverable is believed.
_ENHANCED: Final = re.compile(
    r"(?:^|[#(\[]|\b[245]\d\d[ -]|\s(?=[45]\.7\.))\s*"
    r"([245]\.\d{1,3}\.\d{1,3})"
    r"(?=[:;,)\]]|\.?(?:\s|$))",
    re.MULTILINE,
)
_QUOTED_ADDRESS: Final = re.compile(r"<[^>]*>|\S+@\S+")

_ABOUT_SENDER: Final = frozenset({"5.1.7", "5.1.8"})

_NAMES_PROBER: Final = re.compile(
    r"spamhaus|\brbl\b|\bpbl\b|dnsbl|black ?list|block ?list|reputation|client host|"
    r"\byour (?:ip|server|host)\b|spf check failed"
)
# Only of permanent refusals: a host that is still looking at a sender may let it through later.
_NAMES_SENDER: Final = re.compile(
    r"\bsender(?:'s)?\s*:?\s+(?:e?-?mail )?"
    r"(?:address|domain|mailbox|verif\w*|rejected|denied|unknown|is not)\b|"
    r"\b(?:domain of|envelope|unknown|invalid|bad) sender\b|"
    r"\benvelope[ -]from\b|\breturn[ -]path\b"
)
# A host that has counted the refused answers so to whomever it is asked about next.
_COUNTS_RECIPIENTS: Final = re.compile(r"\btoo many (?:\w+ )?(?:recipients|users|mailboxes)\b")
_HINTS_PROBER: Final = re.compile(
    r"\bblocked\b|\bpolicy\b|\bptr\b|reverse dns|\bspf\b|\brates?\b|rate limit|banned"
)
_HINTS_TLS: Final = re.compile(r"must issue a starttls|(?:tls|encryption) (?:is )?required")
# "Mailbox unavailable" is not among them: RFC 5321 has it said of refusals by policy as well.
_HINTS_NO_MAILBOX: Final = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|person)|does(?: not|n't) exist|"
    r"(?:recipient|mailbox|user) not found|no mailbox|(?:recipient|mailbox) unknown|"
    r"unknown (?:recipient|mailbox|local[ -]part)|(?:invalid|not a valid) (?:recipient|mailbox)|"
    r"user does(?: not|n't) have an? (?:\S+ )?account|unroute?able (?:mail )?(?:address|domain)"
)
_HINTS_FULL: Final = re.compile(r"over ?quota|out of storage|mailbox (?:is )?full|quota exceeded")
_HINTS_LATER: Final = re.compile(
    r"gr[ae]y ?list|postgrey|try again later|deferred|internal resource temporarily unavailable"
)


def read_reply(code: int, text: str) -> ReplyMeaning:
    """Return what a reply to RCPT TO means."""
    words = _QUOTED_ADDRESS.sub(" ", text).lower()
    if code < 400:  # noqa: PLR2004 - the first digit is the class of the reply
        return CODE_MEANINGS.get(code, _M.UNKNOWN)
    if _HINTS_TLS.search(words):
        return _M.TLS_REQUIRED
    enhanced = enhanced_code(code, text)
    if code < 500:  # noqa: PLR2004
        return _read_temporary(code, enhanced, words)
    if any(names.search(words) for names in (_NAMES_PROBER, _NAMES_SENDER, _COUNTS_RECIPIENTS)):
        return _M.BLOCKED_PROBER
    return _read_permanent(code, enhanced, words)


def read_refusal(code: int, text: str) -> ReplyMeaning:
    """Return what a refusal before RCPT TO means: it is about the asker or the whole host."""
    words = _QUOTED_ADDRESS.sub(" ", text).lower()
    if _HINTS_TLS.search(words) or code == 530:  # noqa: PLR2004 - RFC 3207: STARTTLS first
        return _M.TLS_REQUIRED
    if _NAMES_PROBER.search(words):
        return _M.BLOCKED_PROBER
    if 400 <= code < 500:  # noqa: PLR2004
        return _M.TRY_LATER
    if _is_about_asker(enhanced_code(code, text)):
        return _M.BLOCKED_PROBER
    if code in {521, 556} or enhanced_code(code, text) == "5.3.2":
        return _M.DOMAIN_REFUSES
    return _M.BLOCKED_PROBER


def enhanced_code(code: int, text: str) -> str | None:
    """Return the first RFC 3463 code in a reply's lines that is of its class, or None.

    An address, a version number or a network is no code.
    """
    found: list[str] = _ENHANCED.findall(text)
    return next((each for each in found if each[0] == str(code)[0]), None)


def _read_temporary(code: int, enhanced: str | None, words: str) -> ReplyMeaning:
    # Greylisting often words itself as a rejection of the client host, so it is read first.
    if _HINTS_LATER.search(words):
        return _M.TRY_LATER
    if _NAMES_PROBER.search(words):
        return _M.BLOCKED_PROBER
    if enhanced == "4.2.2" or _HINTS_FULL.search(words):
        return _M.FULL
    return CODE_MEANINGS.get(code, _M.TRY_LATER)


def _read_permanent(code: int, enhanced: str | None, words: str) -> ReplyMeaning:
    if _is_about_asker(enhanced):
        return _M.BLOCKED_PROBER
    if code in {521, 556}:
        return CODE_MEANINGS[code]
    if enhanced is not None and enhanced in ENHANCED_MEANINGS:
        return ENHANCED_MEANINGS[enhanced]
    for hints, meaning in (
        (_HINTS_FULL, _M.FULL),
        (_HINTS_NO_MAILBOX, _M.NO_MAILBOX),
        (_HINTS_PROBER, _M.BLOCKED_PROBER),
        (_HINTS_LATER, _M.TRY_LATER),
    ):
        if hints.search(words):
            return meaning
    return CODE_MEANINGS.get(code, _M.UNKNOWN)


def _is_about_asker(enhanced: str | None) -> bool:
    """Tell whether a refusal is about who asks, whatever its three digits say."""
    return enhanced is not None and (enhanced.startswith("5.7.") or enhanced in _ABOUT_SENDER)

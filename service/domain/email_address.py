"""Reading an e-mail address: its spelling and its class. Nothing here asks the network."""

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final

import disposable_email_domains
from email_validator import EmailNotValidError, validate_email

# RFC 2142 first, then the usual additions.
_ROLE_WORDS: Final = """
abuse ftp hostmaster info marketing news noc postmaster sales security support usenet uucp
webmaster www
admin administrator accounting accounts billing careers contact customerservice feedback finance
hello help helpdesk hr jobs legal mail mailer-daemon media no-reply noreply office orders press
privacy reception recruiting recruitment root service team tech
"""
_FREE_MAIL_WORDS: Final = """
126.com 163.com aim.com aol.com fastmail.com free.fr gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net
googlemail.com hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it
icloud.com laposte.net libero.it live.co.uk live.com live.fr mac.com mail.com mail.ru me.com msn.com
naver.com orange.fr outlook.com outlook.de outlook.fr pm.me proton.me protonmail.com qq.com
rocketmail.com sina.com t-online.de tutanota.com wanadoo.fr web.de yahoo.ca yahoo.co.in yahoo.co.jp
yahoo.co.uk yahoo.com yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru
ymail.com zoho.com
"""

ROLE_NAMES: Final = frozenset(_ROLE_WORDS.split())
FREE_MAIL_DOMAINS: Final = frozenset(_FREE_MAIL_WORDS.split())

# An address is read where an answer comes in and again where the lookup ends; reading is slow.
_READ_KEPT_MAX: Final = 512
# The longest address there is has 254 characters; what is longer is not worth keeping.
_CHARACTERS_KEPT_MAX: Final = 320


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An address that can be written to, as far as its spelling goes.

    Attributes:
        text: The address as given, Unicode-normalised, its domain in lower case.
        local: The part before the sign, spelled as given.
        domain: The domain in its ASCII form, lower case.
        role: The local part names a function, not a person.
        disposable: The domain, or one above it, hands out throw-away mailboxes.
        free: The domain gives mailboxes to anybody.
    """

    text: str = field(repr=False)
    local: str = field(repr=False)
    domain: str
    role: bool
    disposable: bool
    free: bool

    @property
    def key(self) -> str:
        """The spelling under which two addresses count as the same one."""
        return f"{self.local}@{self.domain}".lower()

    @property
    def envelope(self) -> str:
        """The spelling for a mail server: local part as given, domain in ASCII."""
        return f"{self.local}@{self.domain}"


def read_email_address(text: str) -> EmailAddress | None:
    """Return the address `text` spells, or None when it is not one that mail could reach.

    Quoted local parts, comments, address literals and names that are special by RFC 6761 are
    refused; `.test` is let through, since only a private name server can know such a domain.
    """
    text = text.strip()
    return _read_again(text) if len(text) <= _CHARACTERS_KEPT_MAX else _read(text)


def is_same_address(one: str, other: str) -> bool:
    """Tell whether two spellings are of one address: in any case, its domain in ASCII or not."""
    return _key_of(one) == _key_of(other)


def _key_of(text: str) -> str:
    address = read_email_address(text)
    return text.strip().casefold() if address is None else address.key


@lru_cache(_READ_KEPT_MAX)
def _read_again(text: str) -> EmailAddress | None:
    return _read(text)


def _read(text: str) -> EmailAddress | None:
    try:
        read = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return None
    domain = read.ascii_domain.lower()
    return EmailAddress(
        text=read.normalized,
        local=read.local_part,
        domain=domain,
        role=is_role(read.local_part),
        disposable=is_disposable(domain),
        free=is_free_mail(domain),
    )


def is_role(local: str) -> bool:
    """Tell whether a local part, without its `+tag`, names a function."""
    return local.partition("+")[0].lower() in ROLE_NAMES


def is_disposable(domain: str) -> bool:
    """Tell whether `domain`, or any domain above it, is a known throw-away one."""
    labels = domain.lower().split(".")
    known = _disposable_domains()
    return any(".".join(labels[start:]) in known for start in range(len(labels) - 1))


def is_free_mail(domain: str) -> bool:
    """Tell whether `domain` gives mailboxes to anybody."""
    return domain.lower() in FREE_MAIL_DOMAINS


@cache
def _disposable_domains() -> frozenset[str]:
    return frozenset(disposable_email_domains.blocklist)

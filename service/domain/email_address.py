"""Reading an e-mail address: its spelling and its class. Nothing here asks the network."""

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final, NamedTuple

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
# A company's people share its domain, which is what takes long to read.
_DOMAINS_KEPT_MAX: Final = 512
# Every mail host takes such a name in front of its domain, so that the domain alone is to be read.
_PLAIN_LOCAL: Final = re.compile(r"(?=.{1,64}@)[a-z0-9]+(?:[._+-][a-z0-9]+)*(?=@)")
# Of either spelling of the domain, in UTF-8.
_ADDRESS_BYTES_MAX: Final = 254


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
    spelled = _spelled_plainly(text) if _PLAIN_LOCAL.match(text) else _spelled(text)
    if spelled is None:
        return None
    return EmailAddress(
        text=f"{spelled.local}@{spelled.told_domain}",
        local=spelled.local,
        domain=spelled.domain,
        role=is_role(spelled.local),
        disposable=is_disposable(spelled.domain),
        free=is_free_mail(spelled.domain),
    )


class _Spelled(NamedTuple):
    """The parts of an address; `told_domain` may be outside ASCII, where it was so given."""

    local: str
    told_domain: str
    domain: str


def _spelled_plainly(text: str) -> _Spelled | None:
    local, _, given = text.partition("@")
    domain = _read_domain(given) if len(text) <= _CHARACTERS_KEPT_MAX else None
    if domain is None:
        return None
    longest = max(len(domain.told_domain.encode()), len(domain.domain), len(given.encode()))
    fits = len(local) + 1 + longest <= _ADDRESS_BYTES_MAX
    return domain._replace(local=local) if fits else None


@lru_cache(_DOMAINS_KEPT_MAX)
def _read_domain(domain: str) -> _Spelled | None:
    return _spelled(f"x@{domain}")


def _spelled(text: str) -> _Spelled | None:
    try:
        read = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return None
    return _Spelled(read.local_part, read.domain, read.ascii_domain.lower())


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

"""What is true about a person, derived from nothing but the names and the domain.

A stable hash of the normalised names and domain gives every question its own draw in [0, 1):

| question                        | answer                                                         |
| ------------------------------- | -------------------------------------------------------------- |
| mailbox by the house's naming?  | draw below 0.65; what the built-in finder can find             |
| else a private mailbox?         | draw below 0.50; `first.lastN` with a digit of its own         |
| is that mailbox full?           | draw below 0.04; then SMTP says 552 and no vendor lists it     |
| does a vendor know the address? | draw below its share in `EMAIL_SHARES`, if the mailbox is open |
| does a vendor know a phone?     | draw below its share in `PHONE_SHARES`                         |
| which phone?                    | one of the numbers set aside for fiction, +1 NPA 555 01NN      |

Two kinds of family name overrule every draw, so that one lead can be written for one case:
`Only-Hunter` (or `Only-` and any other slug, `Only-Builtin` for the built-in) is known to that
provider alone, `Only-Nobody` to none; `Optout` asked Hunter not to be processed. Domains with no
mail have no mailboxes (see `domains`). A mailbox exists by its address alone, so that the SMTP
server needs no list of people.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from providers.sandbox.domains import (
    ZONE,
    Domain,
    Naming,
    Reception,
    domain_at,
    domain_of_company,
)
from providers.sandbox.names import LAST_NAMES

HOUSE_SHARE: Final = 0.65
PRIVATE_SHARE: Final = 0.50
FULL_SHARE: Final = 0.04
EMAIL_SHARES: Final = {
    "aleads": 0.35,
    "bettercontact": 0.55,
    "dropcontact": 0.40,
    "enrow": 0.45,
    "findymail": 0.45,
    "fullenrich": 0.60,
    "hunter": 0.50,
    "icypeas": 0.45,
    "leadmagic": 0.45,
    "prospeo": 0.45,
}
PHONE_SHARES: Final = {
    "aleads": 0.20,
    "bettercontact": 0.30,
    "enrow": 0.25,
    "findymail": 0.15,
    "fullenrich": 0.33,
    "leadmagic": 0.30,
    "prospeo": 0.25,
}

BUILTIN_SLUGS: Final = frozenset({"enrich", "builtin", "sendkit"})
# Letters that Unicode does not take apart into a Latin letter and an accent.
_LETTERS: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
    | {"\u0131": "i"}  # the Turkish letter without a dot
)
_AREA_CODES: Final = (202, 212, 303, 312, 404, 415, 503, 512, 602, 617, 702, 713, 801, 808, 907)
_PRIVATE: Final = re.compile(r"([a-z]+)\.([a-z]+)([0-9])")
_SHAPES: Final = {
    Naming.FIRST_DOT_LAST: re.compile(r"([a-z]{2,})\.([a-z]{2,})"),
    Naming.INITIAL_DOT_LAST: re.compile(r"([a-z])\.([a-z]{2,})"),
    Naming.INITIAL_LAST: re.compile(r"([a-z])([a-z]{2,})"),
}
_PROFILE: Final = re.compile(r".*/in/([a-z0-9]+)-([a-z0-9]+)-([a-z0-9-]+)/?")


class Mailbox(StrEnum):
    """The state of one address."""

    OPEN = "open"
    FULL = "full"
    ABSENT = "absent"


class Verdict(StrEnum):
    """What a vendor's verifier concludes, in no vendor's own words."""

    VALID = "valid"
    INVALID = "invalid"
    CATCH_ALL = "catch_all"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is to the sandbox: normalised names and a domain, each perhaps empty."""

    first: str
    last: str
    domain: str

    @classmethod
    def named(
        cls,
        first_name: str = "",
        last_name: str = "",
        *,
        full_name: str = "",
        domain: str = "",
        company_name: str = "",
    ) -> "Person":
        """Read a person from what callers send; a company stands for its domain in the table."""
        if not (first_name or last_name):
            first_name, _, last_name = full_name.strip().partition(" ")
        if not domain:
            company = domain_of_company(company_name)
            domain = company.name if company is not None else company_name
        # Mailboxes are named after the first of several given names that is no initial.
        given = next((word for word in first_name.split() if len(normalise(word)) > 1), first_name)
        return cls(normalise(given), normalise(last_name), domain.strip().lower().rstrip("."))

    @property
    def is_whole(self) -> bool:
        """Tell whether both names and the domain are known."""
        return bool(self.first and self.last and self.domain)

    @property
    def identity(self) -> str:
        """One text per person, the key of every draw."""
        return f"{self.first}|{self.last}|{self.domain}"


def normalise(name: str) -> str:
    """Return the name as mailboxes write it: no accents, lower case, only a-z and 0-9."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS)).lower()
    return "".join(c for c in plain if c.isascii() and c.isalnum())


def draw(question: str, *about: str) -> float:
    """Return the draw of this question about these texts, in [0, 1); the same for ever."""
    digest = blake2b("\x1f".join((question, *about)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def house_address(person: Person, naming: Naming) -> str:
    """Return the address this person would have by that naming."""
    first, last, domain = person.first, person.last, person.domain
    match naming:
        case Naming.FIRST_DOT_LAST:
            return f"{first}.{last}@{domain}"
        case Naming.INITIAL_DOT_LAST:
            return f"{first[:1]}.{last}@{domain}"
        case Naming.INITIAL_LAST:
            return f"{first[:1]}{last}@{domain}"


def address_of(person: Person) -> str | None:
    """Return the address of this person's mailbox, open or full, or None when there is none."""
    domain = domain_at(person.domain)
    if domain is None or not (person.first and person.last):
        return None
    house = house_address(person, domain.naming)
    if mailbox_at(house) is not Mailbox.ABSENT:
        return house
    private = f"{person.first}.{person.last}{_digit(person)}@{domain.name}"
    return private if mailbox_at(private) is not Mailbox.ABSENT else None


@lru_cache(maxsize=65_536)
def mailbox_at(address: str) -> Mailbox:
    """Return the state of the mailbox with this address, whatever its server would say."""
    local, _, domain_name = address.lower().rpartition("@")
    domain = domain_at(domain_name)
    if domain is None or domain.is_dead:
        return Mailbox.ABSENT
    owner = _house_owner(local, domain) or _private_owner(local, domain)
    if owner is None:
        return Mailbox.ABSENT
    if only_known_to(local) is None and draw("mailbox.full", domain.name, owner) < FULL_SHARE:
        return Mailbox.FULL
    return Mailbox.OPEN


def known_email(slug: str, person: Person) -> str | None:
    """Return the address the vendor knows of this person, or None."""
    address = address_of(person)
    if address is None or mailbox_at(address) is not Mailbox.OPEN:
        return None
    return address if _knows("email", slug, person, EMAIL_SHARES) else None


def known_valid_email(slug: str, person: Person) -> str | None:
    """Return the address a vendor knows that tells only what it has verified, or None."""
    address = known_email(slug, person)
    is_valid = address is not None and vendor_verdict(address) is Verdict.VALID
    return address if is_valid else None


def known_phone(slug: str, person: Person) -> str | None:
    """Return the phone the vendor knows of this person, in E.164, or None."""
    known = person.first and person.last and _knows("phone", slug, person, PHONE_SHARES)
    return _phone_number(person.identity) if known else None


def known_phone_of_address(slug: str, address: str) -> str | None:
    """Return the phone the vendor knows by an address alone, in E.164, or None."""
    address = address.strip().lower()
    known = draw("phone", slug, address) < PHONE_SHARES.get(slug, 0.0)
    return _phone_number(address) if known else None


def vendor_verdict(address: str) -> Verdict:
    """Return what a vendor's verifier says: it sees past greylists and blocks, not past outages."""
    domain = domain_at(address.rpartition("@")[2])
    if domain is None or domain.is_dead:
        return Verdict.INVALID
    if not domain.takes_mail or domain.reception is Reception.HANGING:
        return Verdict.UNKNOWN
    if domain.reception is Reception.CATCH_ALL:
        return Verdict.CATCH_ALL
    match mailbox_at(address.strip().lower()):
        case Mailbox.OPEN:
            return Verdict.VALID
        case Mailbox.FULL:
            return Verdict.UNKNOWN
        case Mailbox.ABSENT:
            return Verdict.INVALID


def binary_verdict(address: str) -> Verdict:
    """Return what a verifier says that claims to see through accept-all servers and outages."""
    is_open = mailbox_at(address.strip().lower()) is Mailbox.OPEN
    return Verdict.VALID if is_open else Verdict.INVALID


def profile_url(person: Person) -> str:
    """Return the profile URL that names this person to the sandbox."""
    label = person.domain.removesuffix(f".{ZONE}")
    return f"https://www.linkedin.com/in/{person.first}-{person.last}-{label}"


def person_of_profile(url: str) -> Person | None:
    """Return the person that a URL of `profile_url` names, or None."""
    found = _PROFILE.fullmatch(url.strip().lower())
    return None if found is None else Person(found[1], found[2], f"{found[3]}.{ZONE}")


def is_opted_out(person: Person) -> bool:
    """Tell whether this person asked not to be processed."""
    return person.last == "optout"


def only_known_to(name: str) -> str | None:
    """Return the provider that alone knows the owner of this name or local part, or None."""
    _, found, slug = name.rpartition("only")
    return slug.rstrip("0123456789") or None if found else None


def _knows(what: str, slug: str, person: Person, shares: dict[str, float]) -> bool:
    only = only_known_to(person.last)
    if only is not None:
        return only == slug and slug in shares
    return draw(what, slug, person.identity) < shares.get(slug, 0.0)


def _house_owner(local: str, domain: Domain) -> str | None:
    """Return who has this mailbox by the house's naming, as a text for draws, or None."""
    names = _SHAPES[domain.naming].fullmatch(local)
    if names is None:
        return None
    only = only_known_to(local)
    if only is not None:
        return local if only in BUILTIN_SLUGS else None
    parts = [_unspell(part) for part in names.groups()]
    if domain.naming is Naming.INITIAL_LAST and parts[1] not in _FAMILIES:
        return None
    # The owner is the same whichever name comes first and whether an umlaut is spelled out, so a
    # finder that tries `last.first` or `mueller` too finds nothing that it did not find before.
    owner = "|".join(sorted(parts))
    return owner if draw("mailbox.house", domain.name, owner) < HOUSE_SHARE else None


def _private_owner(local: str, domain: Domain) -> str | None:
    """Return whose private mailbox this is, as a text for draws, or None."""
    names = _PRIVATE.fullmatch(local)
    if names is None:
        return None
    person = Person(names[1], names[2], domain.name)
    house = house_address(person, domain.naming).rpartition("@")[0]
    if int(names[3]) != _digit(person) or _house_owner(house, domain) is not None:
        return None
    only = only_known_to(person.last)
    if only is not None:
        return None if only == "nobody" else local
    return local if draw("mailbox.private", person.identity) < PRIVATE_SHARE else None


def _unspell(name: str) -> str:
    """Return the name with umlauts as plain letters, whether they were spelled out or not."""
    for spelled_out, plain in (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a")):
        name = name.replace(spelled_out, plain)
    return name


_FAMILIES: Final = frozenset(_unspell(normalise(name)) for name in LAST_NAMES)


def _digit(person: Person) -> int:
    return int(draw("mailbox.digit", person.identity) * 10)


def _phone_number(identity: str) -> str:
    index = int(draw("phone.number", identity) * len(_AREA_CODES) * 100)
    return f"+1{_AREA_CODES[index // 100]}55501{index % 100:02d}"

"""Tells a domain from a company's name with a dot in it, by how it begins and ends.

The principle: what ends in no public ending is a name, and so is what has an initial in it where
domains have none. What it cannot tell: a name of whole words whose last one happens to be an
ending, such as `Next.Media`, reads as a domain, as `Booking.com` must; and a domain of one letter
under a word (`a.team`), or under an ending younger than the list, is one only in an address.
"""

from functools import cache, lru_cache
from typing import Final

from publicsuffixlist import PublicSuffixList

_COUNTRY_LETTERS: Final = 2
_ENDINGS_REMEMBERED: Final = 1_000
# Where domains of one letter are as old as the endings: x.com, z.com. Countries have them as well.
_OLD_ENDINGS: Final = frozenset({"com", "net", "org", "edu", "gov", "mil", "int"})
# Of nobody, by RFC 2606 and by the sandbox.
_ENDINGS_OF_NOBODY: Final = frozenset({"example", "test", "leadfall"})
# What companies are called after, where the dot is one of an abbreviation: Dr.Oetker, St.George.
_ABBREVIATIONS: Final = frozenset({"dr", "mr", "mrs", "ms", "st"})


def ends_as_domain(host: str, *, is_address: bool) -> bool:
    """Tell whether a host is a domain; one without a dot is none.

    `E.ON` and `J.Crew` end in no public ending, `Toys.R.Us` has an initial before it, and
    `U.S.Bank` begins with one. `Booking.com`, `x.ai` and `Acme.berlin` are domains.

    Args:
        host: in lower case and ASCII.
        is_address: it stood in a web or mail address, where nobody writes a name.
    """
    *before, ending = host.split(".")
    if not before:
        return False
    is_public = ending in _ENDINGS_OF_NOBODY or _is_listed(ending)
    if is_address:
        return is_public or len(ending) > _COUNTRY_LETTERS
    if not is_public or (len(before) > 1 and _is_initial(before[-1])):
        return False
    is_short = len(ending) <= _COUNTRY_LETTERS or ending in _OLD_ENDINGS
    return is_short or not (_is_initial(before[0]) or before[0] in _ABBREVIATIONS)


def _is_initial(label: str) -> bool:
    return len(label) == 1 and label.isalpha()


@lru_cache(maxsize=_ENDINGS_REMEMBERED)
def _is_listed(ending: str) -> bool:
    return _endings().publicsuffix(ending) is not None


@cache
def _endings() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)

"""Tells a domain from a company's name with a dot in it, by how it begins and ends.

There is no list of all endings here: it changes every month. Those of two letters are countries,
which hardly change; of the others the common ones are known, and the rest is judged by its looks.
"""

from functools import cache
from typing import Final

import pycountry

_COUNTRY_LETTERS: Final = 2
# In use and not, or not any more, in ISO 3166.
_MORE_COUNTRY_ENDINGS: Final = frozenset({"ac", "eu", "su", "uk"})
_COMMON_WORDS: Final = """
com net org info biz edu gov mil int name pro aero coop jobs mobi travel asia cat tel
academy agency ai app bank build business capital care center city cloud club company consulting
design dev digital directory education email energy engineering events expert finance fund
foundation global group health holdings host industries international law legal life live ltd
management marketing media network news one online partners photos press productions properties
school services shop site software solutions space store studio support systems team tech
technology today tools trade training ventures video vip website wine work works world xyz zone
"""
_COMMON_ENDINGS: Final = frozenset(_COMMON_WORDS.split())
# What companies are called after, where the dot is one of an abbreviation: Dr.Oetker, St.George.
_ABBREVIATIONS: Final = frozenset({"dr", "mr", "mrs", "ms", "st"})


def ends_as_domain(host: str, *, is_address: bool) -> bool:
    """Tell whether a host with dots in it is a domain.

    `E.ON` ends in no country's letters, and `J.Crew` begins with a letter alone and ends in a word
    that few domains end in. `Booking.com`, `Acme.IO` and `Acme.berlin` are domains.

    Args:
        host: in lower case and ASCII.
        is_address: it stood in a web or mail address, where nobody writes a name.
    """
    first, ending = host.partition(".")[0], host.rpartition(".")[2]
    if len(ending) <= _COUNTRY_LETTERS:
        return ending in _country_endings()
    if is_address or ending in _COMMON_ENDINGS:
        return True
    return len(first) > 1 and first not in _ABBREVIATIONS


@cache
def _country_endings() -> frozenset[str]:
    countries = frozenset(str(country.alpha_2).lower() for country in pycountry.countries)
    return countries | _MORE_COUNTRY_ENDINGS

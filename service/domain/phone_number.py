"""Reads phone numbers into E.164, the one form in which they are stored, compared and sent on."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import phonenumbers
import pycountry

# More letters than any country's name has, and fewer than would be worth searching for.
_COUNTRY_CHARACTERS_MAX: Final = 100
_COUNTRIES_REMEMBERED: Final = 1_000
# What people write and ISO 3166 does not.
_COMMON_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "uk": "GB",
        "england": "GB",
        "scotland": "GB",
        "wales": "GB",
        "great britain": "GB",
        "northern ireland": "GB",
        "u.s.": "US",
        "u.s.a.": "US",
        "united states of america": "US",
        "uae": "AE",
        "turkey": "TR",
        "the netherlands": "NL",
        "holland": "NL",
        "ivory coast": "CI",
        "russia": "RU",
    }
)


def parse_phone(text: str, region: str | None = None) -> str | None:
    """Return the number in E.164 without its extension, or None when it is not one.

    A number counts when its length is possible in its country. Whether its range is in use is not
    asked, because the tables shipped with a release always lag behind newly opened ranges.

    Args:
        text: digits in any usual spelling; without a leading `+` the region must be given.
        region: ISO 3166 letters of the country, in either case.
    """
    try:
        number = phonenumbers.parse(text, region.strip().upper() if region else None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=_COUNTRIES_REMEMBERED)
def region_of(country: str | None) -> str | None:
    """Return the two ISO 3166 letters of a lead's country, or None when it is none of the list.

    Args:
        country: its letters, its name as ISO 3166 has it, in short or in full, or one of the other
            names in common use.
    """
    name = (country or "").strip()
    if not 0 < len(name) <= _COUNTRY_CHARACTERS_MAX:
        return None
    try:
        found = pycountry.countries.lookup(_COMMON_NAMES.get(name.casefold(), name))
    except LookupError:
        return None
    return str(found.alpha_2)

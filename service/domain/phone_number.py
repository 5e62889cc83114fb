"""Reads phone numbers into E.164, the one form in which they are stored, compared and sent on."""

from typing import Final

import phonenumbers

_REGION_LETTERS: Final = 2


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


def region_of(country: str | None) -> str | None:
    """Return the ISO 3166 letters of a lead's country, or None when it is given as a name."""
    letters = (country or "").strip().upper()
    return letters if len(letters) == _REGION_LETTERS and letters.isascii() else None

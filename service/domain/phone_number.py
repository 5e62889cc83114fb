"""Reads phone numbers into E.164, the one form in which they are stored, compared and sent on."""

import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

import phonenumbers
import pycountry

# More letters than any country's name has, and fewer than would be worth searching for.
_COUNTRY_CHARACTERS_MAX: Final = 100
_COUNTRIES_REMEMBERED: Final = 1_000
# A number in no known range may be a new one; one shorter than this is an extension or a service.
_NEW_NUMBER_DIGITS_MIN: Final = 7
# A shorter row of digits may stand in a text for something else.
_TELLING_DIGITS_MIN: Final = 7
# What people write and ISO 3166 does not, without accents, dots and "the".
_COMMON_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "AE": ("uae", "emirates"),
        "AT": ("osterreich",),
        "AX": ("aland",),
        "BA": ("bosnia", "bosnia & herzegovina", "bosnia-herzegovina"),
        "BE": ("belgie", "belgique"),
        "BL": ("st barthelemy", "st barts"),
        "BN": ("brunei",),
        "BQ": ("bonaire", "caribbean netherlands"),
        "BR": ("brasil",),
        "CC": ("cocos islands", "keeling islands"),
        "CD": (
            *("democratic republic of congo", "dem rep of congo", "dr congo", "drc"),
            *("congo-kinshasa", "congo, democratic republic of", "zaire"),
        ),
        "CG": ("republic of congo", "congo-brazzaville", "congo republic"),
        "CH": ("schweiz", "suisse", "svizzera"),
        "CI": ("ivory coast",),
        "CN": ("mainland china", "pr china", "prc"),
        "CV": ("cape verde",),
        "DE": ("deutschland",),
        "DK": ("danmark",),
        "ES": ("espana",),
        "FI": ("suomi",),
        "FK": ("falkland islands", "falklands", "malvinas"),
        "FM": ("micronesia",),
        "FO": ("faeroe islands",),
        "GB": (
            *("uk", "england", "scotland", "wales", "northern ireland"),
            *("great britain", "britain"),
        ),
        "HK": ("hong kong sar", "hongkong"),
        "HR": ("hrvatska",),
        "IE": ("republic of ireland", "eire"),
        "IR": ("persia",),
        "IT": ("italia",),
        "KN": ("st kitts and nevis", "st kitts & nevis", "st kitts"),
        "KP": ("dprk",),
        "KR": ("republic of korea", "korea", "korea republic of", "korea, south"),
        "LC": ("st lucia",),
        "MF": ("saint martin", "st martin"),
        "MK": ("macedonia", "republic of macedonia", "fyrom"),
        "MM": ("burma",),
        "MO": ("macau", "macau sar", "macao sar"),
        "NL": ("holland", "nederland"),
        "NO": ("norge",),
        "PL": ("polska",),
        "PM": ("st pierre and miquelon",),
        "PN": ("pitcairn islands",),
        "PS": ("palestine", "palestinian territories", "palestinian territory"),
        "RU": ("russia",),
        "SE": ("sverige",),
        "SH": ("saint helena", "st helena"),
        "SJ": ("svalbard",),
        "ST": ("sao tome & principe", "sao tome"),
        "SX": ("sint maarten", "st maarten"),
        "SZ": ("swaziland",),
        "TC": ("turks & caicos islands", "turks and caicos"),
        "TL": ("east timor", "timor leste"),
        "TR": ("turkey",),
        "TT": ("trinidad & tobago", "trinidad"),
        "US": ("us", "usa", "united states of america", "america"),
        "VA": ("vatican", "vatican city", "holy see"),
        "VC": ("st vincent and grenadines", "st vincent"),
        "VG": ("british virgin islands", "bvi"),
        "VI": ("us virgin islands", "usvi"),
        "WF": ("wallis & futuna",),
    }
)


def parse_phone(text: str, region: str | None = None) -> str | None:
    """Return the number in E.164 without its extension, or None when it is not one.

    A number counts when its length is possible in its country, with the area code. Whether its
    range is in use is asked only of one that is very short: the tables shipped with a release
    always lag behind newly opened ranges. One that can be dialled only inside its area or country,
    such as `555-0147` or `112`, would be another's number, or nobody's, behind a country code.

    Args:
        text: digits in any usual spelling; without a leading `+` the region must be given.
        region: ISO 3166 letters of the country, in either case.
    """
    try:
        number = phonenumbers.parse(text, region.strip().upper() if region else None)
    except phonenumbers.NumberParseException:
        return None
    if not _is_dialled_from_abroad(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class TellingNumber(NamedTuple):
    """A number as it is looked for in a text, with what may be dialled before it.

    Attributes:
        digits: that every way to write it has in one row, whatever stands between them.
        before: a regular expression of what may be joined to them in front.
    """

    digits: str
    before: str


def telling_number(text: str) -> TellingNumber | None:
    """Return what tells a number in a text; None if it has too few digits to tell anything.

    Without the country's code and what is dialled before a number; with the code where so few are
    left that they could be something else. A number that is not in E.164 has no known country.
    """
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        digits = "".join(str(unicodedata.digit(each)) for each in text if each.isdecimal())
        numbers = [TellingNumber(digits.lstrip("0"), r"(?:(?:00|011|\+)\d{1,3}|0)?")]
    else:
        code, national = number.country_code, phonenumbers.national_significant_number(number)
        numbers = [
            TellingNumber(national, f"(?:(?:00|011)?{code})?0?"),
            TellingNumber(f"{code}{national}", "(?:00|011)?"),
        ]
    return next((each for each in numbers if len(each.digits) >= _TELLING_DIGITS_MIN), None)


def _is_dialled_from_abroad(number: phonenumbers.PhoneNumber) -> bool:
    length = phonenumbers.is_possible_number_with_reason(number)
    if length != phonenumbers.ValidationResult.IS_POSSIBLE:
        return False
    digits = len(phonenumbers.national_significant_number(number))
    return digits >= _NEW_NUMBER_DIGITS_MIN or phonenumbers.is_valid_number(number)


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
    if (known := _names().get(_bare(name))) is not None:
        return known
    try:
        return str(pycountry.countries.lookup(name).alpha_2)
    except LookupError:
        return None


@cache
def _names() -> Mapping[str, str]:
    official = {
        _bare(text): str(country.alpha_2)
        for country in pycountry.countries
        for field in ("official_name", "common_name", "name")
        if (text := getattr(country, field, None))
    }
    common = {name: letters for letters, names in _COMMON_NAMES.items() for name in names}
    return official | common


def _bare(name: str) -> str:
    """Return a country's name as the table of common names has it."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", name.casefold().replace("\u2019", "'"))
        if letter != "." and not unicodedata.combining(letter)
    )
    return " ".join(word for word in plain.split() if word != "the")

"""Every spelling under which an address or a profile may stand in what is searched for it.

A database without a locale lowers the letters of ASCII alone, so the others come in both cases.
"""

import re
import string
import unicodedata
from itertools import product
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from service.domain.email_address import read_email_address
from service.domain.plain_text import composed_text

_PROFILE_START: Final = re.compile(r"^(https?://)?([a-z]{2,3}\.)?(www\.)?")
_WORD_START: Final = re.compile(r"(?<![^\W_])[^\W\d_]")
_NUL: Final = "\0"


def spellings_of_email(text: str) -> frozenset[str]:
    """Return an address as given, and with its domain in Unicode and in ASCII, in lower case."""
    given = text.strip().lower()
    address = read_email_address(text)
    if address is None:
        return frozenset({given})
    domains = _cases_of(address.text.rpartition("@")[2]) | {address.domain}
    parts = product(_cases_of(address.local), domains)
    return frozenset({given, *(f"{local}@{domain}" for local, domain in parts)})


def spellings_of_profile(url: str) -> frozenset[str]:
    """Return what every way to write a profile has in it, decoded and encoded, in lower case.

    Without what may stand before and behind it: a scheme, a country, a question, a slash.
    """
    bare = bare_profile(url.strip().lower())
    return _spelled(decoded(bare)) | ({bare} - {""})


def _spelled(path: str) -> frozenset[str]:
    cases = _cases_of(path)
    encoded = {quote(each, safe=string.punctuation).lower() for each in cases}
    # The database has no such character, and refuses to look for one.
    return frozenset(each for each in {*cases, *encoded} if each and _NUL not in each)


def forms_of_profile(url: str) -> frozenset[str]:
    """Return what a profile's keys are made of: as given, and with accents composed and apart.

    A key has no letters beyond ASCII, so their cases make no difference.
    """
    bare = bare_profile(url.strip().lower())
    composed = unicodedata.normalize("NFC", decoded(bare))
    forms = {bare, composed, *_sharp_forms_of(composed)}
    apart = {unicodedata.normalize("NFD", each) for each in forms}
    # The database has no such character, and refuses to look for one.
    return frozenset(each for each in forms | apart if _NUL not in each)


def spellings_of_name(first: str, last: str) -> frozenset[tuple[str, str]]:
    """Return a first and a last name in each form and case, in lower case as far as ASCII goes."""
    return frozenset(product(_forms_of_word(first), _forms_of_word(last)))


def _forms_of_word(text: str) -> set[str]:
    composed = composed_text(text)
    apart = {unicodedata.normalize("NFD", each) for each in _cases_of(composed)}
    sharp = {case for each in _sharp_forms_of(composed) for case in (each, *_cases_of(each))}
    return _cases_of(composed) | apart | sharp


def _sharp_forms_of(text: str) -> set[str]:
    """Return a text with each sharp s as two and each two as one, which folding makes the same."""
    double = text.lower().replace("\u00df", "ss")
    return {double, double.replace("ss", "\u00df"), double.replace("ss", "\u1e9e")}


def bare_profile(url: str) -> str:
    """Return a profile's address, in lower case, without scheme, country, question and slash."""
    return _PROFILE_START.sub("", url).partition("?")[0].rstrip("/")


def _cases_of(text: str) -> set[str]:
    """Return a text with its letters beyond ASCII small, capital, or capital where words begin."""
    small = text.lower()
    capital = "".join(map(_raised, small))
    return {small, capital, _WORD_START.sub(lambda start: _raised(start[0]), small)}


def decoded(path: str) -> str:
    """Return a part of a web address without its per-cent signs; as it is where they spell none."""
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return path


def _raised(letter: str) -> str:
    # Some letters share a capital with another one, or have two for it: those are other addresses.
    capital = letter.upper()
    return letter if letter.isascii() or capital.lower() != letter else capital

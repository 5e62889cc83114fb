"""Tells what names a person from what merely fills a column: `N/A`, a start page, `Freelance`."""

from typing import Final

from service.domain.email_address import is_free_mail
from service.domain.plain_text import plain_text

# Compared without anything but letters and digits, so that `N.A.` and `n / a` are one.
_FILLER_WORDS: Final = """
anonymous deleted empty example firstname fullname lastname nan no noname none notapplicable
notavailable notfound notknown notprovided notset null surname tba tbc tbd test testing undefined
unknown unnamed xx xxx xxxx yourname
"""
_NO_COMPANY_WORDS: Final = """
autónomo betweenjobs careerbreak company confidential consultant consulting contractor
entrepreneur freelance freelanceconsultant freelancer freelancing freiberufler freiberuflich
homemaker independent independentconsultant independentcontractor indépendant lookingforwork na
opentowork ownbusiness private privateperson retired sabbatical selbstständig selbständig self
selfemployed selfemployment soletrader stealth stealthmode stealthmodestartup stealthstartup student
undisclosed unemployed various
"""
_NO_HANDLE_WORDS: Final = "edit feed handle me na new profile yourhandle yourprofile"

_FILLERS: Final = frozenset(_FILLER_WORDS.split())
_NO_COMPANIES: Final = _FILLERS | frozenset(_NO_COMPANY_WORDS.split())
_NO_HANDLES: Final = _FILLERS | frozenset(_NO_HANDLE_WORDS.split())
# `Na` is a name, and `N/A` and `n.a.` are none.
_NOT_AVAILABLE: Final = "na"
_PERSON_PAGES: Final = (
    ("in",),
    ("pub",),
    ("sales", "lead"),
    ("sales", "people"),
    ("talent", "profile"),
)


def is_name(first: str | None, last: str | None) -> bool:
    """Tell whether a first and a last name are words that could be somebody's."""
    parts = plain_text(first), plain_text(last)
    if all(_letters_of(part) == _NOT_AVAILABLE for part in parts):
        return False
    return all(_is_name_part(part) for part in parts)


def _is_name_part(text: str) -> bool:
    bare = _letters_of(text)
    is_missing = bare in _FILLERS or (bare == _NOT_AVAILABLE and text != bare)
    return any(map(str.isalpha, bare)) and not is_missing


def is_company(text: str | None) -> bool:
    """Tell whether a company's name or domain is one in which a name is one person's."""
    plain = plain_text(text)
    bare = _letters_of(plain)
    has_letters = any(map(str.isalpha, bare))
    return has_letters and bare not in _NO_COMPANIES and not is_free_mail(plain)


def is_person_page(path: str) -> bool:
    """Tell whether a profile's address, in lower case and without scheme, is one person's page."""
    host, *parts = path.partition("?")[0].partition("#")[0].split("/")
    if host != "linkedin.com" and not host.endswith(".linkedin.com"):
        return False
    parts = [part for part in parts if part]
    for page in _PERSON_PAGES:
        if tuple(parts[: len(page)]) == page:
            handle = _letters_of("".join(parts[len(page) :]))
            return handle != "" and handle not in _NO_HANDLES
    return False


def _letters_of(text: str) -> str:
    return "".join(filter(str.isalnum, text))

"""Likely work addresses for a person: names cleaned, a company's domain read, patterns in order."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import idna

NAME_CHARACTERS_MAX: Final = 200
PATTERN_RANKS_PER_SPELLING: Final = 3
"""A second spelling of a name starts this many patterns after the first."""

_TITLES: Final = frozenset("dr herr frau mr mrs ms miss mx prof professor sir dame".split())  # noqa: SIM905 - read as words
_SUFFIXES: Final = frozenset(
    "jr sr ii iii iv phd md mba msc bsc cpa cfa esq dds pmp".split()  # noqa: SIM905
)

# Letters that Unicode does not decompose into a Latin letter and an accent.
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\u0131": "i",  # Turkish dotless i
        "ħ": "h",
        "ŧ": "t",
    }
)
_GERMAN_LETTERS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})

_BRACKETED: Final = re.compile(r"\([^)]*\)|\"[^\"]*\"|\[[^\]]*\]")
_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_DOMAIN_CHARACTERS_MAX: Final = 253
_LABEL_CHARACTERS_MAX: Final = 63


@dataclass(frozen=True, slots=True)
class PersonName:
    """A first and a last name reduced to the letters and digits that mailbox names use."""

    first: str = field(repr=False)
    last: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to make a mailbox name; `needs_last` is False for those of the first name alone."""

    slug: str
    build: Callable[[PersonName], str] = field(repr=False)
    needs_first: bool = True
    needs_last: bool = True


# Most common first, as seen over many companies: that is the order of asking.
PATTERNS: Final = (
    Pattern("first.last", lambda name: f"{name.first}.{name.last}"),
    Pattern("flast", lambda name: f"{name.first[0]}{name.last}"),
    Pattern("first", lambda name: name.first, needs_last=False),
    Pattern("firstlast", lambda name: f"{name.first}{name.last}"),
    Pattern("f.last", lambda name: f"{name.first[0]}.{name.last}"),
    Pattern("last", lambda name: name.last, needs_first=False),
    Pattern("first_last", lambda name: f"{name.first}_{name.last}"),
    Pattern("firstl", lambda name: f"{name.first}{name.last[0]}"),
    Pattern("first.l", lambda name: f"{name.first}.{name.last[0]}"),
    Pattern("last.first", lambda name: f"{name.last}.{name.first}"),
    Pattern("lastf", lambda name: f"{name.last}{name.first[0]}"),
    Pattern("first-last", lambda name: f"{name.first}-{name.last}"),
    Pattern("lastfirst", lambda name: f"{name.last}{name.first}"),
    Pattern("last.f", lambda name: f"{name.last}.{name.first[0]}"),
    Pattern("fl", lambda name: f"{name.first[0]}{name.last[0]}"),
)


def mailbox_names(first_name: str, last_name: str) -> Iterator[str]:
    """Yield mailbox names for a person, likeliest first, each once; none for an empty name."""
    ranked = sorted(
        (
            (pattern_rank + PATTERN_RANKS_PER_SPELLING * spelling_rank, spelling_rank, local)
            for spelling_rank, name in enumerate(spellings(first_name, last_name))
            for pattern_rank, local in enumerate(_locals(name))
        ),
        key=lambda candidate: candidate[:2],
    )
    yield from dict.fromkeys(local for _, _, local in ranked)


def spellings(first_name: str, last_name: str) -> list[PersonName]:
    """Return the cleaned name, and its German or Nordic spelling where that differs."""
    plain = PersonName(clean_first_name(first_name), clean_last_name(last_name))
    first = _lower(first_name).translate(_GERMAN_LETTERS)
    last = _lower(last_name).translate(_GERMAN_LETTERS)
    spelled_out = PersonName(clean_first_name(first), clean_last_name(last))
    return [plain] if plain == spelled_out else [plain, spelled_out]


def clean_first_name(text: str) -> str:
    """Return the letters and digits of the first of the given names."""
    words = _words(text)
    # "J. Robert" goes by Robert; a lone initial is all there is.
    whole = [word for word in words if len(word) > 1]
    return next(iter(whole or words), "")


def clean_last_name(text: str) -> str:
    """Return the letters and digits of all family names, without degrees and generations."""
    return "".join(_words(text))


def company_domain(text: str) -> str | None:
    """Return the mail domain that a web address, a domain or an e-mail address points to.

    None when the text holds no domain with a dot in it.
    """
    rest = _SCHEME.sub("", text.strip())
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    host = host.partition(":")[0].strip().strip(".").lower().removeprefix("www.")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    labels = host.split(".")
    too_long = len(host) > _DOMAIN_CHARACTERS_MAX or max(map(len, labels)) > _LABEL_CHARACTERS_MAX
    if too_long or not _HOST.fullmatch(host) or labels[-1].isdigit():
        return None
    return host


def _locals(name: PersonName) -> Iterator[str]:
    for pattern in PATTERNS:
        if (name.first or not pattern.needs_first) and (name.last or not pattern.needs_last):
            yield pattern.build(name)


def _words(text: str) -> list[str]:
    """Return the words of a name, cleaned; titles and suffixes go unless nothing else is left."""
    # "Doe, PhD, MBA" puts what is not the name behind a comma.
    bare = _BRACKETED.sub(" ", _lower(text).translate(_LETTERS)).partition(",")[0]
    decomposed = unicodedata.normalize("NFKD", bare)
    words = [cleaned for word in decomposed.split() if (cleaned := _NOT_A_LETTER.sub("", word))]
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    while len(words) > 1 and words[0] in _TITLES:
        words.pop(0)
    return words


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text[:NAME_CHARACTERS_MAX]).lower()

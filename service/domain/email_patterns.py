"""Likely work addresses for a person: names cleaned, a company's domain read, patterns in order."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import idna

from service.domain.domain_endings import ends_as_domain

NAME_CHARACTERS_MAX: Final = 200
PATTERN_RANKS_PER_SPELLING: Final = 3
"""A second spelling of a name starts this many patterns after the first."""

_TITLE_WORDS: Final = """
dr drmed dring prof professor dipl dipling diplkfm diplom herr frau mr mrs ms miss mx sir dame
mme mlle sra srta rev reverend
"""
# Names as well, or parts of one: titles only where a dot says that they are short for something.
_DOTTED_TITLE_WORDS: Final = "ing mag med rer nat phil jur oec pol habil hon sr fr"
_SUFFIX_WORDS: Final = """
jr sr ii iii iv esq phd edd dphil psyd pharmd mphil md dds dmd dvm dnp rn lpn lcsw mph msw
mba emba mpa mfa msc bsc bcom llm llb cpa cfa cfp fcca acca cissp csm pmp phr sphr
shrmcp shrmscp
"""
# Family names as well, such as Ma, Ba and Do: degrees where they are written as one.
_CAPITAL_SUFFIX_WORDS: Final = "ma ba ms bs pe do jd pa v"

# Meng and Beng are family names.
_DEGREES_BY_CASE: Final = frozenset({"MEng", "BEng", "M.Eng.", "B.Eng.", "M.Eng", "B.Eng"})

_TITLES: Final = frozenset(_TITLE_WORDS.split())
_DOTTED_TITLES: Final = frozenset(_DOTTED_TITLE_WORDS.split())
_SUFFIXES: Final = frozenset(_SUFFIX_WORDS.split())
_CAPITAL_SUFFIXES: Final = frozenset(_CAPITAL_SUFFIX_WORDS.split())

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
_GERMAN_LETTERS: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
    | {"Ä": "AE", "Ö": "OE", "Ü": "UE", "Ø": "OE", "Å": "AA"}
)

_BRACKETED: Final = re.compile(r"\([^)]*\)|\"[^\"]*\"|\[[^\]]*\]")
# What stands behind one of these is no name: "Doe, PhD, MBA", "Doe | CEO".
_NAME_END: Final = re.compile(r"[,;|\u2022]")
_HYPHENS: Final = re.compile(r"[\u2010-\u2013]")
_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]")
_NOT_A_LETTER_OR_HYPHEN: Final = re.compile(r"[^a-z0-9-]")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
# Where companies have pages and no mail: a page there says nothing about the company's domain.
_DIRECTORY_PAGE: Final = re.compile(
    r"(?:[a-z]+\.)?(?:linkedin|facebook|instagram|twitter|x|crunchbase|xing|youtube)\.com/+[^/?#\s]"
)
_DOMAIN_CHARACTERS_MAX: Final = 253
_LABEL_CHARACTERS_MAX: Final = 63
# The people of a company come one after another.
_COMPANIES_KEPT_MAX: Final = 512


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

    def fits(self, name: PersonName) -> bool:
        """Tell whether the name has what this pattern is made of."""
        return bool((name.first or not self.needs_first) and (name.last or not self.needs_last))


@dataclass(frozen=True, slots=True)
class PatternHit:
    """An address at `domain` was confirmed to follow this pattern."""

    domain: str
    pattern: str


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


_BY_SLUG: Final = {pattern.slug: pattern for pattern in PATTERNS}


def mailbox_names(
    first_name: str, last_name: str, known_patterns: Sequence[str] = ()
) -> Iterator[str]:
    """Yield mailbox names for a person, likeliest first, each once; none for an empty name.

    Args:
        first_name: as people write it.
        last_name: as people write it.
        known_patterns: slugs of the patterns that the company is known to use; they come before
            all others, in this order.
    """
    names = spellings(first_name, last_name)
    known = [_BY_SLUG[slug] for slug in known_patterns if slug in _BY_SLUG]
    likely = [pattern.build(name) for pattern in known for name in names if pattern.fits(name)]
    ranked = sorted(
        (
            (pattern_rank + PATTERN_RANKS_PER_SPELLING * spelling_rank, spelling_rank, local)
            for spelling_rank, name in enumerate(names)
            for pattern_rank, local in enumerate(_locals(name))
        ),
        key=lambda candidate: candidate[:2],
    )
    yield from dict.fromkeys([*likely, *(local for _, _, local in ranked)])


def pattern_of(first_name: str, last_name: str, local: str) -> str | None:
    """Return the pattern by which this person's mailbox is named.

    None when no pattern fits, and when several do, as for `j.doe` and somebody known as J.: what
    is learned from it would be a guess.
    """
    wanted = local.partition("+")[0].lower()
    fitting = {
        pattern.slug
        for name in spellings(first_name, last_name)
        for pattern in PATTERNS
        if pattern.fits(name) and pattern.build(name) == wanted
    }
    return fitting.pop() if len(fitting) == 1 else None


def spellings(first_name: str, last_name: str) -> list[PersonName]:
    """Return the cleaned name, then its German or Nordic and its hyphenated spelling.

    Only those that differ are there.
    """
    plain = PersonName(clean_first_name(first_name), clean_last_name(last_name))
    if _has_one_spelling(first_name + last_name):
        return [plain]
    first = _composed(first_name).translate(_GERMAN_LETTERS)
    last = _composed(last_name).translate(_GERMAN_LETTERS)
    return list(
        dict.fromkeys(
            (
                plain,
                PersonName(clean_first_name(first), clean_last_name(last)),
                PersonName(
                    clean_first_name(first_name, hyphens=True),
                    clean_last_name(last_name, hyphens=True),
                ),
            )
        )
    )


def clean_first_name(text: str, *, hyphens: bool = False) -> str:
    """Return the letters and digits of the first of the given names, and its hyphens if wanted."""
    words = _words(text, hyphens=hyphens)
    # "J. Robert" goes by Robert; a lone initial is all there is.
    whole = [word for word in words if len(word) > 1]
    return next(iter(whole or words), "")


def clean_last_name(text: str, *, hyphens: bool = False) -> str:
    """Return the letters and digits of all family names, without degrees and generations.

    The hyphens between two names stay if they are wanted.
    """
    return "".join(_words(text, hyphens=hyphens))


@lru_cache(_COMPANIES_KEPT_MAX)
def company_domain(text: str) -> str | None:
    """Return the mail domain that a web address, a domain or an e-mail address points to.

    None when the text holds no domain with a dot in it, or is a company's page in a directory, or
    a company's name that only looks like a domain.
    """
    rest = _SCHEME.sub("", text.strip())
    if _DIRECTORY_PAGE.match(rest.lower()):
        return None
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    host = host.partition(":")[0].strip().strip(".").lower().removeprefix("www.")
    is_address = len(host) < len(text.strip().rstrip("."))
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    labels = host.split(".")
    too_long = len(host) > _DOMAIN_CHARACTERS_MAX or max(map(len, labels)) > _LABEL_CHARACTERS_MAX
    if too_long or not _HOST.fullmatch(host) or labels[-1].isdigit():
        return None
    return host if ends_as_domain(host, is_address=is_address) else None


def _has_one_spelling(names: str) -> bool:
    """Tell whether nothing in these names is spelled in more than one way, as most are not."""
    return names.isascii() and "-" not in names


def _locals(name: PersonName) -> Iterator[str]:
    return (pattern.build(name) for pattern in PATTERNS if pattern.fits(name))


def _words(text: str, *, hyphens: bool) -> list[str]:
    """Return the words of a name, cleaned; titles and suffixes go unless nothing else is left."""
    bare = _NAME_END.split(_BRACKETED.sub(" ", _composed(text)), maxsplit=1)[0]
    cleaned = ((word, _clean(word, hyphens=hyphens)) for word in bare.split())
    words = [(word, clean) for word, clean in cleaned if clean]
    while len(words) > 1 and _is_suffix(words[-1][0], words[-2][0]):
        words.pop()
    while len(words) > 1 and _is_title(words[0][0]):
        words.pop(0)
    return [clean for _, clean in words]


def _clean(word: str, *, hyphens: bool) -> str:
    plain = unicodedata.normalize("NFKD", word.lower().translate(_LETTERS))
    dropped = _NOT_A_LETTER_OR_HYPHEN if hyphens else _NOT_A_LETTER
    return dropped.sub("", _HYPHENS.sub("-", plain)).strip("-")


def _is_title(word: str) -> bool:
    clean = _clean(word, hyphens=False)
    return clean in _TITLES or (word.endswith(".") and clean in _DOTTED_TITLES)


def _is_suffix(word: str, word_before: str) -> bool:
    """Tell whether a word is a degree or a generation.

    Capitals tell a degree from a name only where the name itself is not in capitals.
    """
    clean = _clean(word, hyphens=False)
    if word in _DEGREES_BY_CASE:
        return True
    if clean not in _CAPITAL_SUFFIXES:
        return clean in _SUFFIXES
    return "." in word.strip(".") or (word.isupper() and not word_before.isupper())


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text[:NAME_CHARACTERS_MAX])

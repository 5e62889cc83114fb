"""Tells whether a person is named in what callers wrote freely, however it is written there."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from service.domain.phone_number import significant_digits

# An address within an address within an address is decoded; what is deeper is left.
_DECODED_MAX: Final = 2
_LETTER: Final = "x"


@dataclass(frozen=True, slots=True)
class PersonSigns:
    """What names people, in the one spelling in which it is compared.

    Texts are compared in compatibility form (NFKC) and case-folded, without characters that do not
    show, as written and with per-cent signs decoded. Numbers are compared by their digits, of any
    script, whatever but letters stands between them; the country's code, and what is dialled
    before a number, may be there or not. So more can be taken for a person than names them, and
    a longer row of digits that has theirs within it is.

    What is not found: names, which others have too; numbers of less than seven digits without
    their country's code; what is written in words, in entities, in escapes or in base64.
    """

    _texts: frozenset[str] = field(repr=False)
    _digits: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, texts: Iterable[str], phones: Iterable[str]) -> "PersonSigns":
        """Take what names people: addresses, profiles, ids; and their numbers."""
        digits = frozenset(map(significant_digits, phones)) - {""}
        return cls(frozenset(map(_folded, texts)) - {""}, digits)

    def are_in(self, notes: Mapping[str, str]) -> bool:
        """Tell whether a key or a value names one of them.

        The work grows with the length of the notes times how many signs there are.
        """
        return any(self._are_in(text) for note in notes.items() for text in note)

    def _are_in(self, text: str) -> bool:
        for reading in _readings(text):
            digits = _digits_of(reading)
            if any(sign in reading for sign in self._texts):
                return True
            if any(sign in digits for sign in self._digits):
                return True
        return False


def _readings(text: str) -> Iterator[str]:
    for _ in range(_DECODED_MAX + 1):
        yield _folded(text)
        decoded = unquote(text)
        if decoded == text:
            return
        text = decoded


def _folded(text: str) -> str:
    shown = "".join(each for each in text if unicodedata.category(each) != "Cf")
    # Folding may take a letter out of its form again.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", shown).casefold())


def _digits_of(text: str) -> str:
    """Return the digits of a text, with a letter wherever letters stand between them."""
    return "".join(
        _LETTER if each.isalpha() else str(digit)
        for each in text
        if (digit := unicodedata.decimal(each, None)) is not None or each.isalpha()
    )

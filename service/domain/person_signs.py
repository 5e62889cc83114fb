"""Tells whether a person is named in a text, however it is written there."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from service.domain.phone_number import TellingNumber, telling_number

# An address within an address within an address is decoded; what is deeper is left.
_DECODED_MAX: Final = 2
_LETTER: Final = "x"
# Thai, Lao, Japanese and Chinese set no blank between an address and the words around it.
_UNSPACED: Final = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_IS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")
_WORD: Final = f"[^\\W{_UNSPACED}]"
_ANY_WORD: Final = r"\w"
_SIGN_WITHIN_LOCAL: Final = "[.+%'-]"
# What a reading that is decoded further tells better.
_ENCODED: Final = "%[0-9a-f]{2}"
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_BLANK_ESCAPES: Final = "bfnrtv"


@dataclass(frozen=True, slots=True)
class PersonSigns:
    """What names people, in the one spelling in which it is compared.

    Texts are compared in compatibility form (NFKC) and case-folded, without characters that do not
    show, as written and with per-cent signs and the escapes of JSON decoded. One that only stands
    within a longer address, handle or id is another. Numbers are compared by their digits, of any
    script, whatever but letters stands between them; the country's code, and what is dialled
    before a number, may be there or not. One to which other digits are joined is another.

    What is not found: names, which others have too; numbers of less than seven digits without
    their country's code; what is written in words, in entities or in base64.
    """

    _texts: Mapping[str, re.Pattern[str]] = field(repr=False)
    _numbers: Mapping[str, re.Pattern[str]] = field(repr=False)

    @classmethod
    def of(cls, texts: Iterable[str], phones: Iterable[str]) -> "PersonSigns":
        """Take what names people: addresses, profiles, ids; and their numbers."""
        signs = {sign for text in texts if (sign := _folded(text))}
        numbers = {number for phone in phones if (number := telling_number(phone))}
        return cls(
            {sign: _pattern_of(sign) for sign in signs},
            {number.digits: _number_pattern(number) for number in numbers},
        )

    def are_in(self, notes: Mapping[str, str]) -> bool:
        """Tell whether a key or a value names one of them.

        The work grows with the length of the notes times how many signs there are.
        """
        return any(self.are_in_text(text) for note in notes.items() for text in note)

    def are_in_text(self, text: str) -> bool:
        """Tell whether a text names one of them."""
        for reading in _readings(text):
            if any(sign in reading and each.search(reading) for sign, each in self._texts.items()):
                return True
            digits = _digits_of(reading) if self._numbers else ""
            near = [each for number, each in self._numbers.items() if number in digits]
            if near and any(each.search(_with_plain_digits(reading)) for each in near):
                return True
        return False


def _pattern_of(sign: str) -> re.Pattern[str]:
    before, after = (_ANY_WORD if _IS_UNSPACED.match(end) else _WORD for end in (sign[0], sign[-1]))
    bare = re.escape(sign)
    if "@" in sign:
        # A sign belongs to an address only behind a letter: else it is a quote, a dash, a stop.
        own = f"(?<!{before})(?<!{before}{_SIGN_WITHIN_LOCAL}){bare}"
        return re.compile(rf"{own}(?!-*{after}|\.{after}|{_ENCODED})")
    if "/" in sign:
        return re.compile(rf"(?<![\w-]){bare}(?![\w-]|{_ENCODED})")
    return re.compile(rf"(?<!\w){bare}(?!\w)")


def _number_pattern(number: TellingNumber) -> re.Pattern[str]:
    row = r"[\W_]*".join(number.digits)
    return re.compile(rf"(?<!\d){number.before}{row}(?!\d)")


def _readings(text: str) -> Iterator[str]:
    for _ in range(_DECODED_MAX + 1):
        yield _folded(text)
        decoded = unquote(_ESCAPE.sub(_unescaped, text))
        if decoded == text:
            return
        text = decoded


def _unescaped(escape: re.Match[str]) -> str:
    code, letter = escape.groups()
    if code is not None:
        return chr(int(code, 16))
    return " " if letter in _BLANK_ESCAPES else str(letter)


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
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


def _with_plain_digits(text: str) -> str:
    return "".join(
        each if (digit := unicodedata.decimal(each, None)) is None else str(digit) for each in text
    )

"""The one spelling under which two texts count as the same, for hashes of people and questions."""

import unicodedata


def composed_text(text: str | None) -> str:
    """Return the text with accents composed and single blanks, its letters as they are."""
    if not text:
        return ""
    # ASCII is composed as it is.
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    return " ".join(composed.split())


def plain_text(text: str | None) -> str:
    """Return the text in one spelling: whatever its case, its spaces and its Unicode form.

    The composed form comes first, so that a name typed with accents of their own is the same
    person. What is hashed and kept rests on it: for texts in the composed form, which most are,
    it must never change.
    """
    return composed_text(text).casefold()

"""A vendor's words for how good an address is, read in one way for all vendors.

A word that no table knows is no answer and is kept, so that the lookup goes on and its trace shows
what the vendor said. A word that a table knows as `unknown` is the vendor's own doubt.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from providers.contract import BrokenAnswer, raw_reason
from service.domain.email_address import is_same_address
from service.domain.outcome import Found, Missing, NoAnswer, Outcome
from service.domain.value_outcome import email_outcome, verification_outcome
from service.domain.verdict import VerdictReason, VerdictStatus

Verdict = tuple[VerdictStatus, VerdictReason]
V = TypeVar("V")

_BEST_FIRST: Final = ("deliverable", "risky", "unknown")


def found_email(
    text: str | None,
    word: str | None,
    verdicts: Mapping[str, VerdictStatus | Verdict],
    *,
    prefix: str = "status",
    confidence: float | None = None,
) -> Outcome:
    """Return what an address found by a vendor amounts to.

    A word that is not known is no answer, whether or not an address stands beside it.

    Args:
        text: the address as the vendor wrote it.
        word: the vendor's, or None where it says nothing of the address.
        verdicts: what each known word means.
        prefix: of the reason that keeps an unknown word.
        confidence: 0.0-1.0.
    """
    if word is None:
        return email_outcome(text, "unknown", confidence)
    verdict = _look_up(word, verdicts)
    if verdict is None:
        return NoAnswer(raw_reason(prefix, word), has_value=text is not None)
    return email_outcome(text, verdict if isinstance(verdict, str) else verdict[0], confidence)


def best_email(found: Sequence[Outcome]) -> Outcome:
    """Return the best of what the addresses of one answer amount to; missing where there is none.

    An address that may do is better than a word that nobody knows, and that than a dead address.
    """
    return min(found, key=_rank, default=Missing())


def _rank(outcome: Outcome) -> int:
    if isinstance(outcome, Found):
        return _BEST_FIRST.index(outcome.value["verdict"])
    return len(_BEST_FIRST) + isinstance(outcome, Missing)


def verified_email(
    asked: str | None,
    word: str | None,
    verdicts: Mapping[str, Verdict],
    *,
    named: str | None = None,
    prefix: str = "status",
) -> Outcome:
    """Return what a vendor's verdict on an address amounts to.

    Args:
        asked: the address that the vendor was asked about.
        word: the vendor's, or None where it says nothing.
        verdicts: what each known word means.
        named: the address that the answer is about, or None where it does not say.
        prefix: of the reason that keeps an unknown word.

    Raises:
        BrokenAnswer: the answer is about another address.
    """
    raise_for_another(asked, named)
    if word is None:
        return NoAnswer("unknown_verdict")
    verdict = _look_up(word, verdicts)
    if verdict is None:
        return NoAnswer(raw_reason(prefix, word))
    return verification_outcome(asked, *verdict)


def _look_up(word: str, verdicts: Mapping[str, V]) -> V | None:
    """Return what a word means, however it is spelled: `Catch-All` is `catch_all`."""
    plain = {_plain(each): verdict for each, verdict in verdicts.items()}
    return plain.get(_plain(word))


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def raise_for_another(asked: str | None, named: str | None) -> None:
    """Raise where an answer names another address than the one asked about.

    Raises:
        BrokenAnswer: it does.
    """
    if named is not None and not is_same_address(named, asked or ""):
        raise BrokenAnswer("the answer is about another address")


def verdict_of_row(outcome: Outcome, asked: str | None) -> Outcome:
    """Return the outcome of a row whose reader does not know which address was asked about.

    A verdict on another address ends as a strange row does.
    """
    try:
        raise_for_another(asked, outcome.value["email"] if isinstance(outcome, Found) else None)
    except BrokenAnswer as fault:
        return NoAnswer(fault.slug)
    return outcome

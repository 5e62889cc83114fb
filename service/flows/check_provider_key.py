"""Finds out whether a provider's key works, by the vendor's own free request where it has one."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from providers.contract import (
    BrokenAnswer,
    CredentialsRejected,
    Direct,
    OutOfCredit,
    Provider,
    RequestRefused,
    Submitted,
    Throttled,
    VendorAnswer,
    VendorDown,
    VendorFault,
)
from service.domain.lead_input import LeadInput
from service.edges.vendor_http import VendorHTTP

KEY_CHECK_TIMEOUT_S: Final = 10.0

_NESTING_MAX: Final = 4
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?")
_BALANCE_WORDS: Final = frozenset({"credit", "credits", "balance", "available", "remaining"})
_OTHER_WORDS: Final = frozenset({"used", "frozen", "reserved", "consumed"})
# Vendors that answer a bad key with a balance write it so, as a text.
_BALANCE_OF_NOBODY: Final = "-1"
# What a failure in a body is said with, and when its words are about the key.
_FAILURE_FIELDS: Final = ("error", "errors", "validationErrors")
_WORD_FIELDS: Final = ("error", "error_code", "errors", "message", "reason", "code")
_ABOUT_KEY: Final = re.compile(
    r"unauthori[sz]ed|unauthenticated|authentication[ _]failed|error\.api\.key"
    r"|(?:invalid|wrong|unknown|expired|revoked|incorrect)[ _](?:api[ _-]?)?(?:key|token)\b"
    r"|\b(?:key|token)[ _](?:is[ _])?"
    r"(?:not[ _](?:valid|found)|invalid|wrong|unknown|expired|revoked|incorrect)"
)
# Nobody is asked about: it only lets a reader, which wants a lead, look at a refusal.
_NOBODY: Final = LeadInput(email="nobody@example.com", country="US")


class KeyState(StrEnum):
    """What is known of a key."""

    WORKS = "works"
    REJECTED = "rejected"
    OUT_OF_CREDIT = "out_of_credit"
    UNREACHABLE = "unreachable"
    NOT_CHECKABLE = "not_checkable"


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """What came of a check.

    Attributes:
        detail: a sentence of ours for whoever set the key; holds nothing the vendor wrote.
    """

    state: KeyState
    detail: str


async def check_key(
    http: VendorHTTP,
    provider: Provider,
    api_key: str,
    base_url: str | None = None,
    *,
    timeout_s: float = KEY_CHECK_TIMEOUT_S,
) -> KeyCheck:
    """Ask the vendor about a key, once; never raises for what a vendor does.

    Args:
        base_url: in place of the provider's own.
    """
    name = provider.name
    if provider.key_check is None:
        said = f"{name} has no free request that tells whether a key works, so it was not checked."
        return KeyCheck(KeyState.NOT_CHECKABLE, said)
    try:
        answer = await http.send(
            provider, provider.key_check, api_key=api_key, base_url=base_url, timeout_s=timeout_s
        )
        _read(provider, answer)
    except CredentialsRejected:
        return KeyCheck(KeyState.REJECTED, f"{name} does not accept this key.")
    except OutOfCredit:
        said = f"{name} accepts this key, but its account has no credit left."
        return KeyCheck(KeyState.OUT_OF_CREDIT, said)
    except VendorFault as fault:
        return KeyCheck(KeyState.UNREACHABLE, _about_silence(name, fault))
    return KeyCheck(KeyState.WORKS, f"{name} accepts this key.")


def _about_silence(name: str, fault: VendorFault) -> str:
    match fault:
        case Throttled():
            why = "it asks for fewer requests"
        case VendorDown():
            why = "it does not answer"
        case RequestRefused():
            why = "it answers with a failure"
        case _:
            why = "its answer is not one that it documents"
    return f"{name} could not say whether this key works: {why}."


def _read(provider: Provider, answer: VendorAnswer) -> None:
    """Return if the key works and has something to spend, as far as the answer tells.

    Raises:
        VendorFault: says what is wrong instead.
    """
    _raise_for_words_about_key(answer)
    is_refused = _is_refused(provider, answer)
    if answer.status != 200 and not is_refused:  # noqa: PLR2004
        raise BrokenAnswer("unexpected status")
    answer.object()
    body = answer.json()
    balances = list(_balances(body, _NESTING_MAX))
    if _BALANCE_OF_NOBODY in balances:
        raise CredentialsRejected
    _require_proof(body, provider.key_proof, is_refused=is_refused)
    if balances and max(float(each) for each in balances) <= 0:
        raise OutOfCredit


def _raise_for_words_about_key(answer: VendorAnswer) -> None:
    """Raise where the words of an answer say that the key is not accepted.

    One sentence may stand for a wrong key and for an empty account. Whoever sets a key must not
    hear of such an answer that it works.

    Raises:
        CredentialsRejected: they do.
    """
    try:
        body = answer.json()
    except VendorFault:
        return
    if not isinstance(body, dict):
        return
    words = " ".join(str(body[each]) for each in _WORD_FIELDS if each in body).lower()
    if _ABOUT_KEY.search(words):
        raise CredentialsRejected


def _require_proof(body: dict[str, Any], proof: Collection[str], *, is_refused: bool) -> None:
    """Raise unless an answer is the vendor's good one.

    Raises:
        RequestRefused: it states a failure.
        BrokenAnswer: it is some other page.
    """
    says_so = body.get("success") is False or any(body.get(each) for each in _FAILURE_FIELDS)
    has_failed = is_refused or says_so
    is_good = any(body.get(each) is not None for each in proof)
    if is_good and not has_failed:
        return
    if has_failed:
        raise RequestRefused
    raise BrokenAnswer("not the account's page")


def _is_refused(provider: Provider, answer: VendorAnswer) -> bool:
    """Tell whether the provider's own reader sees a refusal; raise any other fault it sees.

    Only the reader knows what this vendor's statuses and words mean: one's 403 is a bad key,
    another's is too many requests. It takes an account's page for a broken answer or reads nothing
    into it, and both are well.
    """
    shape = next(
        each.shape for each in provider.offers if isinstance(each.shape, Direct | Submitted)
    )
    try:
        if isinstance(shape, Direct):
            shape.read(answer, _NOBODY)
        else:
            shape.read_handle(answer, [_NOBODY])
    except RequestRefused:
        return True
    except BrokenAnswer:
        return False
    return False


def _balances(body: Any, nesting_max: int) -> Iterator[str]:
    """Yield the numbers that by their names are what is left of something, as texts."""
    if not isinstance(body, dict) or nesting_max == 0:
        return
    for name, value in body.items():
        words = set(str(name).lower().split("_"))
        if isinstance(value, dict):
            yield from _balances(value, nesting_max - 1)
        elif words & _BALANCE_WORDS and not words & _OTHER_WORDS:
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield f"{value:f}"
            elif isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
                yield value.strip()

"""What a vendor's failure in words is about: its rate, its credit, its key, or none of them.

The words may repeat a lead's own: an address, a domain or the link of a profile proves nothing
against a key, and is not read.
"""

import re
from typing import Final

from providers.faults import (
    BrokenAnswer,
    CredentialsRejected,
    OutOfCredit,
    Throttled,
)
from providers.json_object import JsonObject

_CHARACTERS_READ_MAX: Final = 2_000

_A_NAME: Final = re.compile(r"@|://|\.[^\W\d_]")
_WORD: Final = re.compile(r"[^\W_]+")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]+")
_RATE: Final = re.compile(
    r"\b(?:rate limit\w*|too many (?:requests|attempts)|throttl\w+|slow down)\b"
)
_CREDIT: Final = re.compile(
    r"\bcredits\b"
    r"|\b(?:no|0|zero|enough|sufficient|insufficient|remaining|out of|more|lack of|low) credit\b"
    r"|\bcredit (?:is |was |has been |are )?"
    r"(?:balance|limit|exhausted|exceeded|required|left|remaining|depleted|used up|expired)\b"
    r"|\binsufficient ?(?:funds|balance|credits)|\bbalance is insufficient\b"
    r"|\b(?:usage|quota) (?:limit )?exceeded\b"
    r"|\bpayment required\b|\bunpaid ?subscription"
)
_KEY: Final = re.compile(
    r"\bapi ?(?:key|token)\b"
    r"|\b(?:invalid|wrong|bad|missing|unknown|expired|revoked) (?:access )?(?:key|token)\b"
    r"|\bunauthori[sz]ed\b|\bunauthenticated\b|\bauthentication (?:failed|required)\b"
)


def plain_words(text: str) -> str:
    """Return the words of a text or a code, in lower case, with one blank between them.

    What looks like an address, a domain or a link is left out. Of a long text the beginning is
    read.
    """
    parts = text[:_CHARACTERS_READ_MAX].lower().split()
    kept = " ".join(part for part in parts if _A_NAME.search(part) is None)
    return " ".join(_WORD.findall(kept))


def is_about_credit(words: str) -> bool:
    """Tell whether plain words say that an account has nothing left to spend."""
    return _CREDIT.search(words) is not None


def raise_for_words(words: str, retry_after_s: float | None = None) -> None:
    """Raise what plain words say of the key and its account, if they say anything of them.

    One sentence may stand for a wrong key and for an empty account. The latter is what befalls a
    workspace whose key worked yesterday, so that is what its operator is told.

    Raises:
        Throttled: they ask for fewer requests.
        OutOfCredit: they speak of credits.
        CredentialsRejected: they speak of the key.
    """
    if _RATE.search(words):
        raise Throttled(retry_after_s)
    if is_about_credit(words):
        raise OutOfCredit
    if _KEY.search(words):
        raise CredentialsRejected


def error_words(body: JsonObject, *names: str) -> str:
    """Return the plain words and codes under `names`, at whatever depth; "" when there are none."""
    return " ".join(plain_words(text) for name in names for text in body.texts(name))


def error_code(body: JsonObject, name: str) -> str | None:
    """Return the first text under `name` where it is a code, and not a sentence or a name."""
    text = next(iter(body.texts(name)), "")
    return text if _CODE.fullmatch(text) else None


def raise_for_error(body: JsonObject, retry_after_s: float | None = None) -> None:
    """Raise what the `error` or `errors` of an answer say, whatever its status.

    Raises:
        VendorFault: as `raise_for_words`, and `BrokenAnswer` for an error of any other kind.
    """
    if body.says("error") or body.says("errors"):
        raise_for_failure(body, retry_after_s)


def raise_for_failure(body: JsonObject, retry_after_s: float | None = None) -> None:
    """Raise what an answer says that is known to be of a failure.

    Raises:
        VendorFault: as `raise_for_words`, and `BrokenAnswer` for a failure of any other kind.
    """
    names = ("error", "errors", "code", "error_code", "message", "detail", "reason")
    raise_for_words(error_words(body, *names), retry_after_s)
    raise BrokenAnswer("the answer tells of an error")

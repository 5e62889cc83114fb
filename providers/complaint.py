"""What a vendor's failure in words is about: its rate, its credit, its key, or a person unknown.

Only an unmistakable complaint counts, because it takes a key out of every waterfall: what merely
mentions credits, a key or a rate, as many an answer about a lead does, says nothing of them.
The words may repeat a lead's own: an address, a domain or the link of a profile is not read.
"""

import re
from itertools import islice
from typing import Final

from providers.faults import (
    BrokenAnswer,
    CredentialsRejected,
    OutOfCredit,
    Throttled,
)
from providers.json_object import JsonObject

_CHARACTERS_READ_MAX: Final = 2_000
_TEXTS_READ_MAX: Final = 20

_QUOTE: Final = re.compile(r"[\"'`\u2018\u2019\u201c\u201d]")
_A_NAME: Final = re.compile(r"@|://|\.[^\W\d_]")
_NEXT_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
# What ends a sentence or a part of one, unlike the dot of a number or the hyphen of a word.
_PAUSE: Final = re.compile(r"[^\w\s]+(?=\s|$)|(?<=\s)[^\w\s]+")
_WORD: Final = re.compile(r"[^\W_]+|\|")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]+")

# In the words, `|` stands where a part of a sentence ends, and `||` where a text does.
_END: Final = r"(?= \||$)"
_WHOLE_TEXT: Final = r"(?:^|\|\| )"
_WHOLE_TEXT_END: Final = r"(?= \|\||$)"
_BE: Final = r"(?:is |are |was |were |has been |have been )?"
# Credits of some sort. Names of companies and people stand among the words, so the sorts are known.
_CREDITS: Final = (
    r"(?:(?:your|the|remaining|available|account|api|e ?mail|phone|mobile|search|finder|verifier"
    r"|verification|validation|lookup|enrichment|paid|monthly|prepaid|bulk) ){0,3}credits?\b"
)
_NONE: Final = r"(?<![0-9] )\b(?:no|zero|0)"
_CREDIT: Final = re.compile(
    rf"\b(?:not|dont|doesnt|without) (?:have )?(?:enough|sufficient) (?:{_CREDITS}|funds\b)"
    rf"|\binsufficient ?(?:{_CREDITS}|funds\b|balance\b)"
    rf"|\b(?:credits?|balance|funds) (?:balance |limit )?{_BE}"
    r"(?:insufficient|empty|exhausted|depleted|used up|exceeded|expired|too low"
    r"|not (?:enough|sufficient))\b"
    rf"|\b(?:out|lack|lacks) of {_CREDITS}"
    rf"|{_NONE} {_CREDITS} (?:left|remaining|remain|available)\b"
    rf"|\bno (?:more|further|remaining|available) {_CREDITS}{_END}"
    rf"|\b(?:have|has) (?:no|zero|0) (?:more )?{_CREDITS}(?:{_END}| (?:left|to|on|in|for)\b)"
    rf"|{_WHOLE_TEXT}(?:no|zero) {_CREDITS}{_WHOLE_TEXT_END}"
    r"|\b(?:remaining credits?|credits? (?:left|remaining|available|balance))(?: is| are| \|)?"
    r" (?:zero|none|0(?: 0+)?(?! [0-9]))\b"
    rf"|\b(?:used|spent) (?:up )?all (?:of )?{_CREDITS}"
    rf"|\b(?:exhausted|exceeded|used up) (?:all )?(?:of )?{_CREDITS}"
    rf"|\bneeds? more {_CREDITS}"
    r"|\b(?:usage|quota) (?:limit )?(?:exceeded|exhausted|reached)\b"
    r"|\bpayment required\b|\bunpaid ?subscription"
)
_RATE: Final = re.compile(
    r"\brate limited\b|\brate limit (?:of (?:this|your|the) (?:api )?(?:key|account) )?"
    rf"{_BE}(?:exceeded|reached|hit|error)\b"
    r"|\b(?:exceeded|reached|hit) (?:your |the |our )?(?:api )?rate limit\b"
    rf"|{_WHOLE_TEXT}rate limit{_WHOLE_TEXT_END}"
    r"|\btoo many (?:\w+ )?(?:requests|attempts)\b|\bmax(?:imum)? number of requests\b"
    r"|\b(?:throttled|throttling)\b|\bslow down\b"
)
_A_KEY: Final = r"(?:api ?(?:key|token)|(?:access|auth|authentication|secret) (?:key|token))"
_UNFIT: Final = r"(?:invalid|wrong|bad|missing|unknown|expired|revoked|incorrect|inactive|disabled)"
_FIT: Final = r"(?:valid|found|recogni[sz]ed|authori[sz]ed|active|accepted)"
_KEY: Final = re.compile(
    rf"\b(?:no|{_UNFIT}(?: or {_UNFIT})?) (?:parameter \| )?{_A_KEY}\b"
    rf"|\b{_A_KEY} (?:(?:you )?(?:provided|given|sent) )?{_BE}"
    rf"(?:{_UNFIT}|required|not (?:a )?{_FIT})\b"
    rf"|\b{_A_KEY} does not exist\b"
    rf"|{_WHOLE_TEXT}{_UNFIT} (?:key|token){_WHOLE_TEXT_END}"
    r"|\bunauthori[sz]ed\b|\bunauthenticated\b|\bauthentication (?:failed|required)\b"
)
# What a person has, and is.
_SOUGHT: Final = r"(?:emails?|contacts?|mobiles?|numbers?|people|persons?|phones?|profiles?)"
_NOBODY: Final = re.compile(
    rf"\bno (?:\w+ ){{0,2}}{_SOUGHT} (?:was |were |could be )?found\b|\bnobody (?:was )?found\b"
    r"|\bno (?:results?|match(?:es)?)\b"
    rf"|\b{_SOUGHT} (?:(?:address|number) )?(?:was |were |could )?not (?:be )?found\b"
    rf"|{_WHOLE_TEXT}not found{_WHOLE_TEXT_END}"
)


def plain_words(text: str) -> str:
    """Return the words of a text or a code, in lower case, with one blank between them.

    A `|` among them stands where a part of a sentence ends. What looks like an address, a domain
    or a link is left out. Of a long text the beginning is read.
    """
    parts = _QUOTE.sub("", text[:_CHARACTERS_READ_MAX]).replace("|", " ").split()
    kept = " ".join(part for part in parts if _A_NAME.search(part) is None)
    paused = _NEXT_WORD.sub(" ", _PAUSE.sub(" | ", kept)).lower()
    return " ".join(_WORD.findall(paused)).strip("| ")


def is_about_credit(words: str) -> bool:
    """Tell whether plain words say that an account has nothing left to spend."""
    return _CREDIT.search(words) is not None


def is_about_nobody(words: str) -> bool:
    """Tell whether plain words say that the vendor knows no such person, address or number."""
    return _NOBODY.search(words) is not None


def raise_for_words(words: str, retry_after_s: float | None = None) -> None:
    """Raise what plain words say of the key and its account, if they say anything of them.

    One sentence may stand for a wrong key and for an empty account. The latter is what befalls a
    workspace whose key worked yesterday, so that is what its operator is told.

    Raises:
        Throttled: they ask for fewer requests.
        OutOfCredit: they say that nothing is left to spend.
        CredentialsRejected: they say that the key is not accepted.
    """
    if _RATE.search(words):
        raise Throttled(retry_after_s)
    if is_about_credit(words):
        raise OutOfCredit
    if _KEY.search(words):
        raise CredentialsRejected


def error_words(body: JsonObject, *names: str) -> str:
    """Return the plain words and codes under `names`, at whatever depth; "" when there are none.

    Of many texts the first are read. A `||` stands between those of two texts.
    """
    texts = islice((text for name in names for text in body.texts(name)), _TEXTS_READ_MAX)
    spoken = map(plain_words, texts)
    return " || ".join(words for words in spoken if words)


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

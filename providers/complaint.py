"""What a vendor's failure in words is about: its rate, its credit, its key, or a person unknown.

Only an unmistakable complaint counts, because it takes a key out of every waterfall: what merely
mentions credits, a key or a rate, as many an answer about a lead does, says nothing of them.
The words may repeat a lead's own, which its workspace chooses, while the key is everybody's. So
those of the leads asked about are not read, nor what looks like an address, a domain or a link, nor
what is quoted within a sentence, nor the name of who was not found.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import Final

from providers.faults import (
    BrokenAnswer,
    CredentialsRejected,
    OutOfCredit,
    Throttled,
)
from providers.json_object import JsonObject
from service.domain.lead_input import LeadInput

_CHARACTERS_READ_MAX: Final = 2_000
_TEXTS_READ_MAX: Final = 20
# A vendor says the same of most leads.
_TEXTS_REMEMBERED_MAX: Final = 256

_QUOTE: Final = r"[\"'`\u2018\u2019\u201c\u201d]"
_NOT_A_QUOTE: Final = r"[^\"'`\u2018\u2019\u201c\u201d]"
_QUOTED: Final = rf"{_QUOTE}(?=\S)(?:{_NOT_A_QUOTE}|(?<=\w){_QUOTE}(?=\w))*{_QUOTE}"
# A text that is quoted as a whole is read: it is what the vendor says.
_QUOTED_IN_A_SENTENCE: Final = re.compile(rf"(?<=\w ){_QUOTED}(?!\w)|(?<!\w){_QUOTED}(?= \w)")
_ANY_QUOTE: Final = re.compile(_QUOTE)
_A_NAME: Final = re.compile(r"@|://|\.[^\W\d_]")
_NEXT_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
# What ends a sentence or a part of one, unlike the dot of a number or the hyphen of a word.
_PAUSE: Final = re.compile(r"[^\w\s]+(?=\s|$)|(?<=\s)[^\w\s]+")
_WORD: Final = re.compile(r"[^\W_]+|\||(?<!\S)_(?!\S)")
_CODE: Final = re.compile(r"[A-Za-z0-9_-]+")
# Stands for a name that is left out, so that the words around it do not come together.
_LEFT_OUT: Final = "_"
# Whose texts are free. A country is a code, and a word as well, such as `no`.
_TEXTS_OF_A_LEAD: Final = attrgetter(
    "first_name", "last_name", "company_name", "company_domain", "linkedin_url", "email"
)

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
    rf"|\b(?:do not|dont|does not|doesnt) have any (?:more )?{_CREDITS}(?:{_END}| (?:left|to)\b)"
    rf"|\b(?:credits?|balance|funds) (?:balance |limit )?{_BE}"
    r"(?:insufficient|empty|exhausted|depleted|used up|exceeded|expired|too low"
    r"|not (?:enough|sufficient))\b"
    rf"|\b(?:out|lack|lacks) of {_CREDITS}"
    r"|\bcredits? limit (?:is |was |has been )?(?:reached|hit)\b"
    rf"|\b(?:reached|hit) (?:your |the )?{_CREDITS} limit\b"
    rf"|{_NONE} {_CREDITS} (?:left|remaining|remain|available)\b(?! (?:for refund|over)\b)"
    rf"|\bno (?:more|further|remaining|available) {_CREDITS}{_END}"
    rf"|\b(?:have|has) (?:no|zero|0) (?:more )?{_CREDITS}"
    rf"(?:{_END}| (?:left|to|in|for)\b(?! (?:over|refund)\b)| on (?:your|the|this)\b)"
    rf"|{_WHOLE_TEXT}(?:no|zero) {_CREDITS}{_WHOLE_TEXT_END}"
    r"|\b(?:remaining credits?|credits? (?:left|remaining|available|balance))(?: is| are| \|)?"
    r" (?:zero|none|0(?: 0+)?(?! [0-9]))\b"
    rf"|\b(?:used|spent) (?:up )?all (?:of )?{_CREDITS}"
    rf"|\b(?:exhausted|exceeded|used up) (?:all )?(?:of )?{_CREDITS}"
    rf"|\bneeds? more {_CREDITS}(?! cards?\b)"
    r"|\b(?:usage|quota) (?:limit )?(?:exceeded|exhausted|reached)\b"
    r"|\bpayment required\b(?! (?:field|parameter|value|data)s?\b)|\bunpaid ?subscription"
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
# What stands behind these words is the name of who was not found, to the end of the sentence.
_WHOM: Final = re.compile(
    rf"({_NOBODY.pattern}|\bnobody (?:is |was )?known\b"
    r"|\b(?:could not|couldnt|cannot|did not|didnt|unable to) find (?:anyone|anybody"
    rf"|(?:(?:an?|any|the|this) )?(?:(?:valid|matching|work) )?{_SOUGHT})\b) [^|]*{_END}"
)
# So is what stands between these.
_UNFOUND: Final = (
    r"(?:(?:is|are|was|were|does|could) )?"
    r"(?:not (?:be )?(?:found|known|valid|exist)|unknown|invalid)"
)
_NAMED: Final = re.compile(
    rf"(?:^|(?<=\| ))((?:the |this )?(?:company|organi[sz]ation|{_SOUGHT})"
    rf"(?: name| address| number)?) (?!{_UNFOUND}{_END})[^|]+? ({_UNFOUND}){_END}"
)


@dataclass(frozen=True, slots=True)
class _OwnWords:
    """The words of leads' own texts: each text by itself, and all of them to look for a run in."""

    texts: frozenset[str]
    all: str


def plain_words(text: str, leads: Iterable[LeadInput] = ()) -> str:
    """Return the words of a text or a code, in lower case, with one blank between them.

    A `|` among them stands where a part of a sentence ends. What looks like an address, a domain,
    a link or a name is left out; a `_` may stand for it. Of a long text the beginning is read.

    Args:
        leads: those asked about, where they are known; their own words are left out as well.
    """
    return _without_names(_without_own(_spoken(text[:_CHARACTERS_READ_MAX]), leads))


@lru_cache(maxsize=_TEXTS_REMEMBERED_MAX)
def _spoken(text: str) -> str:
    read = _QUOTED_IN_A_SENTENCE.sub(_LEFT_OUT, text.replace("|", " "))
    parts = _ANY_QUOTE.sub("", read).split()
    kept = " ".join(part for part in parts if _A_NAME.search(part) is None)
    return _words(_PAUSE.sub(" | ", kept))


@lru_cache(maxsize=_TEXTS_REMEMBERED_MAX)
def _without_names(words: str) -> str:
    return _NAMED.sub(rf"\1 {_LEFT_OUT} \2", _WHOM.sub(r"\1", words)).strip("| ")


def _words(text: str) -> str:
    return " ".join(_WORD.findall(_NEXT_WORD.sub(" ", text).lower()))


def _own_words(bare: Iterable[str]) -> _OwnWords:
    texts = frozenset(spelled for text in bare for spelled in (_words(text), _words(text.lower())))
    # No run of words goes over the end of a line.
    return _OwnWords(texts, "\n".join(f" {text} " for text in texts))


def _without_own(words: str, leads: Iterable[LeadInput]) -> str:
    """Return words without leads' own: a whole text of one, or two words in a row of a text.

    Of a name a vendor may leave out a part, such as the kind of company. A complaint that consists
    of such words is missed for these leads, and heard with the next ones.
    """
    given = {text for lead in leads for text in _TEXTS_OF_A_LEAD(lead) if text}
    bare = [_ANY_QUOTE.sub("", text) for text in given]
    told, each = "\n".join(bare).lower(), words.split()
    if not any(word in told for word in each):
        # As is usual, and much cheaper to see than what follows.
        return words
    return " ".join(_kept(each, _own_words(bare)))


def _kept(words: list[str], own: _OwnWords) -> Iterator[str]:
    begin = 0
    while begin < len(words):
        end = begin
        while end < len(words) and f" {' '.join(words[begin : end + 1])} " in own.all:
            end += 1
        is_own = end - begin > 1 or words[begin] in own.texts
        yield _LEFT_OUT if is_own else words[begin]
        begin = end if is_own else begin + 1


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


def error_words(body: JsonObject, *names: str, leads: Iterable[LeadInput] = ()) -> str:
    """Return the plain words and codes under `names`, at whatever depth; "" when there are none.

    Of many texts the first are read. A `||` stands between those of two texts.

    Args:
        leads: as for `plain_words`.
    """
    leads = list(leads)
    texts = islice((text for name in names for text in body.texts(name)), _TEXTS_READ_MAX)
    spoken = (plain_words(text, leads) for text in texts)
    return " || ".join(words for words in spoken if words)


def error_code(body: JsonObject, name: str) -> str | None:
    """Return the first text under `name` where it is a code, and not a sentence or a name."""
    text = next(iter(body.texts(name)), "")
    return text if _CODE.fullmatch(text) else None


def raise_for_error(
    body: JsonObject, retry_after_s: float | None = None, leads: Iterable[LeadInput] = ()
) -> None:
    """Raise what the `error` or `errors` of an answer say, whatever its status.

    Raises:
        VendorFault: as `raise_for_words`, and `BrokenAnswer` for an error of any other kind.
    """
    if body.says("error") or body.says("errors"):
        raise_for_failure(body, retry_after_s, leads)


def raise_for_failure(
    body: JsonObject, retry_after_s: float | None = None, leads: Iterable[LeadInput] = ()
) -> None:
    """Raise what an answer says that is known to be of a failure.

    Raises:
        VendorFault: as `raise_for_words`, and `BrokenAnswer` for a failure of any other kind.
    """
    names = ("error", "errors", "code", "error_code", "message", "detail", "reason")
    raise_for_words(error_words(body, *names, leads=leads), retry_after_s)
    raise BrokenAnswer("the answer tells of an error")

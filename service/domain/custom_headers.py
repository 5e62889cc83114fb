"""Which headers the owner of an endpoint may have sent with every delivery."""

import re
from collections.abc import Mapping
from typing import Final

HEADERS_MAX: Final = 20
NAME_CHARACTERS_MAX: Final = 64
VALUE_CHARACTERS_MAX: Final = 1_024

_NAME: Final = re.compile(rf"[A-Za-z0-9-]{{1,{NAME_CHARACTERS_MAX}}}")
VALUE_PATTERN: Final = f"[!-~](?:[ -~]{{0,{VALUE_CHARACTERS_MAX - 2}}}[!-~])?"
"""Of a header's value: printable ASCII without blanks around it."""

_VALUE: Final = re.compile(VALUE_PATTERN)

_RESERVED: Final = frozenset(
    {
        # What delimits and routes a request: another value would let one request read as two.
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        # What the answer must not be changed by.
        "accept-encoding",
        "range",
        # What would claim another sender.
        "cookie",
        "forwarded",
        "user-agent",
    }
)
_RESERVED_BEGINNINGS: Final = ("webhook-", "x-webhook-", "proxy-", "sec-", "x-forwarded-")


def header_problems(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with the headers, by name; empty when all of them may be sent.

    A problem never repeats a value, which may be a credential.
    """
    problems: dict[str, str] = {}
    if len(headers) > HEADERS_MAX:
        problems[""] = f"there may be at most {HEADERS_MAX} headers"
    seen: set[str] = set()
    for name, value in list(headers.items())[:HEADERS_MAX]:
        lower = name.lower()
        if not _NAME.fullmatch(name):
            shown = re.sub(r"[^A-Za-z0-9-]", "?", name[:NAME_CHARACTERS_MAX])
            problems[shown] = (
                f"a header's name has 1 to {NAME_CHARACTERS_MAX} letters, digits and hyphens"
            )
        elif lower in _RESERVED or lower.startswith(_RESERVED_BEGINNINGS):
            problems[name] = f"{name} cannot be set: the delivery needs it itself"
        elif lower in seen:
            problems[name] = f"{name} is given more than once"
        elif not _VALUE.fullmatch(value):
            problems[name] = (
                f"the value of {name} must have 1 to {VALUE_CHARACTERS_MAX} printable ASCII "
                "characters and no blank at either end"
            )
        seen.add(lower)
    return problems

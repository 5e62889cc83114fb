"""Reads the Idempotency-Key header."""

import hashlib
import re
from typing import Final

from aiohttp import web

from service.api.validation import invalid
from service.store.acceptance import Idempotency

HEADER: Final = "Idempotency-Key"

_BARE: Final = re.compile(r"[\x20-\x7e]{1,255}")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


def read_idempotency(request: web.Request, route: str, raw: bytes) -> Idempotency | None:
    """Return the key with a hash of what it stands for, or None without one.

    Args:
        route: the operation and its path parameters; the same for every spelling of the path.
        raw: the body's bytes.

    Raises:
        InvalidRequest: the key is given twice, or is not 1 to 255 printable ASCII characters.
    """
    given = request.headers.getall(HEADER, [])
    if not given:
        return None
    quoted = _QUOTED.fullmatch(given[0])
    # A structured-field string (RFC 8941) and the bare text in it are the same key.
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else given[0]
    if len(given) > 1 or not _BARE.fullmatch(key):
        raise invalid(
            {HEADER: f"{HEADER} must be given once, as 1 to 255 printable ASCII characters"}
        )
    return Idempotency(key, hashlib.sha256(route.encode() + b"\0" + raw).digest())

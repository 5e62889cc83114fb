"""What every Seleqt handler begins with: whose key, and which list."""

from typing import Final

from aiohttp import web

from service.api.caller import find_caller
from service.api.refusals import Unauthenticated
from service.domain.kinds import Face
from service.errors import NotFound
from service.store.keys import KeyOwner

_HEADER: Final = "X-API-Key"
_ID_MAX: Final = 2**63 - 1
_ID_DIGITS_MAX: Final = 19


async def authenticate(request: web.Request) -> KeyOwner:
    """Return whose key the request carries.

    Raises:
        Unauthenticated: there is none, or it is not a live Seleqt key.
    """
    given = set(request.headers.getall(_HEADER, []))
    if not given:
        raise Unauthenticated("Missing API key", "Provide X-API-Key header")
    caller = await find_caller(request, Face.SELEQT, given.pop()) if len(given) == 1 else None
    if caller is None:
        raise Unauthenticated("Invalid API key", "Send one live key of this API in X-API-Key")
    return caller


def list_id_of(request: web.Request) -> int:
    """Return the list's id in the path.

    Raises:
        NotFound: it cannot be one.
    """
    text = request.match_info["list_id"]
    if not (text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS_MAX):
        raise NotFound("Lead list not found")
    list_id = int(text)
    if list_id > _ID_MAX:
        raise NotFound("Lead list not found")
    return list_id

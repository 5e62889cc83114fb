"""`POST /v1/callbacks/{provider}/{token}`: a vendor says that a submission is ready.

What the body says is not believed, whoever signed it: the results are fetched with the key that
submitted. Only the vendor's name for the submission is taken from it, and only where ours is lost.
"""

from typing import Final

from aiohttp import web

from providers.contract import BrokenAnswer, JsonObject, Submitted, VendorAnswer
from providers.registry import all_providers
from service.api.answers import json_answer
from service.api.caller import context_of, refuse_impossible_ids
from service.api.request_body import read_bytes
from service.errors import NotFound
from service.store.submissions import stamp_callback

_TOKEN_CHARACTERS_MAX: Final = 100


async def take_callback(request: web.Request) -> web.Response:
    """Note that the vendor called, so that a worker polls at once; the answer says no more."""
    refuse_impossible_ids(request)
    slug, token = request.match_info["provider"], request.match_info["token"]
    body = await read_bytes(request)
    context = context_of(request)
    known = False
    if slug in all_providers() and len(token) <= _TOKEN_CHARACTERS_MAX:
        async with context.pool.acquire() as connection:
            known = await stamp_callback(connection, slug, token, _handle_in(slug, body))
    if not known:
        raise NotFound("There is no such callback; use the URL that came with the request")
    context.ring()
    return json_answer({"success": True})


def _handle_in(slug: str, body: bytes) -> str | None:
    """Return the handle that a callback's body names, or None where it cannot be read."""
    readers = {
        offer.shape.callback_handle
        for offer in all_providers()[slug].every_offer()
        if isinstance(offer.shape, Submitted) and offer.shape.callback_handle is not None
    }
    for read in readers:
        try:
            handle = read(JsonObject(VendorAnswer(200, body=body).json()))
        except BrokenAnswer:
            continue
        if handle is not None and "\0" not in handle:
            return handle
    return None


def callback_routes() -> list[web.RouteDef]:
    """Return the one route that vendors call."""
    return [web.post("/v1/callbacks/{provider}/{token}", take_callback)]

"""`GET /api/v1/api-keys/`: the caller's own keys; clients ask for them to try a key out."""

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import require_known
from service.api.seleqt.access import authenticate
from service.domain.face_answers import iso
from service.domain.kinds import Face
from service.flows.manage_keys import list_api_keys


async def list_keys(request: web.Request) -> web.Response:
    """Answer with the live keys of this face, each by its prefix; no secret is ever shown again."""
    caller = await authenticate(request)
    require_known(request, ())
    keys = await list_api_keys(context_of(request).pool, caller.workspace_id)
    return json_answer(
        {
            "api_keys": [
                {
                    "id": key.id,
                    "name": key.name,
                    "prefix": key.hint,
                    "is_current": key.id == caller.key_id,
                    "created_at": iso(key.created_at),
                }
                for key in keys
                if key.face is Face.SELEQT and key.revoked_at is None
            ]
        }
    )

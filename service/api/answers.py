"""Answers as JSON, and the headers that all of them carry."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import web

ERROR_CODE_HEADER: Final = "X-Error-Code"
"""Carries the stable code of an error, also where a face's own body has no place for it."""


def json_answer(
    payload: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a JSON answer that nobody on the way may keep."""
    return web.Response(
        body=orjson.dumps(payload),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )

"""Errors as Seleqt shows them: flat, and 400 where credits are short."""

from typing import Any

from aiohttp import web

from service.api.answers import ERROR_CODE_HEADER, json_answer
from service.api.refusals import Refusal
from service.errors import InsufficientCredits, LeadfallError


def seleqt_error(error: LeadfallError) -> web.Response:
    """Return the answer for an error."""
    if isinstance(error, InsufficientCredits):
        return json_answer(
            {"success": False, "error": "insufficient_credits", "message": error.message},
            status=400,
            headers={ERROR_CODE_HEADER: error.code},
        )
    payload: dict[str, Any] = {"error": error.message}
    if isinstance(error, Refusal) and error.advice:
        payload["message"] = error.advice
    return json_answer(payload, status=error.status, headers={ERROR_CODE_HEADER: error.code})

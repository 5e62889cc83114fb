"""Errors as SendKit shows them: nested, with a code and, where there are any, details."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from service.api.answers import ERROR_CODE_HEADER, json_answer
from service.api.refusals import Refusal
from service.errors import InsufficientCredits, InvalidRequest, LeadExists, LeadfallError, NotFound


class CreditsMissing(LeadfallError):  # noqa: N818
    """The balance does not cover the request; carries what SendKit's page shows of it."""

    code = InsufficientCredits.code
    status = InsufficientCredits.status

    def __init__(
        self, error: InsufficientCredits, *, lead_count: int, requested: list[str]
    ) -> None:
        super().__init__("Insufficient credits")
        self.details = {
            "required": error.required,
            "available": error.available,
            "leads": lead_count,
            "enrichmentTypes": requested,
        }


def sendkit_error(error: LeadfallError) -> web.Response:
    """Return the answer for an error."""
    shown: dict[str, Any] = {"code": error.code, "message": _sentence(error)}
    details = _details(error)
    if details:
        shown["details"] = details
    return json_answer(
        {"success": False, "error": shown},
        status=error.status,
        headers={ERROR_CODE_HEADER: error.code},
    )


def flat_error(error: LeadfallError) -> web.Response:
    """Return the answer for an error where SendKit's page shows errors flat."""
    shown = {
        "error": HTTPStatus(error.status).phrase,
        "message": _sentence(error),
        "code": error.status,
    }
    return json_answer(shown, status=error.status, headers={ERROR_CODE_HEADER: error.code})


def _sentence(error: LeadfallError) -> str:
    if isinstance(error, Refusal) and error.advice:
        return f"{error.message}. {error.advice}"
    return error.message


def _details(error: LeadfallError) -> dict[str, Any]:
    match error:
        case CreditsMissing() | NotFound() | LeadExists():
            return error.details
        case InvalidRequest() if error.fields:
            return {"fields": error.fields}
        case _:
            return {}

"""`POST /v1/leads/erase`: takes people out of everything that is kept; amounts stay."""

import re
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import ConfigDict, Field

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.request_body import read_object
from service.api.sendkit.access import authenticate
from service.api.sendkit.lead_bodies import ObjectId
from service.api.validation import Body, validate
from service.domain.email_address import read_email_address
from service.flows.erase_people import erase_people
from service.flows.suppress_people import SuppressionList

PEOPLE_MAX: Final = 100
EMAIL_CHARACTERS_MAX: Final = 254

_OBJECT_ID: Final = re.compile(r"[0-9A-Fa-f]{24}")


def _named(field: str) -> dict[str, Any]:
    return {"required": [field], "properties": {field: {"minItems": 1}}}


class EraseBody(Body):
    """Whom to erase: leads by their ids, people by their addresses, or both."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_named("leadIds"), _named("emails")]})

    lead_ids: Annotated[
        list[ObjectId], Field(alias="leadIds", max_length=PEOPLE_MAX, default_factory=list)
    ]
    emails: Annotated[
        list[
            Annotated[
                str, Field(max_length=EMAIL_CHARACTERS_MAX, json_schema_extra={"format": "email"})
            ]
        ],
        Field(max_length=PEOPLE_MAX, default_factory=list),
    ]


async def erase_leads(request: web.Request) -> web.Response:
    """Erase and answer with what was removed; whom nobody knows is no error, and is suppressed."""
    caller = await authenticate(request)
    context = context_of(request)
    body = await read_object(request, _read)
    erased = await erase_people(
        context.pool,
        caller.workspace_id,
        SuppressionList(context.box),
        context.publication,
        public_ids=[each.lower() for each in body.lead_ids],
        emails=body.emails,
    )
    data = {
        "leads": erased.leads,
        "lookups": erased.lookups,
        "creditsRefunded": erased.refunded,
        "events": erased.events,
        "deliveries": erased.deliveries,
        "cachedAnswers": erased.answers,
        "hasMore": erased.more,
    }
    return json_answer({"success": True, "data": data})


def _read(raw: dict[str, Any]) -> EraseBody:
    return validate(EraseBody, raw, further=lambda body: _problems(raw, body))


def _problems(raw: dict[str, Any], body: EraseBody) -> dict[str, str]:
    problems = {
        f"leadIds.{place}": f"leadIds.{place} must be a lead's id: 24 hex digits"
        for place, each in enumerate(body.lead_ids)
        if not _OBJECT_ID.fullmatch(each)
    } | {
        f"emails.{place}": f"emails.{place} must be an e-mail address"
        for place, each in enumerate(body.emails)
        if read_email_address(each) is None
    }
    # What cannot be read names somebody as well; only its form is told.
    if not any(raw.get(name) for name in ("leadIds", "lead_ids", "emails")):
        problems["leadIds"] = "leadIds or emails must name somebody"
    return problems

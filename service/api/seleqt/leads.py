"""`GET …/lead-lists/{id}/leads/`: a page of what is in a list."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from service.api.answers import json_answer
from service.api.caller import context_of
from service.api.query import read_integer, require_known
from service.api.seleqt.access import authenticate, list_id_of
from service.domain.face_answers import iso
from service.flows.select_leads import require_list
from service.store.lists import count_list_leads, read_list_leads

LOADING: Final = "Loading..."
PAGE_SIZE: Final = 25


async def list_leads(request: web.Request) -> web.Response:
    """Answer with one page; a page size above the bound is lowered to it and told."""
    caller = await authenticate(request)
    context = context_of(request)
    list_id = list_id_of(request)
    require_known(request, {"page", "page_size"})
    page = read_integer(request, "page", 1)
    page_size = min(
        read_integer(request, "page_size", PAGE_SIZE), context.settings.limits.page_size_max
    )
    async with context.pool.acquire() as connection:
        lead_list = await require_list(connection, caller.workspace_id, list_id)
        total = await count_list_leads(connection, list_id)
        rows = await read_list_leads(
            connection, list_id, limit=page_size, offset=(page - 1) * page_size
        )
    people = lead_list.search_type == "PEOPLE"
    show = _prospect if people else _company
    return json_answer(
        {
            "prospects" if people else "companies": [show(row) for row in rows],
            "total_count": total,
            "page": page,
            "page_size": page_size,
            "total_pages": -(-total // page_size),
        }
    )


def _prospect(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "email": LOADING if row["email_loading"] else row["email"],
        "email_status": row["email_verdict"],
        "phone_number": LOADING if row["phone_loading"] else row["phone_e164"] or row["phone"],
        "linkedin_profile_url": row["linkedin_url"],
        "job_title": row["job_title"],
        "seniority": row["seniority"],
        "department": row["department"],
        "headline": row["headline"],
        "industry": row["industry"],
        "location": row["location"],
        "city": row["city"],
        "state": row["state"],
        "country": row["country"],
        "company": {
            "name": row["company_name"],
            "website_url": row["company_domain"],
            "amount_of_employees": row["company_size"],
        },
        "custom_fields": row["custom_fields"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def _company(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["company_name"],
        "website_url": row["company_domain"],
        "linkedin_url": row["linkedin_url"],
        "industry": row["industry"],
        "amount_of_employees": row["company_size"],
        "location": row["location"],
        "custom_fields": row["custom_fields"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }

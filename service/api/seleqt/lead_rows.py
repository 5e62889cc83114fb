"""How the Seleqt face shows leads: people under `prospects`, companies under `companies`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from service.domain.face_answers import iso
from service.store.lists import SearchType

LOADING: Final = "Loading..."


def show_leads(rows: Sequence[Mapping[str, Any]], search_type: SearchType) -> dict[str, Any]:
    """Return the rows under the name that their sort has in answers."""
    if search_type == "PEOPLE":
        return {"prospects": [_prospect(row) for row in rows]}
    return {"companies": [_company(row) for row in rows]}


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

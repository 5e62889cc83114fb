"""A lead as it is kept, and how SendKit's lead object shows it."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from service.domain.face_answers import iso
from service.domain.job import Row


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead with everything that either face shows of it and a caller may change.

    Attributes:
        phone_e164: None when the phone is absent or does not parse.
        email_verified_at: when the verdict was given; None while there is none.
    """

    id: int
    public_id: str
    email: str | None = field(repr=False)
    first_name: str | None = field(repr=False)
    last_name: str | None = field(repr=False)
    company_name: str | None = field(repr=False)
    job_title: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    phone_e164: str | None = field(repr=False)
    linkedin_url: str | None = field(repr=False)
    city: str | None = field(repr=False)
    state: str | None = field(repr=False)
    country: str | None = field(repr=False)
    tags: list[str] = field(repr=False)
    custom_fields: dict[str, Any] = field(repr=False)
    email_verdict: str | None
    email_verified_at: datetime | None
    gateway_slug: str | None
    gateway_name: str | None
    esp_slug: str | None
    esp_name: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def read(cls, row: Row) -> "Lead":
        """Read a row that has at least these columns."""
        return cls(**{name: row[name] for name in LEAD_COLUMNS})


LEAD_COLUMNS: Final = tuple(each.name for each in fields(Lead))


def sendkit_lead(lead: Lead, workspace_public_id: str) -> dict[str, Any]:
    """Return SendKit's lead object.

    `userId` is always null: a lead belongs to its workspace here. `prospectId` is the id under
    which the Seleqt face knows the same lead.
    """
    return {
        "_id": lead.public_id,
        "prospectId": lead.id,
        "userId": None,
        "workspaceId": workspace_public_id,
        "email": lead.email,
        "firstName": lead.first_name,
        "lastName": lead.last_name,
        "companyName": lead.company_name,
        "jobTitle": lead.job_title,
        "phoneNumber": lead.phone_e164 or lead.phone,
        "linkedinUrl": lead.linkedin_url,
        "city": lead.city,
        "state": lead.state,
        "country": lead.country,
        "tags": lead.tags,
        "customFields": lead.custom_fields,
        "emailVerified": lead.email_verified_at is not None,
        "emailVerificationResult": lead.email_verdict,
        "segProtected": lead.gateway_slug is not None,
        "segProvider": lead.gateway_slug,
        "segProviderName": lead.gateway_name,
        "espProvider": lead.esp_slug,
        "espProviderName": lead.esp_name,
        "createdAt": iso(lead.created_at),
        "updatedAt": iso(lead.updated_at),
    }

"""Leads as the SendKit face shows them, and what becomes of many."""

from typing import Annotated, Any

from pydantic import Field

from service.api.openapi.sendkit.results import Email, Name, Slug, Verdict
from service.api.openapi.values import CamelAnswer, Count, Credits, Moment, ObjectId, Text

_Text = Annotated[str | None, Field(examples=[None])]


class Lead(CamelAnswer):
    """A lead."""

    id: Annotated[ObjectId, Field(alias="_id")]
    prospect_id: Annotated[int, Field(ge=1, examples=[1])]
    """The id under which the Seleqt face knows the same lead."""
    user_id: None
    workspace_id: ObjectId
    email: Email
    first_name: Text
    last_name: Annotated[str | None, Field(examples=["Lovelace"])]
    company_name: Annotated[str | None, Field(examples=["Analytical Engines"])]
    job_title: Annotated[str | None, Field(examples=["Chief Analyst"])]
    phone_number: Annotated[str | None, Field(examples=["+14155550100"])]
    linkedin_url: _Text
    city: _Text
    state: _Text
    country: _Text
    tags: Annotated[list[str], Field(examples=[["spring"]])]
    custom_fields: Annotated[dict[str, Any], Field(examples=[{"segment": "a"}])]
    email_verified: bool
    email_verification_result: Verdict
    seg_protected: bool
    seg_provider: Slug
    seg_provider_name: Name
    esp_provider: Annotated[str | None, Field(examples=["google"])]
    esp_provider_name: Annotated[str | None, Field(examples=["Gmail"])]
    created_at: Moment
    updated_at: Moment


class Deleted(CamelAnswer):
    """How many leads were deleted; `hasMore` says that the filters find yet more."""

    deleted: Count
    has_more: Annotated[bool, Field(examples=[False])]


class Erased(CamelAnswer):
    """What was removed; `hasMore`: some may be left, so erase again.

    They share addresses in a longer chain, or were written by an import that had begun before.
    """

    leads: Count
    lookups: Count
    credits_refunded: Credits
    events: Count
    deliveries: Count
    cached_answers: Count
    has_more: Annotated[bool, Field(examples=[False])]


class BadRow(CamelAnswer):
    """A row that did not go in, by its place from 0, and why."""

    index: Annotated[int, Field(ge=0, examples=[3])]
    email: Email
    error: Annotated[str, Field(examples=["email is required and must be an e-mail address"])]


class BadLine(CamelAnswer):
    """A row of a file that did not go in, by its line from 1, and why."""

    line: Annotated[int, Field(ge=1, examples=[3])]
    email: Email
    error: Annotated[str, Field(examples=["email is required and must be an e-mail address"])]


class _Imported(CamelAnswer):
    imported: Count
    updated: Annotated[int, Field(ge=0, examples=[0])]
    skipped: Annotated[int, Field(ge=0, examples=[0])]
    failed: Annotated[int, Field(ge=0, examples=[1])]
    imported_lead_ids: list[ObjectId]
    errors_truncated: Annotated[bool, Field(examples=[False])]


class RowsImported(_Imported):
    """What became of the rows."""

    errors: list[BadRow]


class CsvImported(_Imported):
    """What became of the file's rows."""

    errors: list[BadLine]

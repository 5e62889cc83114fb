"""Leads, lists and results as the Seleqt face shows them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.openapi.values import Answer, Count, Cursor, Moment, Text, may_lack

Id = Annotated[int, Field(ge=1, examples=[1])]
SearchType = Literal["PEOPLE", "COMPANY"]
Given = Annotated[dict[str, Any], Field(examples=[{}])]


class Company(Answer):
    """Where a prospect works."""

    name: Annotated[str | None, Field(examples=["Analytical Engines"])]
    website_url: Annotated[str | None, Field(examples=["engines.example"])]
    amount_of_employees: Annotated[str | None, Field(examples=["11-50"])]


class Prospect(Answer):
    """A person in a list; a value that is being looked up reads `Loading...`."""

    id: Id
    first_name: Text
    last_name: Annotated[str | None, Field(examples=["Lovelace"])]
    email: Annotated[str | None, Field(examples=["ada@engines.example"])]
    email_status: Annotated[
        Literal["deliverable", "undeliverable", "risky", "unknown"] | None,
        Field(examples=["deliverable"]),
    ]
    phone_number: Annotated[str | None, Field(examples=["Loading..."])]
    linkedin_profile_url: Annotated[str | None, Field(examples=[None])]
    job_title: Annotated[str | None, Field(examples=["Chief Analyst"])]
    seniority: Annotated[str | None, Field(examples=[None])]
    department: Annotated[str | None, Field(examples=[None])]
    headline: Annotated[str | None, Field(examples=[None])]
    industry: Annotated[str | None, Field(examples=[None])]
    location: Annotated[str | None, Field(examples=["London"])]
    city: Annotated[str | None, Field(examples=[None])]
    state: Annotated[str | None, Field(examples=[None])]
    country: Annotated[str | None, Field(examples=[None])]
    company: Company
    custom_fields: Given
    created_at: Moment
    updated_at: Moment


class ListedCompany(Answer):
    """A company in a list of companies."""

    id: Id
    name: Annotated[str | None, Field(examples=["Analytical Engines"])]
    website_url: Annotated[str | None, Field(examples=["engines.example"])]
    linkedin_url: Annotated[str | None, Field(examples=[None])]
    industry: Annotated[str | None, Field(examples=[None])]
    amount_of_employees: Annotated[str | None, Field(examples=["11-50"])]
    location: Annotated[str | None, Field(examples=["London"])]
    custom_fields: Given
    created_at: Moment
    updated_at: Moment


class LeadList(Answer):
    """A list."""

    id: Id
    name: Annotated[str, Field(examples=["Spring"])]
    search_type: SearchType
    created_at: Moment


class FoundEmail(Answer):
    """What a search for an address gave."""

    email: Annotated[str | None, Field(examples=["ada@engines.example"])]


class FoundPhone(Answer):
    """What a search for a number gave, under both names that clients read."""

    phone: Annotated[str | None, Field(examples=["+14155550100"])]
    phone_number: Annotated[str | None, Field(examples=["+14155550100"])]


class SeleqtResult(Answer):
    """What became of one lead."""

    id: Id
    first_name: Text
    last_name: Annotated[str | None, Field(examples=["Lovelace"])]
    success: bool
    data: FoundEmail | FoundPhone
    message: str = may_lack("Why there is no value; found rows have none.")


class Paged(Answer):
    """A page, and its place in the whole."""

    total_count: Count
    """Exact to 10,000; above it stays there."""
    total_is_capped: Annotated[bool, Field(examples=[False])]
    page: Annotated[int, Field(ge=1, examples=[1])]
    page_size: Annotated[int, Field(ge=1, examples=[25])]
    total_pages: Annotated[int, Field(ge=0, examples=[1])]
    next_cursor: Cursor

"""Leads, one at a time or many."""

from typing import Any, Final

from service.api.openapi.operation import Access, Operation, Operations, Sent, json_body
from service.api.openapi.parameters import LEAD_ID, LIMIT, PAGE, cursor, in_list, in_query, several
from service.api.openapi.prose import IMPORTS, LEADS
from service.api.openapi.sendkit.lead_rows import (
    CsvImported,
    Deleted,
    Erased,
    Lead,
    RowsImported,
)
from service.api.openapi.sendkit.pages import PagePlace
from service.api.openapi.values import paged, wrapped
from service.api.sendkit.erasure import EraseBody
from service.api.sendkit.lead_bodies import ChangeBody, LeadBody
from service.api.sendkit.lead_filters import (
    EMAIL_STATUSES,
    FILTER_CHARACTERS_MAX,
    FILTER_TAGS_MAX,
    STATUSES_MAX,
    LeadDeletionBody,
    LeadSearchBody,
)
from service.api.sendkit.lead_import import BulkBody
from service.domain.lead_change import TAG_CHARACTERS_MAX
from service.errors import (
    FilterTooBroad,
    LeadExists,
    NotFound,
    PersonSuppressed,
    SuppressionsUnreadable,
    TooBusy,
)

_LEADS: Final = "/v1/leads"
_ONE: Final = f"{_LEADS}/{{lead_id}}"
_ADA: Final = {
    "email": "ada@engines.example",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "companyName": "Analytical Engines",
    "tags": ["spring"],
}
_PAGE: Final = paged(Lead, PagePlace, "A page of leads, newest first.")
# What an HTML form sends of a field that was left empty is the default.
_SWITCH: Final = {"type": "string", "enum": ["true", "false", ""]}
_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "file": {
            "type": "string",
            "contentMediaType": "text/csv",
            "format": "lead-csv",
            "description": "Up to 50 MiB and 50,000 rows, with a line of headings.",
        },
        "mapping": {
            "type": "string",
            "format": "csv-mapping",
            "description": "A JSON object from column to field, where headings do not say it.",
        },
        "skipDuplicates": {**_SWITCH, "default": "true"},
        "dataCleanup": {**_SWITCH, "default": "true"},
        "tag": {"type": "string", "maxLength": TAG_CHARACTERS_MAX},
    },
    "required": ["file"],
    "additionalProperties": False,
}
_FILE: Final = {"file": "email,firstName\nada@engines.example,Ada\n", "tag": "spring"}


def _flag(name: str, said: str) -> Any:
    return in_query(name, said, type="boolean")


_FILTERS: Final = (
    in_query(
        "search",
        "Up to ten words, all of which must be found.",
        maxLength=FILTER_CHARACTERS_MAX,
        format="search-words",
    ),
    in_list(
        "tags",
        "Only leads with any of these tags.",
        {"maxLength": TAG_CHARACTERS_MAX},
        maxItems=FILTER_TAGS_MAX,
    ),
    several(
        "emailStatus",
        "Only leads with one of these verdicts.",
        EMAIL_STATUSES,
        maxItems=STATUSES_MAX,
    ),
    in_query("emailType", "Only such addresses.", enum=["all", "personal", "business"]),
    _flag("emailVerified", "Only leads with a verdict, or without."),
    _flag("hasCompany", "Only leads with a company, or without."),
    _flag("hasPhone", "Only leads with a phone number, or without."),
    _flag("segProtected", "Only leads behind a mail gateway, or not."),
)

OPERATIONS: Final[Operations] = {
    ("GET", _LEADS): Operation(
        "listLeads",
        "List leads",
        LEADS,
        Access.WORKSPACE,
        _PAGE,
        parameters=(cursor("place"), PAGE, LIMIT, *_FILTERS),
        errors=(FilterTooBroad,),
    ),
    ("POST", _LEADS): Operation(
        "createLead",
        "Create a lead",
        LEADS,
        Access.WORKSPACE,
        wrapped(Lead),
        body=json_body(LeadBody, example=_ADA),
        errors=(LeadExists, PersonSuppressed, SuppressionsUnreadable),
        links={
            "show": ("showLead", "lead_id", "/data/_id"),
            "change": ("changeLead", "lead_id", "/data/_id"),
        },
    ),
    ("DELETE", _LEADS): Operation(
        "deleteLeads",
        "Delete leads",
        LEADS,
        Access.WORKSPACE,
        wrapped(Deleted),
        description="By ids, or with `deleteAll` everything that the filters find.",
        body=json_body(LeadDeletionBody, example={"leadIds": ["65f0c1d2e3a4b5c6d7e8f901"]}),
        errors=(FilterTooBroad,),
    ),
    ("POST", f"{_LEADS}/search"): Operation(
        "searchLeads",
        "Search leads",
        LEADS,
        Access.WORKSPACE,
        _PAGE,
        body=json_body(LeadSearchBody, required=False, example={"filters": {"search": "Ada"}}),
        errors=(FilterTooBroad,),
    ),
    ("POST", f"{_LEADS}/bulk"): Operation(
        "createLeads",
        "Create up to 5,000 leads",
        IMPORTS,
        Access.WORKSPACE,
        wrapped(RowsImported),
        description="The good rows go in, the bad ones are told. Fields that no lead has become "
        "custom fields.",
        body=json_body(BulkBody, example={"leads": [_ADA]}),
        errors=(SuppressionsUnreadable,),
    ),
    ("POST", f"{_LEADS}/import/csv"): Operation(
        "importLeads",
        "Import a CSV file of up to 50,000 leads",
        IMPORTS,
        Access.WORKSPACE,
        wrapped(CsvImported),
        description="Where the line of headings has no comma, tabs or semicolons may part its "
        "fields.",
        body=Sent({"multipart/form-data": _FORM}, examples={"multipart/form-data": _FILE}),
        errors=(SuppressionsUnreadable, TooBusy),
    ),
    ("POST", f"{_LEADS}/erase"): Operation(
        "erasePeople",
        "Erase people",
        LEADS,
        Access.WORKSPACE,
        wrapped(Erased),
        description="Takes people out of everything that is kept, and puts them on the "
        "suppression list; amounts stay. Leads and lookups that share an address, a profile, or "
        "name and company with them go too, also of leads that were deleted before. A namesake "
        "whose profile or given address shows him to be another stays, but is suppressed by name "
        "and company as well. An address that leads of several names have names none of them, "
        "unless it is asked for itself: then all of them go. An extension.",
        body=json_body(EraseBody, example={"emails": ["ada@engines.example"]}),
        errors=(SuppressionsUnreadable,),
    ),
    ("GET", _ONE): Operation(
        "showLead",
        "Show a lead",
        LEADS,
        Access.WORKSPACE,
        wrapped(Lead),
        parameters=(LEAD_ID,),
        errors=(NotFound,),
    ),
    ("PATCH", _ONE): Operation(
        "changeLead",
        "Change a lead",
        LEADS,
        Access.WORKSPACE,
        wrapped(Lead),
        description="What is left out stays; null clears. The address cannot be changed.",
        parameters=(LEAD_ID,),
        body=json_body(ChangeBody, example={"jobTitle": "Chief Analyst"}),
        errors=(NotFound,),
    ),
}

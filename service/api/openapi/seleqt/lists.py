"""Lists and the leads in them."""

from typing import Annotated, Final, Literal

from pydantic import Field, RootModel

from service.api.openapi.operation import Access, Operation, Operations, json_body
from service.api.openapi.parameters import LIST_ID, PAGE, PAGE_SIZE, cursor
from service.api.openapi.prose import SELEQT
from service.api.openapi.seleqt.filters import FILTERS, SORTING
from service.api.openapi.seleqt.rows import LeadList, ListedCompany, Paged, Prospect
from service.api.openapi.values import Answer, Count, Moment
from service.api.seleqt.list_bodies import AddLeadsBody, ListBody
from service.errors import FilterTooBroad, NotFound

LISTS: Final = "/api/v1/public/lead-lists/"
ONE: Final = f"{LISTS}{{list_id}}/"


class LeadLists(Paged):
    """A page of the workspace's lists, newest first."""

    lead_lists: list[LeadList]


class NewList(LeadList):
    """A list that was made."""

    lead_count: Annotated[int, Field(examples=[0])]


class CountedList(LeadList):
    """A list, and how many leads are in it."""

    lead_count: Count
    lead_count_is_capped: Annotated[bool, Field(examples=[False])]


class OneNewList(Answer):
    """The new list; where the name was taken, it has got a number."""

    lead_list: NewList


class OneList(Answer):
    """The list."""

    lead_list: CountedList


class ProspectPage(Paged):
    """A page of people."""

    prospects: list[Prospect]


class CompanyPage(Paged):
    """A page of companies."""

    companies: list[ListedCompany]


class LeadPage(RootModel[ProspectPage | CompanyPage]):
    """A page of what a list holds, or of what was searched for: people or companies."""


class Added(Answer):
    """How many leads the list has got."""

    success: Literal[True]
    added_count: Count
    already_in_list_count: Annotated[int, Field(examples=[0])]


class Key(Answer):
    """A live key of the Seleqt face, by its beginning."""

    id: Annotated[int, Field(examples=[1])]
    name: Annotated[str, Field(examples=["production"])]
    prefix: Annotated[str, Field(examples=["slq_live_ab"])]
    is_current: bool
    created_at: Moment


class Keys(Answer):
    """The workspace's keys of this face."""

    api_keys: list[Key]


_LIST_ID: Final = ("list_id", "/lead_list/id")
_NEXT: Final = {
    "show": ("showLeadList", *_LIST_ID),
    "leads": ("listProspects", *_LIST_ID),
    "add": ("addLeads", *_LIST_ID),
    "enrich": ("startEnrichment", *_LIST_ID),
    "count": ("countEnrichable", *_LIST_ID),
}

OPERATIONS: Final[Operations] = {
    ("GET", "/api/v1/api-keys/"): Operation(
        "listSeleqtKeys", "List your keys", SELEQT, Access.SELEQT, Keys
    ),
    ("GET", LISTS): Operation(
        "listLeadLists",
        "List lead lists",
        SELEQT,
        Access.SELEQT,
        LeadLists,
        parameters=(cursor(), PAGE, PAGE_SIZE),
    ),
    ("POST", LISTS): Operation(
        "createLeadList",
        "Create a lead list",
        SELEQT,
        Access.SELEQT,
        OneNewList,
        body=json_body(ListBody, example={"name": "Spring", "search_type": "PEOPLE"}),
        links=_NEXT,
    ),
    ("GET", ONE): Operation(
        "showLeadList",
        "Show a lead list",
        SELEQT,
        Access.SELEQT,
        OneList,
        parameters=(LIST_ID,),
        errors=(NotFound,),
    ),
    ("GET", f"{ONE}leads/"): Operation(
        "listProspects",
        "List the leads of a list",
        SELEQT,
        Access.SELEQT,
        LeadPage,
        parameters=(LIST_ID, cursor("lead"), PAGE, PAGE_SIZE, FILTERS, *SORTING),
        errors=(NotFound, FilterTooBroad),
    ),
    ("POST", f"{ONE}add-leads/"): Operation(
        "addLeads",
        "Put leads into a list",
        SELEQT,
        Access.SELEQT,
        Added,
        description="Ids are an array, or a text with commas between them.",
        parameters=(LIST_ID,),
        body=json_body(AddLeadsBody, example={"prospect_ids": [1, 2]}),
        errors=(NotFound,),
    ),
}

"""One grammar of filters and one order, for enrichment, count, pages and search alike."""

import json
from collections.abc import Mapping
from typing import Any, get_args

import pytest

from service.domain.kinds import Face
from service.store.lead_selection import SortField
from tests.api.conftest import OpenStage
from tests.api.stage import Stage
from tests.api.test_seleqt_lists import post

CAST = [
    {"first_name": "Ada", "job_title": "CTO", "seniority": "CXO", "company_name": "Zeta",
     "company_size": "51-200", "industry": "Software", "city": "Berlin", "country": "Germany"},
    {"first_name": "Bo", "job_title": "Sales Lead", "seniority": "Senior", "department": "Sales",
     "company_name": "Alpha", "company_size": "1-10", "location": "Paris, France"},
    {"first_name": "Cy", "job_title": "Engineer", "seniority": "senior", "company_name": "Mid_Co",
     "company_size": "51-200", "industry": "Banking", "city": "Berlin"},
    {"first_name": "Di"},
]  # fmt: skip

FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Ada", "Bo", "Cy", "Di"]),
    ({"job_title": ""}, ["Ada", "Bo", "Cy", "Di"]),
    ({"job_title": "cto"}, ["Ada"]),
    ({"current_title": {"must": ["LEAD", "engin"]}}, ["Bo", "Cy"]),
    ({"job_title": {"doesnt": ["CTO"]}}, ["Bo", "Cy", "Di"]),
    ({"job_title": {"must": "e", "doesnt": "engineer"}}, ["Bo"]),
    ({"seniority": "SENIOR"}, ["Bo", "Cy"]),
    ({"seniority": ["cxo", "none"]}, ["Ada"]),
    ({"seniority": {"doesnt": "Senior"}}, ["Ada", "Di"]),
    ({"seniority": "sen"}, []),
    ({"company_size": "51-200", "seniority": "senior"}, ["Cy"]),
    ({"company_name": "_"}, ["Cy"]),
    ({"industry": "soft"}, ["Ada"]),
    ({"prospect_location": "berlin"}, ["Ada", "Cy"]),
    ({"location": "Berlin, Germany"}, ["Ada"]),
    ({"location": {"doesnt": ["berlin", "paris"]}}, ["Di"]),
    ({"keywords": "alpha"}, ["Bo"]),
    ({"department": "sales"}, ["Bo"]),
]

SLOW = """
create view leads as
  select id, public_id, workspace_id, first_name, last_name, company_name, company_domain,
         company_size, industry || pg_sleep(3)::text as industry, job_title, seniority, department,
         headline, location, city, state, country, linkedin_url, email, email_parses,
         email_source, email_verdict, phone, phone_e164, custom_fields, created_at, updated_at,
         is_company, search_text
  from slow_leads;
"""


def names_of(rows: list[dict[str, Any]]) -> list[str]:
    """Return the first names of rows, in their order."""
    return [row["first_name"] for row in rows]


@pytest.mark.parametrize(("filters", "names"), FILTERS)
async def test_all_four_mean_the_same_leads(
    stage: Stage, filters: dict[str, Any], names: list[str]
) -> None:
    """Page, count, search and enrichment find the same people by the same filter."""
    await stage.add_leads(CAST)

    page = await stage.get_seleqt("leads/", filters=json.dumps(filters))
    count = await stage.get_seleqt("enrichment/count/", filters=json.dumps(filters))
    _, search = await post(stage, "prospects/search/", {"filters": filters})
    _, started = await stage.seleqt({"filters": filters})
    results = await stage.get_seleqt(f"enrichment/{started['job_id']}/results/")

    assert names_of(page["prospects"]) == names
    assert (page["total_count"], count["unenriched_count"]) == (len(names), len(names))
    assert names_of(search["prospects"]) == names
    assert names_of(results["results"]) == names


@pytest.mark.parametrize(
    ("sort_field", "asc", "desc"),
    [
        ("id", "Ada Bo Cy Di", "Di Cy Bo Ada"),
        ("first_name", "Ada Bo Cy Di", "Di Cy Bo Ada"),
        ("company_name", "Bo Cy Ada Di", "Ada Cy Bo Di"),
        ("industry", "Cy Ada Bo Di", "Ada Cy Di Bo"),
        ("company_size", "Bo Ada Cy Di", "Cy Ada Bo Di"),
        ("amount_of_employees", "Bo Ada Cy Di", "Cy Ada Bo Di"),
        ("name", "Bo Cy Ada Di", "Ada Cy Bo Di"),
        ("created_at", "Ada Bo Cy Di", "Di Cy Bo Ada"),
    ],
)
async def test_all_have_the_same_order(stage: Stage, sort_field: str, asc: str, desc: str) -> None:
    """Absent values come last in either direction; a limit takes the first of the order."""
    await stage.add_leads(CAST)
    down: dict[str, Any] = {"sort_field": sort_field, "sort_direction": "desc"}

    page_up = await stage.get_seleqt("leads/", sort_field=sort_field)
    page_down = await stage.get_seleqt("leads/", **down)
    _, search = await post(stage, "prospects/search/", down)
    _, started = await stage.seleqt({**down, "prospect_limit": 1})
    results = await stage.get_seleqt(f"enrichment/{started['job_id']}/results/")

    assert names_of(page_up["prospects"]) == asc.split()
    assert names_of(page_down["prospects"]) == desc.split()
    assert names_of(search["prospects"]) == desc.split()
    assert names_of(results["results"]) == desc.split()[:1]


async def test_sizes_sort_by_number(stage: Stage) -> None:
    """Companies of 51 come before those of 201, and those of unknown size last."""
    sizes = {"A": "201-500", "B": "many", "C": "51-200", "D": "1,001+", "E": "8"}
    await stage.add_leads([{"first_name": n, "company_size": size} for n, size in sizes.items()])

    page = await stage.get_seleqt("leads/", sort_field="amount_of_employees")

    assert names_of(page["prospects"]) == ["E", "C", "A", "D", "B"]


def sortable(row: Mapping[str, Any]) -> set[str]:
    """Return the fields of a row with one value, those of its company included."""
    objects = {"company", "custom_fields"}
    return (row.keys() | row.get("company", {}).keys()) - objects


@pytest.mark.parametrize("sort", ["people", "companies"])
async def test_every_field_of_a_page_sorts(stage: Stage, sort: str) -> None:
    """Each field that a row of a page shows can be sorted by, by its name there."""
    list_id = {"people": stage.tenant.people_list, "companies": stage.tenant.company_list}[sort]
    await stage.add_leads(CAST, list_id=list_id)
    page = await stage.get_seleqt("leads/", list_id=list_id)
    fields = sorted(sortable((page.get("prospects") or page["companies"])[0]))

    totals = [
        (await stage.get_seleqt("leads/", list_id=list_id, sort_field=each))["total_count"]
        for each in fields
    ]

    assert totals == [len(CAST)] * len(fields)
    assert set(fields) <= set(get_args(SortField))


async def test_unknown_filters_are_no_condition_where_the_operator_says_so(
    open_stage: OpenStage,
) -> None:
    """The setting is for callers who send what their screens have; others are told."""
    stage = await open_stage(unknown_filters="ignore")
    await stage.add_leads(CAST)
    filters = {"years_experience": {"min": 5}, "shoe_size": 44, "current_title": "engineer"}

    page = await stage.get_seleqt("leads/", filters=json.dumps(filters))
    _, search = await post(stage, "prospects/search/", {"filters": filters})
    _, started = await stage.seleqt({"filters": filters})

    assert page["total_count"] == search["total_count"] == started["enriched_count"]
    assert names_of(page["prospects"]) == names_of(search["prospects"])
    assert 0 < page["total_count"] < len(CAST)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"filters": '{"shoe_size": "44"}'}, "filters.shoe_size is not a known filter"),
        ({"filters": '{"years_experience": "5-10"}'}, "leads hold no such data here"),
        ({"filters": "x"}, "filters must be a JSON object"),
        ({"sort_field": "password"}, "sort_field must be id, first_name"),
        ({"sort_direction": "up"}, "sort_direction must be asc or desc"),
    ],
)
async def test_a_bad_filter_on_a_page(stage: Stage, query: dict[str, str], said: str) -> None:
    """Nothing is ignored: what is not known is named."""
    status, body = await stage.get(
        f"/api/v1/public/lead-lists/{stage.tenant.people_list}/leads/", Face.SELEQT, **query
    )

    assert status == 400
    assert said in body["error"]


async def test_a_search_that_takes_too_long_is_told_to_narrow_the_filter(stage: Stage) -> None:
    """What cannot be found in time is a 400 that says what to change, and nothing is charged."""
    await stage.add_leads(CAST)
    # A lead's text becomes slow to read: the time of a search is the database's to keep.
    await stage.fetch("alter table leads rename to slow_leads")
    await stage.fetch(SLOW)
    before = await stage.count_rows()
    filters = {"industry": "soft"}

    page = await stage.get(
        f"/api/v1/public/lead-lists/{stage.tenant.people_list}/leads/",
        Face.SELEQT,
        filters=json.dumps(filters),
    )
    started = await stage.seleqt({"filters": filters})

    assert (page[0], started[0]) == (400, 400)
    assert "narrow the filter" in page[1]["error"]
    assert "narrow the filter" in started[1]["error"]
    assert await stage.count_rows() == before


async def test_a_bounded_search_bounds_nothing_else(stage: Stage) -> None:
    """The connections that searches used keep their own time limit."""
    await stage.add_leads(CAST)
    await stage.seleqt({"filters": {"industry": "none"}})
    await stage.get_seleqt("leads/", filters='{"industry": "soft"}')

    limits = [row[0] for row in await stage.fetch("show statement_timeout")]

    assert limits == ["1min"]

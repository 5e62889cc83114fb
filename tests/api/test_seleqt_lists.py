"""Lists on the Seleqt face: made, listed, shown, filled; keys; search over one's own leads."""

import asyncio
import json
import re
from typing import Any

import pytest

from service.api.validation import NOT_BLANK
from service.domain.kinds import Face
from tests.api.conftest import OpenStage
from tests.api.stage import Stage, add_tenant, people

PUBLIC = "/api/v1/public"


async def post(stage: Stage, tail: str, body: Any = None, **sent: Any) -> tuple[int, Any]:
    """Post to a path of the face; return status and body of the answer."""
    headers = {"X-API-Key": stage.tenant.seleqt_key.text, **sent.pop("headers", {})}
    async with stage.client.post(f"{PUBLIC}/{tail}", json=body, headers=headers, **sent) as answer:
        return answer.status, await answer.json()


async def ids_of(stage: Stage, condition: str = "true") -> list[int]:
    """Return the ids of the leads that fit."""
    rows = await stage.fetch(f"select id from leads where {condition} order by id")
    return [row["id"] for row in rows]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_list_is_made_and_shown(stage: Stage, slash: str) -> None:
    """A list is for people unless said otherwise; its root key is `lead_list`."""
    status, made = await post(stage, f"lead-lists{slash}", {"name": " Berlin "})
    shown = await stage.get(f"{PUBLIC}/lead-lists/{made['lead_list']['id']}{slash}", Face.SELEQT)

    assert status == 200
    assert (made["lead_list"]["name"], made["lead_list"]["search_type"]) == ("Berlin", "PEOPLE")
    assert shown == (200, {"lead_list": {**made["lead_list"], "lead_count_is_capped": False}})


async def test_a_name_that_is_taken_gets_a_number(stage: Stage) -> None:
    """The first free number follows the name; a workspace's names concern nobody else."""
    other = await add_tenant(stage.pool, "Other", 0)
    names = ["Leads", "Leads", "Leads (2)", "Leads", "100%", "100%", "x" * 200, "x" * 200]

    made = [(await post(stage, "lead-lists/", {"name": name}))[1] for name in names]
    theirs = await stage.client.post(
        f"{PUBLIC}/lead-lists/",
        json={"name": "Leads"},
        headers={"X-API-Key": other.seleqt_key.text},
    )

    assert [each["lead_list"]["name"] for each in made] == [
        "Leads",
        "Leads (2)",
        "Leads (2) (2)",
        "Leads (3)",
        "100%",
        "100% (2)",
        "x" * 200,
        "x" * 185 + " (2)",
    ]
    assert (await theirs.json())["lead_list"]["name"] == "Leads"


@pytest.mark.parametrize("name", ["", " ", "\x1c\x1d\x1e\x1f", "\x85"])
async def test_a_blank_name_is_refused_as_is_published(stage: Stage, name: str) -> None:
    """Also one of blanks that not every dialect of patterns takes for such."""
    status, _ = await post(stage, "lead-lists/", {"name": name})

    assert status == 400
    assert re.search(NOT_BLANK, name, re.ASCII) is None


async def test_lists_made_at_once_have_names_of_their_own(stage: Stage) -> None:
    """Ten requests with one name make ten lists."""
    made = await asyncio.gather(*(post(stage, "lead-lists/", {"name": "Same"}) for _ in range(10)))

    assert {status for status, _ in made} == {200}
    assert len({body["lead_list"]["name"] for _, body in made}) == 10


async def test_lists_are_listed_newest_first(stage: Stage) -> None:
    """All lists come without asking for a page; pages are there as well."""
    _, everything = await stage.get(f"{PUBLIC}/lead-lists/", Face.SELEQT)
    _, second = await stage.get(f"{PUBLIC}/lead-lists", Face.SELEQT, page=2, page_size=1)

    assert [each["name"] for each in everything["lead_lists"]] == ["companies", "people"]
    assert [each["name"] for each in second["lead_lists"]] == ["people"]
    assert (everything["total_count"], second["total_pages"]) == (2, 2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "name is required"),
        ({"name": "  "}, "name must have 1 to 200 characters"),
        ({"name": "a", "search_type": "PETS"}, "search_type must be PEOPLE or COMPANY"),
        ({"name": "a", "kind": "b"}, "kind is not a known field"),
    ],
)
async def test_a_bad_list(stage: Stage, body: Any, said: str) -> None:
    """What is wrong is said in the face's flat shape."""
    status, answer = await post(stage, "lead-lists/", body)

    assert status == 400
    assert said in answer["error"]


@pytest.mark.parametrize("shape", ["numbers", "texts", "commas", "node"])
async def test_ids_come_in_every_shape_that_clients_send(stage: Stage, shape: str) -> None:
    """Arrays of numbers or texts, or a text with commas beside an empty key, all add the leads."""
    await stage.add_leads(people(3))
    ids = await ids_of(stage)
    texts = [str(each) for each in ids]
    bodies: dict[str, Any] = {
        "numbers": {"prospect_ids": ids},
        "texts": {"prospect_ids": texts},
        "commas": {"prospect_ids": ", ".join(texts)},
        "node": {"prospect_ids": ",".join(texts), "company_ids": ""},
    }
    _, made = await post(stage, "lead-lists/", {"name": "new"})
    tail = f"lead-lists/{made['lead_list']['id']}/add-leads/"

    first = await post(stage, tail, bodies[shape])
    again = await post(stage, tail, {"prospect_ids": [ids[0], ids[0]]})

    assert first == (200, {"success": True, "added_count": 3, "already_in_list_count": 0})
    assert again == (200, {"success": True, "added_count": 0, "already_in_list_count": 1})


async def test_companies_go_into_company_lists(stage: Stage) -> None:
    """Each sort of list takes its own sort of ids."""
    await stage.add_leads([{"company_name": "Acme"}], list_id=stage.tenant.company_list)
    await stage.add_leads(people(1))
    (company,) = await ids_of(stage, "is_company")
    (person,) = await ids_of(stage, "not is_company")
    _, made = await post(stage, "lead-lists/", {"name": "new", "search_type": "COMPANY"})
    tail = f"lead-lists/{made['lead_list']['id']}/add-leads/"

    added = await post(stage, tail, {"company_ids": f"{company}", "prospect_ids": ""})
    wrong_key = await post(stage, tail, {"prospect_ids": [company]})
    wrong_sort = await post(stage, tail, {"company_ids": [person]})

    assert added[1]["added_count"] == 1
    assert wrong_key[0] == 400
    assert "prospect_ids cannot be used" in wrong_key[1]["error"]
    assert wrong_sort[0] == 404


async def test_unknown_and_foreign_ids_are_named_and_nothing_is_added(stage: Stage) -> None:
    """Ids of another workspace are as unknown as those that do not exist."""
    await stage.add_leads(people(1))
    (mine,) = await ids_of(stage)
    other = await add_tenant(stage.pool, "Other", 0)
    rows = await stage.fetch("insert into leads (workspace_id) values ($1) returning id", other.id)
    _, made = await post(stage, "lead-lists/", {"name": "new"})
    list_id = made["lead_list"]["id"]

    status, body = await post(
        stage,
        f"lead-lists/{list_id}/add-leads/",
        {"prospect_ids": [mine, rows[0]["id"], 999_999]},
    )

    assert status == 404
    assert f"{rows[0]['id']}, 999999" in body["error"]
    assert (await stage.get_seleqt("leads/", list_id=list_id))["prospects"] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "prospect_ids must name at least one id"),
        ({"prospect_ids": "", "company_ids": ""}, "prospect_ids must name at least one id"),
        ({"prospect_ids": "1,x"}, "prospect_ids must be an array of ids"),
        ({"prospect_ids": [True]}, "prospect_ids must be an array of ids"),
        ({"prospect_ids": [1.5]}, "prospect_ids must be an array of ids"),
        ({"prospect_ids": [[1]]}, "prospect_ids must be an array of ids"),
        ({"prospect_ids": [10**19]}, "prospect_ids must be an array of ids"),
        ({"prospect_ids": {"a": 1}}, "prospect_ids must be an array of ids"),
        ({"prospect_ids": list(range(1, 10_002))}, "at most 10000 ids"),
        ({"lead_ids": [1]}, "lead_ids is not a known field"),
    ],
)
async def test_bad_ids(stage: Stage, body: Any, said: str) -> None:
    """What cannot be ids is refused with a sentence."""
    status, answer = await post(stage, f"lead-lists/{stage.tenant.people_list}/add-leads/", body)

    assert status == 400
    assert said in answer["error"]


async def test_a_key_can_be_tried_out(stage: Stage) -> None:
    """The caller's live keys of this face are listed by prefix; no secret is shown."""
    key = stage.tenant.seleqt_key

    status, body = await stage.get("/api/v1/api-keys/", Face.SELEQT)
    async with stage.client.get("/api/v1/api-keys", headers={"X-API-Key": "no.key"}) as refused:
        assert refused.status == 401

    assert status == 200
    assert [(each["prefix"], each["is_current"]) for each in body["api_keys"]] == [(key.hint, True)]
    assert key.text.partition(".")[2] not in json.dumps(body)


async def test_search_goes_over_the_workspace_s_own_leads(stage: Stage) -> None:
    """People are found whatever lists they are in, companies apart, neighbours never."""
    other = await add_tenant(stage.pool, "Other", 0)
    await stage.add_leads([*people(3), {"first_name": "Ada", "job_title": "CTO"}])
    await stage.add_leads([{"company_name": "Acme"}], list_id=stage.tenant.company_list)
    await stage.fetch("insert into leads (workspace_id, job_title) values ($1, 'CTO')", other.id)

    _, page = await post(stage, "prospects/search/", {"page": 2, "page_size": 3})
    _, found = await post(stage, "prospects/search", {"filters": {"job_title": "cto"}})
    _, companies = await post(stage, "prospects/search/", {"search_type": "COMPANY"})
    _, bounded = await post(stage, "prospects/search/", {"page_size": 1_000})

    assert [each["first_name"] for each in page.pop("prospects")] == ["Ada"]
    assert page == {
        "total_count": 4,
        "total_is_capped": False,
        "page": 2,
        "page_size": 3,
        "total_pages": 2,
        "next_cursor": None,
    }
    assert [each["first_name"] for each in found["prospects"]] == ["Ada"]
    assert [each["name"] for each in companies["companies"]] == ["Acme"]
    assert bounded["page_size"] == 100


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"page": 0}, "page must be at least 1"),
        ({"search_type": "PETS"}, "search_type must be PEOPLE or COMPANY"),
        ({"filters": {"shoe_size": "44"}}, "filters.shoe_size is not a known filter"),
        ({"sort_field": "balance"}, "sort_field must be"),
        ({"limit": 5}, "limit is not a known field"),
    ],
)
async def test_a_bad_search(stage: Stage, body: Any, said: str) -> None:
    """What is wrong is named."""
    status, answer = await post(stage, "prospects/search/", body)

    assert status == 400
    assert said in answer["error"]


async def test_totals_are_capped_and_say_so(open_stage: OpenStage) -> None:
    """Above ten thousand a total stays at that number, on every page and count."""
    stage = await open_stage(10_000_000)
    await stage.fetch(
        "with added as (insert into leads (workspace_id, first_name)"
        " select $1, 'First' from generate_series(1, 10001) returning id)"
        " insert into list_leads select $2, id from added",
        stage.tenant.id,
        stage.tenant.people_list,
    )

    page = await stage.get_seleqt("leads/", page_size=100)
    count = await stage.get_seleqt("enrichment/count/")
    _, search = await post(stage, "prospects/search/", {})
    shown = (await stage.get_seleqt(""))["lead_list"]

    assert (page["total_count"], page["total_is_capped"], page["total_pages"]) == (
        10_000,
        True,
        100,
    )
    assert (count["unenriched_count"], count["unenriched_count_is_capped"]) == (10_000, True)
    assert count["total_cost"] == 30_000
    assert (search["total_count"], search["total_is_capped"]) == (10_000, True)
    assert (shown["lead_count"], shown["lead_count_is_capped"]) == (10_000, True)

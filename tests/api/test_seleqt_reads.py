"""Counting, listing and reading results on the Seleqt face."""

import json

import pytest

from service.domain.kinds import Face
from tests.api.conftest import OpenStage
from tests.api.stage import Stage, add_tenant, found_if_first_name, people


async def test_count_tells_what_everything_would_cost(stage: Stage) -> None:
    """All eligible leads are counted, without those being looked up."""
    await stage.add_leads([*people(400), {"first_name": "Has", "email": "has@ok.example"}])
    await stage.seleqt({"prospect_limit": 10})

    body = await stage.get_seleqt("enrichment/count/", enrichment_type="FIND_EMAIL")

    assert body == {
        "enrichment_type": "FIND_EMAIL",
        "unenriched_count": 390,
        "unenriched_count_is_capped": False,
        "cost_per_lead": 3,
        "total_cost": 1_170,
        "available_credits": 970,
        "has_enough_credits": False,
    }


async def test_count_has_defaults_and_filters(stage: Stage) -> None:
    """The type defaults to FIND_EMAIL; filters come as JSON."""
    await stage.add_leads([*people(3), {"first_name": "Ada", "job_title": "CTO"}])

    everything = await stage.get_seleqt("enrichment/count")
    filtered = await stage.get_seleqt(
        "enrichment/count/", filters=json.dumps({"job_title": "cto"}), enrichment_type="FIND_PHONE"
    )

    assert (everything["unenriched_count"], everything["total_cost"]) == (4, 12)
    assert (filtered["unenriched_count"], filtered["total_cost"]) == (1, 30)


async def test_a_limit_does_not_change_the_count(stage: Stage) -> None:
    """Whoever asks with the parameters of the enrichment is told of everything all the same."""
    await stage.add_leads(people(3))

    counted = await stage.get_seleqt("enrichment/count/", prospect_limit="2")

    assert counted["unenriched_count"] == 3


async def test_count_of_a_company_list(stage: Stage) -> None:
    """Counting refuses what enriching would."""
    path = f"/api/v1/public/lead-lists/{stage.tenant.company_list}/enrichment/count/"

    status, body = await stage.get(path, Face.SELEQT)

    assert status == 400
    assert body == {"error": "Email/phone enrichment is only available for people lists"}


async def test_leads_come_in_pages(stage: Stage) -> None:
    """Pages follow each other in id order, with totals."""
    await stage.add_leads(people(5))

    page = await stage.get_seleqt("leads/", page=2, page_size=2)
    beyond = await stage.get_seleqt("leads/", page=9, page_size=2)

    assert [row["first_name"] for row in page.pop("prospects")] == ["First3", "First4"]
    assert page == {
        "total_count": 5,
        "total_is_capped": False,
        "page": 2,
        "page_size": 2,
        "total_pages": 3,
        "next_cursor": page["next_cursor"],
    }
    assert beyond["prospects"] == []


async def test_a_page_size_above_the_bound_is_lowered_and_told(stage: Stage) -> None:
    """The seeds' code asks for any size; the answer names the one used."""
    await stage.add_leads(people(101))

    page = await stage.get_seleqt("leads", page=1, page_size=1_000)

    assert (page["page_size"], len(page["prospects"]), page["total_pages"]) == (100, 100, 2)


async def test_loading_shows_in_the_field_being_filled(stage: Stage) -> None:
    """Each open lookup shows in its own field only; a settled miss shows what was there before."""
    await stage.add_leads([{"first_name": "Ada", "phone": "+14155550100"}])

    await stage.seleqt({"enrichment_type": "FIND_EMAIL"})
    loading = (await stage.get_seleqt("leads/"))["prospects"][0]
    await stage.settle(found_if_first_name("nobody"))
    settled = (await stage.get_seleqt("leads/"))["prospects"][0]

    assert (loading["email"], loading["phone_number"]) == ("Loading...", "+14155550100")
    assert settled["email"] is None


async def test_kinds_that_fill_no_field_show_no_loading(stage: Stage) -> None:
    """Verification and detection leave the address readable."""
    ids = await stage.add_leads([{"first_name": "Ada", "email": "ada@ok.example"}])
    await stage.sendkit({"leadIds": ids, "enrichmentTypes": ["email", "segGateway"]})

    page = await stage.get_seleqt("leads/")

    assert page["prospects"][0]["email"] == "ada@ok.example"


async def test_a_company_list_has_companies(stage: Stage) -> None:
    """Company lists are read under their own key."""
    companies = stage.tenant.company_list
    await stage.add_leads([{"company_name": "Acme"}], list_id=companies)

    page = await stage.get_seleqt("leads/", list_id=companies)

    assert [row["name"] for row in page["companies"]] == ["Acme"]
    assert "prospects" not in page


async def test_an_empty_list_has_no_pages(stage: Stage) -> None:
    """Nothing is zero rows on zero pages."""
    page = await stage.get_seleqt("leads/")

    assert (page["prospects"], page["total_count"], page["total_pages"]) == ([], 0, 0)


@pytest.mark.parametrize("tail", ["leads/", "enrichment/count/", "enrichment/x/results/"])
async def test_reading_from_another_workspace(stage: Stage, tail: str) -> None:
    """Nothing of another workspace can be read, or told from what does not exist."""
    other = await add_tenant(stage.pool, "Other", 0)

    status, _ = await stage.get(
        f"/api/v1/public/lead-lists/{other.people_list}/{tail}", Face.SELEQT
    )

    assert status == 404


async def test_results_are_read_page_by_page(open_stage: OpenStage) -> None:
    """A cursor leads through all rows once; the job's state stands beside them."""
    stage = await open_stage()
    await stage.add_leads(people(3))
    _, accepted = await stage.seleqt({})
    await stage.settle(found_if_first_name("First2"), count_max=2)
    tail = f"enrichment/{accepted['job_id']}/results/"

    first = await stage.get_seleqt(tail, page_size=2)
    second = await stage.get_seleqt(tail, page_size=2, cursor=first["next_cursor"])

    assert (first["status"], first["pending_count"], first["total_count"]) == ("processing", 1, 3)
    assert (first["credits_deducted"], first["credits_refunded"]) == (9, 3)
    assert [row.get("message") for row in first["results"]] == ["Email not found", None]
    assert [row["message"] for row in second["results"]] == ["Still processing"]
    assert second["next_cursor"] is None


async def test_results_belong_to_their_list(stage: Stage) -> None:
    """A job is not there under another list's path."""
    await stage.add_leads(people(1))
    _, accepted = await stage.seleqt({})

    status, body = await stage.get(
        f"/api/v1/public/lead-lists/{stage.tenant.company_list}"
        f"/enrichment/{accepted['job_id']}/results/",
        Face.SELEQT,
    )

    assert status == 404
    assert body["error"].startswith("Enrichment job not found; use the job_id")

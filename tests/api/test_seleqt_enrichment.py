"""Starting an enrichment on the Seleqt face, in async mode."""

import pytest

from tests.api.conftest import OpenStage
from tests.api.stage import Stage, add_tenant, found, missing, people

URL = "https://your-domain.com/webhook"


async def test_the_page_s_async_example_answers_as_shown(stage: Stage) -> None:
    """The request of the page gets its answer, with the job's id and refunds besides."""
    await stage.add_leads(people(100))

    status, body = await stage.seleqt(
        {
            "enrichment_type": "FIND_EMAIL",
            "prospect_limit": 100,
            "mode": "async",
            "webhook_url": URL,
            "filters": {},
            "sort_field": "id",
            "sort_direction": "asc",
        }
    )

    assert status == 200
    assert body.pop("job_id").startswith("bulk_find_email_")
    assert body == {
        "success": True,
        "mode": "async",
        "enrichment_type": "FIND_EMAIL",
        "enriched_count": 100,
        "credits_deducted": 300,
        "credits_refunded": 0,
        "remaining_credits": 700,
        "webhook_url": URL,
        "message": f"Enrichment started in background. Results will be sent to {URL}",
    }
    assert len(stage.rings) == 1


@pytest.mark.parametrize("body", [None, b"", b"{}", b"  "])
async def test_an_empty_body_means_the_defaults(stage: Stage, body: bytes | None) -> None:
    """Without a body, up to 100 leads are asked for an email in the background, told to nobody."""
    await stage.add_leads(people(101))

    status, answer = await stage.seleqt(body)

    assert status == 200
    assert answer["enriched_count"] == 100
    assert answer["webhook_url"] is None
    assert answer["message"] == "Enrichment started in background."


async def test_the_final_slash_may_be_left_out(stage: Stage) -> None:
    """Both spellings of the path are the same route; neither redirects."""
    await stage.add_leads(people(1))
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/enrichment"

    answer = await stage.client.post(
        path, headers={"X-API-Key": stage.tenant.seleqt_key.text}, allow_redirects=False
    )

    assert answer.status == 200


@pytest.mark.parametrize(
    ("enrichment_type", "price"),
    [("FIND_EMAIL", 3), ("FIND_EMAIL_WATERFALL", 6), ("FIND_PHONE", 30)],
)
async def test_each_type_has_its_price(stage: Stage, enrichment_type: str, price: int) -> None:
    """A lead costs what the page says for its type."""
    await stage.add_leads(people(2))

    _, body = await stage.seleqt({"enrichment_type": enrichment_type})

    assert body["credits_deducted"] == 2 * price
    assert await stage.balance() == 1_000 - 2 * price


async def test_too_few_credits_leave_nothing_behind(open_stage: OpenStage) -> None:
    """A request that cannot be paid is refused whole, with the page's body."""
    stage = await open_stage(250)
    await stage.add_leads(people(100))
    before = await stage.count_rows()

    status, body = await stage.seleqt({"webhook_url": URL}, Idempotency_Key="k")

    assert status == 400
    assert body == {
        "success": False,
        "error": "insufficient_credits",
        "message": "Not enough credits. Need 300, have 250",
    }
    assert await stage.count_rows() == before
    assert await stage.balance() == 250
    assert stage.rings == []


async def test_a_company_list_cannot_be_enriched(stage: Stage) -> None:
    """A list of companies is refused with the page's sentence."""
    status, body = await stage.seleqt({}, list_id=stage.tenant.company_list)

    assert status == 400
    assert body == {"error": "Email/phone enrichment is only available for people lists"}


@pytest.mark.parametrize("enrichment_type", ["FIND_FAX", "find_email", "", 1, None])
async def test_an_unknown_type_gets_the_page_s_sentence(
    stage: Stage, enrichment_type: object
) -> None:
    """A type that is not one of the three is refused with the page's sentence."""
    status, body = await stage.seleqt({"enrichment_type": enrichment_type})

    assert status == 400
    assert body == {
        "error": "enrichment_type must be FIND_EMAIL, FIND_EMAIL_WATERFALL, or FIND_PHONE"
    }


@pytest.mark.parametrize("list_id", [999_999, 2**63 - 1, 2**63, 10**30])
async def test_a_list_that_is_not_there(stage: Stage, list_id: int) -> None:
    """An unknown list is a 404 with the page's body."""
    status, body = await stage.seleqt({}, list_id=list_id)

    assert status == 404
    assert body == {"error": "Lead list not found"}


async def test_a_list_of_another_workspace_is_not_there(stage: Stage) -> None:
    """A foreign list cannot be told from one that does not exist."""
    other = await add_tenant(stage.pool, "Other", 10)

    status, body = await stage.seleqt({}, list_id=other.people_list)

    assert status == 404
    assert body == {"error": "Lead list not found"}


async def test_no_eligible_lead_is_not_an_error(stage: Stage) -> None:
    """Zero leads are accepted for zero credits, and the webhook is told at once."""
    status, body = await stage.seleqt({"webhook_url": URL})

    assert status == 200
    assert (body["enriched_count"], body["credits_deducted"]) == (0, 0)
    assert stage.rings == []
    types = await stage.fetch("select type from events order by type")
    assert [row["type"] for row in types] == ["enrichment.accepted", "enrichment.completed"]
    assert await stage.fetch("select 1 from ledger where kind = 'charge'") == []
    assert len(await stage.fetch("select 1 from deliveries")) == 1


async def test_only_leads_without_a_valid_email_are_taken(stage: Stage) -> None:
    """A valid email is left alone; one that is undeliverable is looked for again."""
    await stage.add_leads(
        [
            {"first_name": "Has", "email": "has@ok.example"},
            {"first_name": "Bad", "email": "bad@gone.example"},
            {"first_name": "None"},
        ]
    )
    await stage.fetch(
        "update leads set email_verdict = 'undeliverable' where first_name = 'Bad' returning 1"
    )

    _, body = await stage.seleqt({})

    assert body["enriched_count"] == 2


async def test_leads_that_are_being_looked_up_are_left_out(stage: Stage) -> None:
    """A repeated call takes what is left, also where both types of email search meet."""
    await stage.add_leads(people(3))

    _, first = await stage.seleqt({"prospect_limit": 2})
    _, second = await stage.seleqt({"enrichment_type": "FIND_EMAIL_WATERFALL"})
    _, phone = await stage.seleqt({"enrichment_type": "FIND_PHONE"})

    assert [each["enriched_count"] for each in (first, second, phone)] == [2, 1, 3]


async def test_a_settled_miss_may_be_asked_for_again(stage: Stage) -> None:
    """After a miss the lead is eligible once more, and its credits are back."""
    await stage.add_leads(people(1))
    await stage.seleqt({})
    await stage.settle(missing)

    assert await stage.balance() == 1_000
    _, body = await stage.seleqt({})
    assert body["enriched_count"] == 1


async def test_sorting_decides_who_is_taken(stage: Stage) -> None:
    """The limit cuts the list after it was sorted."""
    await stage.add_leads([{"first_name": name} for name in ("Bo", "Ada", "Cy")])

    await stage.seleqt({"prospect_limit": 1, "sort_field": "first_name", "sort_direction": "desc"})

    rows = await stage.fetch("select input->>'first_name' as name from lookups")
    assert [row["name"] for row in rows] == ["Cy"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"job_title": "engineer"}, {"Ada", "Bo"}),
        ({"current_title": ["cto", "ENGINEER"]}, {"Ada", "Bo", "Cy"}),
        ({"job_title": {"must": ["engineer"], "doesnt": ["senior"]}}, {"Bo"}),
        ({"job_title": {"doesnt": "engineer"}}, {"Cy", "Di"}),
        ({"seniority": "senior"}, {"Ada"}),
        ({"seniority": "sen"}, set()),
        ({"company_size": ["51-200"]}, {"Bo"}),
        ({"prospect_location": "berlin"}, {"Cy"}),
        ({"location": "oslo"}, {"Ada"}),
        ({"keywords": "rocket"}, {"Ada"}),
        ({"company_name": "100%"}, {"Di"}),
        ({"company_name": "_"}, set()),
        ({"job_title": []}, {"Ada", "Bo", "Cy", "Di"}),
        ({"industry": "soft", "department": "r&d"}, {"Bo"}),
    ],
)
async def test_filters(stage: Stage, filters: dict[str, object], names: set[str]) -> None:
    """A text matches, an array matches any, must includes and doesnt excludes; all keys hold."""
    await stage.add_leads(
        [
            {
                "first_name": "Ada",
                "job_title": "Senior Engineer",
                "seniority": "Senior",
                "company_name": "Rocket Works",
                "city": "Oslo",
            },
            {
                "first_name": "Bo",
                "job_title": "Engineer",
                "company_size": "51-200",
                "industry": "Software",
                "department": "R&D",
            },
            {"first_name": "Cy", "job_title": "CTO", "location": "Berlin, Germany"},
            {"first_name": "Di", "company_name": "100% Juice"},
        ]
    )

    status, _ = await stage.seleqt({"filters": filters})

    rows = await stage.fetch("select input->>'first_name' as name from lookups")
    assert status == 200
    assert {row["name"] for row in rows} == names


async def test_a_type_without_a_provider_is_refused_before_any_charge(
    open_stage: OpenStage,
) -> None:
    """Without a configured provider the answer names the settings an operator can make."""
    stage = await open_stage(providers={})
    await stage.add_leads(people(1))
    before = await stage.count_rows()

    status, body = await stage.seleqt({"enrichment_type": "FIND_PHONE"})

    assert status == 400
    assert body["error"].startswith("FIND_PHONE is not available on this server")
    assert "LEADFALL_PROVIDERS__LEADMAGIC__API_KEY" in body["error"]
    assert await stage.count_rows() == before


async def test_ten_thousand_leads_in_one_request(open_stage: OpenStage) -> None:
    """The default bound is accepted whole by one request."""
    stage = await open_stage(30_000)
    await stage.add_leads(people(10_001))

    status, body = await stage.seleqt({"prospect_limit": 10_000})

    assert status == 200
    assert (body["enriched_count"], body["remaining_credits"]) == (10_000, 0)


async def test_found_values_reach_the_list(stage: Stage) -> None:
    """A field being filled reads `Loading...` until its lookup settles."""
    await stage.add_leads(people(2))
    await stage.seleqt({"prospect_limit": 1})

    before = await stage.get_seleqt("leads/")
    await stage.settle(found)
    after = await stage.get_seleqt("leads/")

    assert [row["email"] for row in before["prospects"]] == ["Loading...", None]
    assert [row["email"] for row in after["prospects"]] == ["first1@found.example", None]


async def test_a_limit_of_nothing_is_no_error(stage: Stage) -> None:
    """The page's sample asks for as many as its count said, and that may be none."""
    await stage.add_leads(people(3))

    status, answer = await stage.seleqt({"prospect_limit": 0})

    assert status == 200
    assert (answer["enriched_count"], answer["credits_deducted"]) == (0, 0)

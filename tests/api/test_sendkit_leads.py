"""Leads one at a time: created, shown, changed, deleted; and what is wrong with a body."""

import asyncio
import re
from typing import Any

import orjson
import pytest

from service.domain.people_filter import PeopleFilter
from service.flows.delete_leads import delete_found
from tests.api.sendkit_calls import call, create, done
from tests.api.stage import Stage, add_tenant, found, people

NO_SUCH_ID = "0" * 24


async def test_a_new_lead_has_every_field(stage: Stage) -> None:
    """The object is SendKit's, with the id that the Seleqt face uses beside it."""
    made = await create(
        stage,
        " Ada@Example.COM",
        firstName="Ada ",
        lastName="Lovelace",
        companyName="Engines",
        jobTitle="Analyst",
        phone="(415) 555-0100",
        linkedinUrl="https://linkedin.com/in/ada",
        city="London",
        state="",
        country="US",
        tags=["vip", " vip", "new"],
        customFields={"score": 5, "gone": None},
    )

    assert re.fullmatch(r"[0-9a-f]{24}", made.pop("_id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made.pop("createdAt"))
    assert made.pop("updatedAt")
    assert isinstance(made.pop("prospectId"), int)
    assert {
        "userId": None,
        "workspaceId": stage.tenant.public_id,
        "email": "ada@example.com",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "companyName": "Engines",
        "jobTitle": "Analyst",
        "phoneNumber": "+14155550100",
        "linkedinUrl": "https://linkedin.com/in/ada",
        "city": "London",
        "state": None,
        "country": "US",
        "tags": ["vip", "new"],
        "customFields": {"score": 5},
        "emailVerified": False,
        "emailVerificationResult": None,
        "segProtected": False,
        "segProvider": None,
        "segProviderName": None,
        "espProvider": None,
        "espProviderName": None,
    } == made


async def test_an_address_is_given_once_per_workspace(stage: Stage) -> None:
    """A second lead with it is a 409 that names the first; another workspace may have it too."""
    first = await create(stage, "ada@example.com")
    other = await add_tenant(stage.pool, "Other", 0)

    status, answer = await call(stage, "POST", "/v1/leads", {"email": "ADA@example.com"})
    elsewhere, _ = await call(
        stage, "POST", "/v1/leads", {"email": "ada@example.com"}, key=other.sendkit_key.text
    )

    assert (status, elsewhere) == (409, 200)
    assert answer["error"]["code"] == "DUPLICATE_LEAD"
    assert answer["error"]["details"] == {"leadId": first["_id"]}


async def test_a_found_address_does_not_bind(stage: Stage) -> None:
    """A lead may be created with an address that a lookup found for another one."""
    await stage.add_leads(people(1))
    await stage.fetch("update leads set email = 'ada@example.com', email_source = 'found'")

    assert (await create(stage, "ada@example.com"))["email"] == "ada@example.com"


BAD_LEADS: list[tuple[Any, list[str]]] = [
    (None, ["email is required and must be an e-mail address"]),
    ({"email": "nonsense"}, ["email is required and must be an e-mail address"]),
    ({"email": 5}, ["email is required"]),
    ({"email": "a@b.co", "firstName": 5}, ["firstName must be a string"]),
    ({"email": "a@b.co", "firstName": "x" * 501}, ["firstName must have at most 500 characters"]),
    ({"email": "a@b.co", "linkedinUrl": "x" * 2_049}, ["linkedinUrl must have at most 2048"]),
    ({"email": "a@b.co", "tags": "vip"}, ["tags must be an array"]),
    ({"email": "a@b.co", "tags": ["x"] * 51}, ["tags must have at most 50 entries"]),
    ({"email": "a@b.co", "tags": ["x" * 101]}, ["tags.0 must have at most 100 characters"]),
    ({"email": "a@b.co", "customFields": []}, ["customFields must be an object"]),
    ({"email": "a@b.co", "customFields": {"a": {"b": 1}}}, ["customFields must be an object"]),
    ({"email": "a@b.co", "customFields": {"": 1}}, ["a name has 1 to 100 characters"]),
    ({"email": "a@b.co", "customFields": {"a": "x" * 2_001}}, ["at most 2000 characters"]),
    (
        {"email": "a@b.co", "customFields": {str(n): n for n in range(51)}},
        ["at most 50 fields"],
    ),
    ({"email": "a@b.co", "city": "a\0b"}, ["city contains a NUL character"]),
    ({"email": "a@b.co", "phoneNumber": "1"}, ["phoneNumber is not a known field", "phone"]),
    (
        {"email": "x", "firstName": 1, "tags": [2], "zip": "1"},
        ["email is required", "firstName must", "tags.0 must", "zip is not a known field"],
    ),
]


@pytest.mark.parametrize(("body", "said"), BAD_LEADS)
async def test_a_bad_lead_is_refused(stage: Stage, body: Any, said: list[str]) -> None:
    """Every bad field is named in one answer, and nothing is created."""
    status, answer = await call(stage, "POST", "/v1/leads", body)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [part for part in said if part not in answer["error"]["message"]] == []
    assert await stage.fetch("select from leads") == []


async def test_a_lead_is_shown_by_its_id_in_any_case(stage: Stage) -> None:
    """The id is hexadecimal; the case of its letters says nothing."""
    made = await create(stage, "ada@example.com")

    shown = await done(stage, "GET", f"/v1/leads/{made['_id'].upper()}")

    assert made == shown["data"]


@pytest.mark.parametrize("lead_id", [NO_SUCH_ID, "x", "%00", "1", "0" * 25])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_an_unknown_lead_is_not_there(stage: Stage, method: str, lead_id: str) -> None:
    """Malformed ids are answered like unknown ones."""
    body = {} if method == "PATCH" else None

    status, answer = await call(stage, method, f"/v1/leads/{lead_id}", body)

    assert (status, answer["error"]["code"]) == (404, "NOT_FOUND")


async def test_a_lead_of_another_workspace_is_not_there(stage: Stage) -> None:
    """Its id is answered like an unknown one, and deleting it deletes nothing."""
    made = await create(stage, "ada@example.com")
    key = (await add_tenant(stage.pool, "Other", 0)).sendkit_key.text
    path = f"/v1/leads/{made['_id']}"

    shown, _ = await call(stage, "GET", path, key=key)
    changed, _ = await call(stage, "PATCH", path, {"city": "Rome"}, key=key)
    _, deleted = await call(stage, "DELETE", "/v1/leads", {"leadIds": [made["_id"]]}, key=key)

    assert (shown, changed, deleted["data"]["deleted"]) == (404, 404, 0)


async def test_a_change_keeps_what_it_leaves_out(stage: Stage) -> None:
    """Texts are replaced or cleared by null, tags replaced, custom fields merged."""
    made = await create(
        stage,
        "ada@example.com",
        firstName="Ada",
        city="London",
        tags=["a"],
        customFields={"kept": 1, "changed": 2, "removed": 3},
    )

    changed = await done(
        stage,
        "PATCH",
        f"/v1/leads/{made['_id']}",
        {"city": None, "phone": "+14155550100", "tags": ["b"], "customFields": CHANGED_FIELDS},
    )

    expected = {**made, "city": None, "phoneNumber": "+14155550100", "tags": ["b"]}
    expected["customFields"] = {"kept": 1, "changed": "two"}
    expected["updatedAt"] = changed["data"]["updatedAt"]
    assert expected == changed["data"]
    assert made["updatedAt"] < changed["data"]["updatedAt"]


CHANGED_FIELDS = {"changed": "two", "removed": None}

BAD_CHANGES: list[tuple[Any, list[str]]] = [
    ({"email": "b@example.com"}, ["email cannot be changed"]),
    ({"email": None}, ["email cannot be changed"]),
    ({"email": "b@example.com", "city": 1}, ["email cannot be changed", "city must be a string"]),
    ({"customFields": None}, ["customFields is merged"]),
    ({"customFields": {f"new{n}": n for n in range(50)}}, ["more than 50 custom fields"]),
    ({"userId": "x"}, ["userId is not a known field"]),
]


@pytest.mark.parametrize(("body", "said"), BAD_CHANGES)
async def test_a_bad_change_is_refused(stage: Stage, body: Any, said: list[str]) -> None:
    """The address stays as it is, bounds hold after the merge, and nothing is changed."""
    made = await create(stage, "ada@example.com", customFields={"old": 1})

    status, answer = await call(stage, "PATCH", f"/v1/leads/{made['_id']}", body)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [part for part in said if part not in answer["error"]["message"]] == []
    assert made == (await done(stage, "GET", f"/v1/leads/{made['_id']}"))["data"]


async def test_a_change_is_told_once(stage: Stage) -> None:
    """`lead.updated` carries the lead after the change; one that changes nothing is not told."""
    made = await create(stage, "ada@example.com")
    path = f"/v1/leads/{made['_id']}"

    changed = await done(stage, "PATCH", path, {"city": "Rome"})
    await done(stage, "PATCH", path, {"city": "Rome"})
    await done(stage, "PATCH", path, {})

    [event] = await stage.fetch("select * from events where type = 'lead.updated'")
    assert ("lead", made["_id"]) == (event["aggregatetype"], event["aggregateid"])
    assert orjson.loads(event["payload"]) == {
        "type": "lead.updated",
        "timestamp": changed["data"]["updatedAt"],
        "data": changed["data"],
    }


async def test_changes_at_once_lose_nothing(stage: Stage) -> None:
    """Custom fields that several requests merge at the same time are all there."""
    made = await create(stage, "ada@example.com")
    path = f"/v1/leads/{made['_id']}"

    await asyncio.gather(
        *(done(stage, "PATCH", path, {"customFields": {f"f{n}": n}}) for n in range(8))
    )

    shown = await done(stage, "GET", path)
    assert {f"f{n}": n for n in range(8)} == shown["data"]["customFields"]


async def test_named_leads_are_deleted(stage: Stage) -> None:
    """Ids of no lead are passed over; a second time nothing is left to delete."""
    made = [await create(stage, f"p{n}@example.com") for n in range(3)]
    body = {"leadIds": [made[0]["_id"], made[1]["_id"].upper(), NO_SUCH_ID], "force": True}

    first = await done(stage, "DELETE", "/v1/leads", body)
    second = await done(stage, "DELETE", "/v1/leads", body)
    left = await done(stage, "GET", "/v1/leads")

    assert first["data"] == {"deleted": 2, "hasMore": False}
    assert second["data"]["deleted"] == 0
    assert [made[2]] == left["data"]


async def test_everything_that_a_filter_finds_is_deleted(stage: Stage) -> None:
    """Except what is excluded."""
    made = [await create(stage, f"p{n}@example.com", tags=["old"]) for n in range(4)]
    kept = await create(stage, "kept@example.com", tags=["new"])

    deleted = await done(
        stage,
        "DELETE",
        "/v1/leads",
        {"deleteAll": True, "filters": {"tags": ["old"]}, "excludeIds": [made[2]["_id"]]},
    )
    left = await done(stage, "GET", "/v1/leads")

    assert deleted["data"] == {"deleted": 3, "hasMore": False}
    assert [kept["_id"], made[2]["_id"]] == [lead["_id"] for lead in left["data"]]


async def test_deleting_much_ends_in_time_and_says_that_more_is_left(stage: Stage) -> None:
    """A deletion whose time is over tells so; its next call goes on."""
    await create(stage, "ada@example.com")

    over = await delete_found(stage.pool, stage.tenant.id, PeopleFilter(), [], span_s=0)
    rest = await delete_found(stage.pool, stage.tenant.id, PeopleFilter(), [])

    assert (over.count, over.more) == (0, True)
    assert (rest.count, rest.more) == (1, False)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "leadIds is required, or deleteAll: true"),
        ({"deleteAll": False, "filters": {}}, "leadIds is required, or deleteAll: true"),
        ({"leadIds": []}, "leadIds must not be empty"),
        ({"leadIds": ["x"]}, "leadIds.0 must be an id of 24 hexadecimal digits"),
        ({"leadIds": [NO_SUCH_ID], "deleteAll": True}, "leadIds goes without deleteAll"),
        ({"leadIds": [NO_SUCH_ID] * 10_001}, "leadIds must have at most 10000 entries"),
        ({"deleteAll": "yes"}, "deleteAll must be true or false"),
        ({"deleteAll": True, "filters": {"age": 5}}, "filters.age is not a known field"),
        ({"deleteAll": True, "excludeIds": ["x"]}, "excludeIds.0 must be an id"),
    ],
)
async def test_a_bad_deletion_is_refused(stage: Stage, body: Any, said: str) -> None:
    """A body that does not say plainly which leads are meant deletes none."""
    await create(stage, "ada@example.com")

    status, answer = await call(stage, "DELETE", "/v1/leads", body)

    assert status == 400
    assert said in answer["error"]["message"]
    assert len(await stage.fetch("select from leads")) == 1


async def test_a_lead_may_be_deleted_while_it_is_looked_up(stage: Stage) -> None:
    """Its lookup settles all the same; the job ends, is charged and shows a row without a lead."""
    gone = await create(stage, "gone@example.com")
    kept = await create(stage, "kept@example.com")
    _, accepted = await stage.sendkit(
        {"leadIds": [gone["_id"], kept["_id"]], "enrichmentTypes": ["email"]}
    )
    job_id = accepted["data"]["jobs"][0]["jobId"]

    await done(stage, "DELETE", "/v1/leads", {"leadIds": [gone["_id"]]})
    settled = await stage.settle(found)

    job = await done(stage, "GET", f"/v1/enrichment/jobs/{job_id}")
    results = await done(stage, "GET", f"/v1/enrichment/jobs/{job_id}/results")
    shown = await done(stage, "GET", f"/v1/leads/{kept['_id']}")
    assert settled == 2
    assert job["data"]["status"] == "completed"
    assert job["data"]["metadata"]["successCount"] == 2
    assert [None, kept["_id"]] == [row["leadId"] for row in results["data"]]
    assert shown["data"]["emailVerified"] is True
    assert shown["data"]["emailVerificationResult"] == "deliverable"

"""What a job's own webhook URL made can be found by its id, and comes to life again."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.api.conftest import OpenStage
from tests.api.hooks import Hooks, receiving
from tests.api.stage import add_tenant, found, people

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
async def hooks(open_stage: OpenStage) -> Hooks:
    """A workspace with a default secret, whose receivers may run on this machine."""
    hooks = Hooks(
        await open_stage(
            secret_keys=Fernet.generate_key().decode(), egress={"allow": "127.0.0.0/8"}
        )
    )
    await hooks.data("POST", "/webhooks/default/rotate", {})
    return hooks


async def finished_job(hooks: Hooks, url: str) -> Any:
    """Run a job that names the URL and return it as it is shown."""
    number = len(await hooks.stage.fetch("select from leads"))
    [person] = people(1)
    [lead] = await hooks.stage.add_leads([{**person, "email": f"n{number}@hidden.example"}])
    status, body = await hooks.stage.sendkit(
        {"leadIds": [lead], "enrichmentTypes": ["email"], "webhookUrl": url}
    )
    assert status == 200, body
    await hooks.stage.settle(found)
    return await hooks.data("GET", f"/enrichment/jobs/{body['data']['jobs'][0]['jobId']}")


async def gone(hooks: Hooks, url: str) -> str:
    """Let a job's receiver answer 410 and return the path of what was made from its URL."""
    job = await finished_job(hooks, url)
    async with hooks.dispatching():
        await hooks.until_state("parked")
    return f"/webhooks/{job['webhookId']}"


async def test_a_job_names_the_webhook_made_from_its_url(hooks: Hooks) -> None:
    """Its id is in the job's answer and in the list of jobs, and finds it; no list shows it."""
    job = await finished_job(hooks, "https://hooks.example.com/in")
    shown = await hooks.data("GET", f"/webhooks/{job['webhookId']}")

    assert (shown["url"], shown["listed"], shown["secret"]) == (
        "https://hooks.example.com/in",
        False,
        None,
    )
    assert await hooks.data("GET", "/enrichment/jobs") == [job]
    assert await hooks.data("GET", "/webhooks") == []


async def test_the_seleqt_face_names_it_as_well(hooks: Hooks) -> None:
    """The page of results of a job has the id."""
    stage = hooks.stage
    await stage.add_leads([{**each, "email": ""} for each in people(1)])
    _, started = await stage.seleqt({"mode": "async", "webhook_url": "https://h.example.com/in"})
    await stage.settle(found)

    results = await stage.get_seleqt(f"enrichment/{started['job_id']}/results/")

    shown = await hooks.data("GET", f"/webhooks/{results['webhook_id']}")
    assert shown["url"] == "https://h.example.com/in"


async def test_its_deliveries_are_seen_and_sent_again(hooks: Hooks) -> None:
    """After a 410 it can be switched on by its id, and what was parked be replayed."""
    async with receiving(410, 204) as receiver:
        path = await gone(hooks, receiver.url)
        off = await hooks.data("GET", path)
        [row] = await hooks.data("GET", f"{path}/deliveries")
        counted = await hooks.data("POST", f"{path}/replay", {"since": LONG_AGO, "dryRun": True})
        on = await hooks.data("POST", f"{path}/enable", {"replayParked": True})
        async with hooks.dispatching():
            await hooks.until_state("delivered")

    assert (off["status"], off["disabledReason"], on["status"]) == ("inactive", "gone", "active")
    assert (row["state"], row["eventType"], counted["matched"]) == (
        "parked",
        "enrichment.completed",
        1,
    )
    assert receiver.bodies[0] == receiver.bodies[1]


async def test_a_new_job_switches_it_on(hooks: Hooks) -> None:
    """Who names the URL again wants to be told again; what waits parked goes on waiting."""
    async with receiving(410, 204) as receiver:
        path = await gone(hooks, receiver.url)
        await finished_job(hooks, receiver.url)
        async with hooks.dispatching():
            await hooks.until_state("delivered")
        shown = await hooks.data("GET", path)

    assert (shown["status"], shown["disabledReason"]) == ("active", None)
    assert await hooks.count("parked") == 1


async def test_a_job_from_before_leaves_it_off(hooks: Hooks) -> None:
    """What was under way when the receiver said that it is gone waits parked."""
    async with receiving(410) as receiver:
        path = await gone(hooks, receiver.url)
        await hooks.stage.fetch("update endpoints set disabled_at = leadfall_now() + '1 hour'")
        await finished_job(hooks, receiver.url)
        shown = await hooks.data("GET", path)

    assert shown["status"] == "inactive"
    assert await hooks.count("parked") == 2


async def test_what_its_owner_switched_off_stays_off(hooks: Hooks) -> None:
    """Only switching it on undoes that."""
    url = "https://hooks.example.com/in"
    job = await finished_job(hooks, url)
    await hooks.data("POST", f"/webhooks/{job['webhookId']}/disable")
    await finished_job(hooks, url)

    assert (await hooks.data("GET", f"/webhooks/{job['webhookId']}"))["status"] == "inactive"


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [("PATCH", "", {"name": "Mine"}), ("POST", "/rotate", {})],
)
async def test_it_has_nothing_of_its_own_to_change(
    hooks: Hooks, method: str, tail: str, body: dict[str, str]
) -> None:
    """Neither name nor secret: 404 with a sentence that says why."""
    job = await finished_job(hooks, "https://hooks.example.com/in")

    status, answer = await hooks.call(method, f"/webhooks/{job['webhookId']}{tail}", body)

    assert (status, "made from a job's webhook URL" in str(answer)) == (404, True)


async def test_nobody_else_finds_it(hooks: Hooks) -> None:
    """Another workspace's id is not found."""
    job = await finished_job(hooks, "https://hooks.example.com/in")
    other = Hooks(replace(hooks.stage, tenant=await add_tenant(hooks.stage.pool, "Other", 0)))

    status, _ = await other.call("GET", f"/webhooks/{job['webhookId']}")
    without, _ = await other.call("GET", f"/webhooks/{'0' * 24}")

    assert (status, without) == (404, 404)

"""What the API tells about its requests, and what it must never tell."""

import pytest
from prometheus_client import REGISTRY
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.api.stage import Stage, found_if_first_name, people

ROUTE = "/api/v1/public/lead-lists/{list_id}/enrichment/"


async def test_one_line_for_each_request(stage: Stage) -> None:
    """The line names the route's template, the status, the workspace and the face."""
    await stage.add_leads(people(1))

    with capture_logs() as lines:
        await stage.seleqt({}, X_Request_Id="req-1")

    (line,) = [line for line in lines if line["event"] == "request.finished"]
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request.finished",
        "log_level": "info",
        "method": "POST",
        "route": ROUTE,
        "status": 200,
        "request_id": "req-1",
        "workspace": stage.tenant.public_id,
        "face": "seleqt",
    }


async def test_a_request_can_be_followed_to_its_event(stage: Stage) -> None:
    """Its id stands in the job's first line, the job's id in its last one, with the event's id."""
    await stage.add_leads(people(2))

    with capture_logs(processors=[merge_contextvars]) as lines:
        _, answer = await stage.seleqt({}, X_Request_Id="req-1")
        await stage.settle(found_if_first_name("First1"))

    accepted, settled, finished = [
        line for line in lines if line["event"].startswith(("job.", "batch."))
    ]
    ((event_id,),) = await stage.fetch("select id from events where type = 'enrichment.completed'")
    assert (accepted["event"], accepted["request_id"]) == ("job.accepted", "req-1")
    assert (accepted["job_id"], accepted["type"], accepted["mode"]) == (
        *(answer["job_id"], "FIND_EMAIL", "async"),
    )
    assert (accepted["lookups"], accepted["charged"]) == (2, answer["credits_deducted"])
    assert (settled["event"], settled["settled"], settled["jobs"]) == ("batch.settled", 2, 1)
    assert {
        "event": "job.finished",
        "log_level": "info",
        "job_id": answer["job_id"],
        "status": "completed",
        "lookups": 2,
        "found": 1,
        "missing": 1,
        "charged": answer["credits_deducted"],
        "refunded": answer["credits_deducted"] // 2,
        "event_id": str(event_id),
    } == finished


async def test_a_job_without_lookups_is_told_as_well(stage: Stage) -> None:
    """It is accepted and finished in one go; a replay of it is not told again."""
    with capture_logs() as lines:
        await stage.seleqt({}, Idempotency_Key="once")
        await stage.seleqt({}, Idempotency_Key="once")

    assert [line["event"] for line in lines if line["event"].startswith("job.")] == [
        "job.accepted",
        "job.finished",
    ]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ünsafe"])
async def test_an_unsafe_request_id_is_replaced(stage: Stage, given: str) -> None:
    """Only plain ids are taken over; any other request gets one of ours."""
    async with stage.client.get("/v1/nothing", headers={"X-Request-Id": given}) as answer:
        assert len(answer.headers["X-Request-Id"]) == 32


async def test_no_secret_and_no_personal_data_is_logged(stage: Stage) -> None:
    """Keys, names, addresses, URLs and bodies stay out of the log, also when things fail."""
    secret = "Zebulon"
    (lead_id,) = await stage.add_leads(
        [{"first_name": secret, "email": f"{secret}@private.example"}]
    )

    with capture_logs() as lines:
        await stage.seleqt({"webhook_url": f"https://{secret}.example/{secret}"})
        await stage.seleqt({"filters": {"job_title": secret}}, Idempotency_Key=secret)
        await stage.seleqt({"filters": {secret: secret}})
        await stage.sendkit({"leadIds": [lead_id], "enrichmentTypes": [secret]})
        await stage.sendkit({}, Authorization=f"Bearer {secret}")
        await stage.fetch("alter table leads rename to gone")
        await stage.seleqt({"filters": {"job_title": secret}})
        async with stage.client.get(f"/v1/{secret}?{secret}={secret}") as answer:
            assert answer.status == 404

    told = repr(lines)
    assert secret not in told
    assert stage.tenant.seleqt_key.text not in told
    assert stage.tenant.sendkit_key.text not in told
    assert "request.failed" in told


async def test_requests_are_measured_by_route_and_status(stage: Stage) -> None:
    """The histogram counts under the template, never under the path."""
    labels = {"method": "POST", "route": ROUTE, "status": "404"}
    name = "leadfall_http_request_duration_seconds_count"
    before = REGISTRY.get_sample_value(name, labels) or 0

    await stage.seleqt({}, list_id=987_654)

    assert REGISTRY.get_sample_value(name, labels) == before + 1

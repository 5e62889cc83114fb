"""What a caller can add to a job on both faces: metadata, events per lead, a webhook's URL."""

from typing import Any

import orjson
import pytest

from service.domain.kinds import Face
from tests.api.stage import Stage, found, people

HOOK = "https://hooks.example.net/s"
NOTE = {"batch": "7", "owner": "Zoë"}
TOO_MUCH = {"note": "x" * 4_100}


async def events_of(stage: Stage, event_type: str) -> list[Any]:
    """Return the bodies of events of a type."""
    rows = await stage.fetch("select payload from events where type = $1", event_type)
    return [orjson.loads(row["payload"]) for row in rows]


async def test_metadata_comes_back_on_the_seleqt_face(stage: Stage) -> None:
    """In the answer, in the results and in every event of the job, under the name it was given."""
    await stage.add_leads(people(2))

    _, answer = await stage.seleqt({"metadata": NOTE, "lead_events": True})
    await stage.settle(found)
    results = await stage.get_seleqt(f"enrichment/{answer['job_id']}/results/")

    types = ("enrichment.accepted", "enrichment.completed", "lead.enriched", "lead.enriched")
    told = [
        event["data"] for each in dict.fromkeys(types) for event in await events_of(stage, each)
    ]
    shown = [data["metadata"] for data in (answer, results, *told)]
    assert shown == [NOTE] * 6


async def test_metadata_comes_back_from_a_sync_call(stage: Stage) -> None:
    """The sync answer carries it too."""
    status, body = await stage.seleqt({"mode": "sync", "metadata": NOTE})

    assert (status, body["metadata"]) == (200, NOTE)


async def test_metadata_comes_back_on_the_sendkit_face(stage: Stage) -> None:
    """As callerMetadata: the job's own metadata are SendKit's counters."""
    ids = await stage.add_leads(people(1))

    _, body = await stage.sendkit(
        {
            "leadIds": ids,
            "enrichmentTypes": ["phoneEnrichment"],
            "metadata": NOTE,
            "leadEvents": True,
        }
    )
    await stage.settle(found)
    job_id = body["data"]["jobs"][0]["jobId"]
    _, job = await stage.get(f"/v1/enrichment/jobs/{job_id}", Face.SENDKIT)
    _, jobs = await stage.get("/v1/enrichment/jobs", Face.SENDKIT)

    (told,) = await events_of(stage, "lead.enriched")
    (ended,) = await events_of(stage, "enrichment.completed")
    shown = (body["data"], job["data"], jobs["data"][0], told["data"], ended["data"])
    assert all(data["callerMetadata"] == NOTE for data in shown)
    assert told["data"] == {
        "leadId": ids[0],
        "success": True,
        "outcome": "found",
        "data": {"phoneNumber": "+14155550100"},
        "jobId": job_id,
        "type": "phone_enrichment",
        "callerMetadata": NOTE,
    }


async def test_without_metadata_nothing_is_shown(stage: Stage) -> None:
    """A job that was given none has no such field."""
    await stage.add_leads(people(1))

    _, body = await stage.seleqt({"metadata": None})

    assert "metadata" not in body


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("text", "metadata must be an object"),
        (["a"], "metadata must be an object"),
        ({"a": 1}, "metadata.a must be a string"),
        ({"a": {"b": "c"}}, "metadata.a must be a string"),
        (TOO_MUCH, "metadata must have at most 4096 bytes as JSON"),
        ({"é" * 1_000: "é" * 1_100}, "metadata must have at most 4096 bytes as JSON"),
        ({"a": "\0"}, "metadata.a contains a NUL character"),
    ],
)
@pytest.mark.parametrize("face", list(Face))
async def test_bad_metadata_is_refused(stage: Stage, face: Face, metadata: Any, said: str) -> None:
    """The sentence says what it must be, and nothing is left behind."""
    ids = await stage.add_leads(people(1))
    before = await stage.count_rows()

    answers = {
        Face.SELEQT: lambda: stage.seleqt({"metadata": metadata}),
        Face.SENDKIT: lambda: stage.sendkit(
            {"leadIds": ids, "enrichmentTypes": ["espDetection"], "metadata": metadata}
        ),
    }
    status, body = await answers[face]()

    assert status == 400
    assert said in str(body)
    assert await stage.count_rows() == before


async def test_another_note_under_the_same_key_is_another_request(stage: Stage) -> None:
    """Metadata is part of what an Idempotency-Key stands for."""
    await stage.add_leads(people(1))
    await stage.seleqt({"metadata": {"a": "1"}}, Idempotency_Key="k")

    again, _ = await stage.seleqt({"metadata": {"a": "1"}}, Idempotency_Key="k")
    other, _ = await stage.seleqt({"metadata": {"a": "2"}}, Idempotency_Key="k")

    assert (again, other) == (200, 422)


async def test_a_webhook_of_a_sendkit_request_is_told_of_each_job(stage: Stage) -> None:
    """Every job of the request tells its leads and its end to the URL."""
    ids = await stage.add_leads([{**lead, "email": "a@x.example"} for lead in people(1)])

    status, _ = await stage.sendkit(
        {
            "leadIds": ids,
            "enrichmentTypes": ["email", "espDetection"],
            "webhookUrl": HOOK,
            "leadEvents": True,
        }
    )
    await stage.settle(found)

    rows = await stage.fetch(
        "select d.event_type, p.url from deliveries d join endpoints p on p.id = d.endpoint_id"
        " order by 1"
    )
    assert status == 200
    assert [tuple(row) for row in rows] == [
        ("enrichment.completed", HOOK),
        ("enrichment.completed", HOOK),
        ("lead.enriched", HOOK),
        ("lead.enriched", HOOK),
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://a.example/", "webhookUrl is not allowed"),
        ("https://127.0.0.1/", "webhookUrl is not allowed"),
        (5, "webhookUrl must be a string"),
    ],
)
async def test_a_bad_webhook_url_of_a_sendkit_request(stage: Stage, url: Any, said: str) -> None:
    """The rules are those of the other face's webhook_url."""
    ids = await stage.add_leads(people(1))

    status, body = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["espDetection"], "webhookUrl": url}
    )

    assert status == 400
    assert said in body["error"]["message"]

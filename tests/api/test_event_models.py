"""What events carry is what their published schemas say."""

from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel

from service.api.event_models import BODY_MODELS, event_schemas
from service.domain.event_types import EventType
from tests.api.conftest import OpenStage
from tests.api.hooks import Hooks, receiving
from tests.api.sendkit_calls import done
from tests.api.stage import found, missing, people


def test_every_type_has_a_schema() -> None:
    """Each schema names its type and asks for its data, and every reference leads somewhere."""
    schemas, definitions = event_schemas("#/components/schemas/{model}")

    names = {str(schema["$ref"]).rpartition("/")[2] for schema in schemas.values()}
    assert set(schemas) == set(EventType)
    assert names <= set(definitions)
    assert {definitions[name]["properties"]["type"]["const"] for name in names} == set(EventType)


ASKING = {"leadEvents": True, "metadata": {"batch": "7"}}


@pytest.fixture
async def bodies(open_stage: OpenStage) -> list[dict[str, Any]]:
    """Every event of jobs with and without a find, on a workspace that runs out of credits."""
    stage = await open_stage(credit=101)
    ids = await stage.add_leads(
        [{**each, "email": f"{n}@a.example"} for n, each in enumerate(people(2))]
    )
    await done(stage, "PATCH", f"/v1/leads/{ids[0]}", {"city": "Rome"})
    await stage.seleqt({"prospect_limit": 1, "lead_events": True, "metadata": {"batch": "7"}})
    await stage.sendkit({"leadIds": ids, "enrichmentTypes": ["email", "segGateway"], **ASKING})
    await stage.settle(missing)
    await stage.sendkit({"leadIds": ids, "enrichmentTypes": ["espDetection"], **ASKING})
    await stage.settle(found)
    return [orjson.loads(row["payload"]) for row in await stage.fetch("select payload from events")]


async def test_what_is_written_is_as_its_model_says(bodies: list[dict[str, Any]]) -> None:
    """Jobs of both faces, leads, refunds and the low balance validate against their own models."""
    checked = [BODY_MODELS[EventType(body["type"])].model_validate(body) for body in bodies]

    assert [unnamed(each) for each in checked] == [[]] * len(bodies)
    assert {body["type"] for body in bodies} >= {
        "enrichment.accepted",
        "enrichment.completed",
        "lead.enriched",
        "lead.updated",
        "credits.low",
        "credits.refunded",
    }


def unnamed(value: Any) -> list[str]:
    """Return the fields, at any depth, that a body has and its model does not name."""
    match value:
        case BaseModel():
            below = [getattr(value, name) for name in type(value).model_fields]
            return [*(value.model_extra or ()), *(name for each in below for name in unnamed(each))]
        case list():
            return [name for each in value for name in unnamed(each)]
        case _:
            return []


async def test_a_test_and_a_switching_off_are_as_their_models_say(open_stage: OpenStage) -> None:
    """Events that are born at the edges validate as well."""
    hooks = Hooks(
        await open_stage(
            secret_keys=Fernet.generate_key().decode(), egress={"allow": "127.0.0.0/8"}
        )
    )
    async with receiving(410) as gone, receiving(500) as failing, receiving(204) as watcher:
        await hooks.create(gone.url, events=["lead.*"])
        await hooks.create(failing.url, events=["lead.*"], retryAttempts=0)
        made = await hooks.create(watcher.url, events=["endpoint.*"])
        await hooks.data("POST", f"/webhooks/{made['_id']}/test")
        await hooks.publish()
        async with hooks.dispatching():
            await hooks.until_state("delivered", 2)

    received = [orjson.loads(body) for body in watcher.bodies]
    assert {
        BODY_MODELS[EventType(body["type"])].model_validate(body).model_dump()["type"]
        for body in received
    } == {"test", "endpoint.disabled", "endpoint.exhausted"}

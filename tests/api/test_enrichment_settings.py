"""The workspace's own keys for providers, over vendors that run on this machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.fernet import Fernet

from providers.sandbox.server import Sandbox, start_sandbox
from service.edges.secret_box import SecretBox, provider_purpose
from service.store.waterfalls import read_waterfall
from tests.api.conftest import OpenStage
from tests.api.stage import Stage, add_tenant, people
from tests.log_lines import logged

PATH = "/v1/enrichment-settings"
KEY = "sandbox-user-0123456789abcdef-Zebulon"
ENCRYPTION_KEY = Fernet.generate_key().decode()

Call = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Every vendor, on this machine."""
    started = await start_sandbox(time_scale=0.0001)
    yield started
    await started.stop()


@pytest.fixture
async def stage(open_stage: OpenStage, sandbox: Sandbox) -> Stage:
    """The API, with vendors within reach of which the operator has no key."""
    return await open_stage(
        secret_keys=ENCRYPTION_KEY,
        providers={
            **{slug: {"base_url": url} for slug, url in sandbox.base_urls.items()},
            "neverbounce": {"base_url": "http://127.0.0.1:1"},
        },
    )


@pytest.fixture
def call(stage: Stage) -> Call:
    """A function that calls the settings with the tenant's key."""
    return caller_of(stage)


def caller_of(stage: Stage) -> Call:
    """Return a function that sends a request below the settings and reads its answer."""

    async def send(method: str, tail: str = "", body: Any = None) -> tuple[int, Any]:
        headers = {"X-Api-Key": stage.tenant.sendkit_key.text}
        async with stage.client.request(method, PATH + tail, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    return send


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_key_that_works_is_kept_and_shown_masked(call: Call, method: str) -> None:
    """Both methods answer the same, and what is read afterwards is what they answered."""
    status, body = await call(method, "/leadmagic", {"apiKey": KEY})
    _, shown = await call("GET", "/LeadMagic")

    assert status == 200
    assert body["data"].pop("message") == "LeadMagic accepts this key. It was saved."
    assert body == shown
    data = body["data"]
    assert data.pop("checkedAt") == data.pop("createdAt") == data.pop("updatedAt")
    assert data == {
        "provider": "leadmagic",
        "name": "LeadMagic",
        "builtIn": False,
        "enrichmentTypes": ["email", "phoneEnrichment"],
        "configured": True,
        "enabled": True,
        "priority": 100,
        "apiKey": "****ulon",
        "checkResult": "works",
    }


@pytest.mark.parametrize(
    ("slug", "api_key", "result", "said"),
    [
        ("leadmagic", "sandbox", "works", "LeadMagic accepts this key."),
        ("hunter", "sandbox", "works", "Hunter accepts this key."),
        ("fullenrich", "sandbox", "works", "FullEnrich accepts this key."),
        ("leadmagic", "sandbox-empty", "out_of_credit", "has no credit left"),
        ("hunter", "sandbox-empty", "out_of_credit", "has no credit left"),
        ("leadmagic", "sandbox-limited", "unreachable", "asks for fewer requests"),
        ("hunter", "sandbox-limited", "unreachable", "asks for fewer requests"),
        ("neverbounce", "sandbox", "unreachable", "does not answer"),
        ("aleads", "sandbox", "not_checkable", "no free request"),
    ],
)
async def test_what_the_vendor_says_is_told_and_kept(
    call: Call, slug: str, api_key: str, result: str, said: str
) -> None:
    """A key is kept unless its vendor rejects it; a short one shows nothing of itself."""
    status, body = await call("PUT", f"/{slug}", {"apiKey": f"  {api_key}\n"})

    assert status == 200
    assert (body["data"]["checkResult"], body["data"]["apiKey"]) == (result, "****")
    assert said in body["data"]["message"]
    assert body["data"]["message"].endswith("It was saved.")


@pytest.mark.parametrize("slug", ["leadmagic", "hunter", "fullenrich"])
async def test_a_rejected_key_is_not_kept(stage: Stage, call: Call, slug: str) -> None:
    """The vendor's refusal is a 400 in our words, and the key before stays in use."""
    await call("PUT", f"/{slug}", {"apiKey": KEY})

    status, body = await call("PUT", f"/{slug}", {"apiKey": "nope"})
    _, shown = await call("GET", f"/{slug}")

    assert status == 400
    assert body["error"]["code"] == "PROVIDER_KEY_REJECTED"
    assert body["error"]["message"].endswith(
        "does not accept this key. It was not saved; check it with the vendor and send it again."
    )
    assert (shown["data"]["apiKey"], shown["data"]["checkResult"]) == ("****ulon", "works")


async def test_a_vendor_is_asked_about_keys_no_more_often_than_it_allows(
    stage: Stage, call: Call
) -> None:
    """One check too many is turned away with the time to come again; what was kept stays."""
    url, headers = PATH + "/fullenrich", {"X-Api-Key": stage.tenant.sendkit_key.text}
    answers = await asyncio.gather(
        *(stage.client.put(url, json={"apiKey": KEY}, headers=headers) for _ in range(8))
    )
    late = next(answer for answer in answers if answer.status != 200)
    body = await late.json()
    _, shown = await call("GET", "/fullenrich")

    assert [answer.status for answer in answers].count(200) <= 4
    assert (late.status, body["error"]["code"]) == (429, "PROVIDER_CHECKS_LIMITED")
    assert int(late.headers["Retry-After"]) >= 1
    assert shown["data"]["checkResult"] == "works"


async def test_a_new_key_takes_the_place_of_the_old_one(stage: Stage, call: Call) -> None:
    """Order and switch stay; what was wrong with the old key is forgotten."""
    await call("PUT", "/hunter", {"apiKey": "sandbox"})
    await call("PATCH", "", {"providers": [{"provider": "hunter", "enabled": False}]})
    (before,) = await stage.fetch("select id, ciphertext from provider_keys")
    await stage.fetch(
        "insert into provider_outages values ('hunter', 'key:' || $1::bigint, 'r', now(), now()),"
        " ('hunter', 'operator', 'r', now(), now())",
        before["id"],
    )

    await call("POST", "/hunter", {"apiKey": KEY})

    (after,) = await stage.fetch(
        "select id, ciphertext, enabled from provider_keys where replaced_at is null"
    )
    assert (after["id"] != before["id"], after["enabled"]) == (True, False)
    purpose = provider_purpose(stage.tenant.id, "hunter")
    assert SecretBox([ENCRYPTION_KEY]).open(purpose, after["ciphertext"]) == KEY
    outages = await stage.fetch("select credential from provider_outages")
    assert [row["credential"] for row in outages] == ["operator"]


@pytest.mark.parametrize("name", ["enrich", "sendkit", "Enrich"])
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_the_built_in_provider_needs_no_key(call: Call, method: str, name: str) -> None:
    """By any of its names, it is refused with that sentence."""
    status, body = await call(method, f"/{name}", {"apiKey": "sandbox"})

    assert status == 400
    assert body["error"]["message"] == "The built-in provider (enrich) needs no key"


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
async def test_an_unknown_provider_is_not_found(call: Call, method: str) -> None:
    """The answer lists those that there are."""
    status, body = await call(method, "/nosuch", {"apiKey": "sandbox"})

    assert (status, body["error"]["code"]) == (404, "NOT_FOUND")
    assert {"enrich", "leadmagic", "hunter"} <= set(body["error"]["details"]["providers"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "apiKey is required"),
        ({"apiKey": ""}, "apiKey must have 1 to 512 printable ASCII characters"),
        ({"apiKey": "two words"}, "no blanks"),
        ({"apiKey": "clé"}, "no blanks"),
        ({"apiKey": "x" * 513}, "1 to 512"),
        ({"apiKey": 5}, "apiKey must be a string"),
        ({"apiKey": "x\0"}, "NUL"),
        ({"apiKey": "sandbox", "key": "sandbox"}, "key is not a known field; known are apiKey"),
    ],
)
async def test_a_body_without_a_key_is_refused(call: Call, body: Any, said: str) -> None:
    """What is wrong is said without the key."""
    status, answer = await call("PUT", "/hunter", body)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert said in answer["error"]["message"]


async def test_all_providers_are_listed_in_order(call: Call) -> None:
    """First what is in use by priority, the built-in in front; then what has no key."""
    await call("PUT", "/leadmagic", {"apiKey": KEY})
    await call("PUT", "/hunter", {"apiKey": "sandbox"})
    _, before = await call("GET")
    ranked = [
        {"provider": "leadmagic", "priority": 0},
        {"provider": "sendkit", "priority": 1},
        {"provider": "hunter", "enabled": False},
    ]

    status, changed = await call("PATCH", "", {"providers": ranked})

    _, after = await call("GET")
    assert status == 200
    assert changed == {"success": True, "data": {"message": "Settings updated"}}
    assert places(before) == [("enrich", 0), ("hunter", 100), ("leadmagic", 100)]
    assert places(after) == [("leadmagic", 0), ("enrich", 1), ("hunter", 100)]
    by_name = {row["provider"]: row for row in after["data"]["providers"]}
    assert by_name["enrich"]["builtIn"]
    assert by_name["enrich"]["apiKey"] is None
    assert not by_name["hunter"]["enabled"]
    assert by_name["aleads"] == {
        "provider": "aleads",
        "name": "A-Leads",
        "builtIn": False,
        "enrichmentTypes": ["email", "phoneEnrichment"],
        "configured": False,
        "enabled": False,
        "priority": None,
        "apiKey": None,
        "checkResult": None,
        "checkedAt": None,
        "createdAt": None,
        "updatedAt": None,
    }


def places(listed: Any) -> list[tuple[str, int]]:
    """Return the providers that are in use with their priorities, as listed."""
    rows = listed["data"]["providers"]
    return [(row["provider"], row["priority"]) for row in rows if row["configured"]]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"provider": "nosuch"}, "providers.1.provider is not a known provider. Use one of"),
        ({"provider": "HUNTER"}, "providers.1.provider is given more than once"),
        ({"provider": "leadmagic"}, "There is no key for leadmagic. Add it via PUT"),
        ({"provider": "enrich", "enabled": False}, "built-in provider (enrich) cannot be disabled"),
        ({"provider": "enrich", "priority": -1}, "providers.1.priority must be at least 0"),
        ({"provider": "enrich", "priority": 10**7}, "providers.1.priority must be at most"),
        ({"provider": "enrich", "enabled": "yes"}, "providers.1.enabled must be true or false"),
        ({"enabled": True}, "providers.1.provider is required"),
    ],
)
async def test_an_order_that_cannot_be_is_refused_whole(call: Call, entry: Any, said: str) -> None:
    """One bad entry and nothing is changed."""
    await call("PUT", "/hunter", {"apiKey": "sandbox"})

    status, body = await call(
        "PATCH", "", {"providers": [{"provider": "hunter", "enabled": False}, entry]}
    )

    _, shown = await call("GET", "/hunter")
    assert (status, body["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert said in body["error"]["message"]
    assert shown["data"]["enabled"]


async def test_a_removed_key_is_gone(stage: Stage, call: Call) -> None:
    """It can be removed once."""
    await call("PUT", "/hunter", {"apiKey": "sandbox"})

    status, removed = await call("DELETE", "/hunter")
    again, body = await call("DELETE", "/hunter")

    assert (status, removed["data"]["message"]) == (200, "The key for Hunter was removed")
    assert again == 404
    assert body["error"]["message"].startswith("This workspace has no key for Hunter; GET ")
    assert await stage.fetch("select 1 from provider_keys") == []


async def test_keys_of_another_workspace_are_not_seen(stage: Stage, call: Call) -> None:
    """Each workspace has its own."""
    await call("PUT", "/hunter", {"apiKey": "sandbox"})
    stage.tenant = await add_tenant(stage.pool, "Other", 0)

    _, shown = await call("GET", "/hunter")
    removed, _ = await call("DELETE", "/hunter")

    assert not shown["data"]["configured"]
    assert removed == 404
    assert len(await stage.fetch("select 1 from provider_keys")) == 1


@pytest.mark.parametrize(
    ("method", "tail"),
    [("GET", ""), ("PATCH", ""), ("GET", "/hunter"), ("PUT", "/hunter"), ("DELETE", "/hunter")],
)
async def test_without_a_key_to_encrypt_with_the_operator_is_told(
    open_stage: OpenStage, method: str, tail: str
) -> None:
    """Nothing can be kept, and the sentence names the setting."""
    call = caller_of(await open_stage())

    status, body = await call(method, tail, {"apiKey": "sandbox"})

    assert (status, body["error"]["code"]) == (503, "SECRETS_NOT_CONFIGURED")
    assert "The operator must set LEADFALL_SECRET_KEYS" in body["error"]["message"]


async def test_an_own_key_job_costs_nothing_and_asks_only_that_provider(
    stage: Stage, call: Call
) -> None:
    """No credit is charged, any verdict is taken, and the key's name is on the job."""
    await call("PUT", "/leadmagic", {"apiKey": KEY})
    ids = await stage.add_leads([{**people(1)[0], "email": "ada@x.example"}])

    status, body = await stage.sendkit(
        {
            "leadIds": ids,
            "enrichmentTypes": ["email", "phoneEnrichment"],
            "emailProvider": "leadmagic",
            "phoneProvider": "LeadMagic",
        }
    )

    assert status == 200
    assert (body["data"]["totalCreditsCharged"], body["data"]["remainingCredits"]) == (0, 1_000)
    jobs = await stage.fetch("select own_provider, waterfall_version from jobs")
    assert [job["own_provider"] for job in jobs] == ["leadmagic", "leadmagic"]
    assert await stage.fetch("select 1 from ledger where kind = 'charge'") == []
    async with stage.pool.acquire() as connection:
        (step,) = (await read_waterfall(connection, jobs[0]["waterfall_version"])).steps
    assert (step.provider, step.when_gate_shut) == ("leadmagic", "wait")
    assert {"deliverable", "undeliverable", "risky", "unknown"} == step.accept


async def test_a_disabled_key_counts_as_none(stage: Stage, call: Call) -> None:
    """The job is refused with the way to enable it, and nothing is written."""
    await call("PUT", "/leadmagic", {"apiKey": KEY})
    await call("PATCH", "", {"providers": [{"provider": "leadmagic", "enabled": False}]})
    ids = await stage.add_leads(people(1))
    before = await stage.count_rows()

    status, body = await stage.sendkit(
        {"leadIds": ids, "enrichmentTypes": ["phoneEnrichment"], "phoneProvider": "leadmagic"}
    )

    assert (status, body["error"]["code"]) == (400, "PROVIDER_NOT_CONFIGURED")
    assert body["error"]["message"] == (
        'Phone provider "leadmagic" is disabled. Enable it via PATCH /v1/enrichment-settings'
    )
    assert await stage.count_rows() == before


@pytest.fixture
async def parrot() -> AsyncIterator[TestServer]:
    """A vendor that repeats the key in everything it says, and fails."""

    async def answer(request: web.Request) -> web.Response:
        key = request.headers.get("X-API-KEY") or request.query_string
        return web.Response(status=500, reason=key, text=f"bad: {key}", headers={"X-Echo": key})

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", answer)
    server = TestServer(application)
    await server.start_server()
    yield server
    await server.close()


async def test_a_key_shows_nowhere(
    open_stage: OpenStage, sandbox: Sandbox, parrot: TestServer
) -> None:
    """Not in the log, an answer, an error or the database, whatever the vendor does with it."""
    parrot_url = str(parrot.make_url("/"))
    stage = await open_stage(
        secret_keys=ENCRYPTION_KEY,
        providers={
            "leadmagic": {"base_url": sandbox.base_urls["leadmagic"]},
            "hunter": {"base_url": parrot_url},
            "zerobounce": {"base_url": parrot_url},
            "neverbounce": {"base_url": "http://127.0.0.1:1"},
            "fullenrich": {"base_url": sandbox.base_urls["fullenrich"]},
        },
    )
    call = caller_of(stage)
    bad = KEY.replace("sandbox", "other")

    with logged() as lines:
        answers = [
            await call("PUT", "/leadmagic", {"apiKey": KEY}),
            await call("PUT", "/hunter", {"apiKey": KEY}),
            await call("PUT", "/zerobounce", {"apiKey": KEY}),
            await call("PUT", "/neverbounce", {"apiKey": KEY}),
            await call("PUT", "/fullenrich", {"apiKey": bad}),
            await call("PUT", "/fullenrich", {"apiKey": f"{KEY} {KEY}"}),
            await call("PUT", "/fullenrich", {"apiKey": [KEY]}),
            await call("PUT", "/nosuch", {"apiKey": KEY}),
            await call("GET"),
        ]
        await stage.fetch("alter table provider_keys rename to gone")
        answers.append(await call("PUT", "/leadmagic", {"apiKey": KEY}))

    assert [each[0] for each in answers] == [200, 200, 200, 200, 400, 400, 400, 404, 200, 500]
    rows = await stage.fetch("select gone::text as row from gone")
    told = lines.text() + repr(answers) + repr(rows)
    assert len(rows) == 4
    assert "provider_key.set" in told
    assert "0123456789abcdef" not in told
    assert "Zebulon" not in told
    assert KEY.encode().hex() not in told

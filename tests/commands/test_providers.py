"""`leadfall providers` and `leadfall keys reencrypt`, as an operator runs them."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from cryptography.fernet import Fernet

from providers.registry import all_providers
from providers.sandbox.server import Sandbox, start_sandbox
from service.edges.rate_slices import RateSlices
from service.edges.secret_box import SecretBox, provider_purpose, signing_purpose
from tests.commands.processes import ROOT, run, run_program

SECRET = "only-the-vendor-knows"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Every vendor, on this machine."""
    started = await start_sandbox(time_scale=0.0001)
    yield started
    await started.stop()


def access(sandbox: Sandbox, slug: str, api_key: str) -> dict[str, str]:
    """Return the settings of a vendor."""
    prefix = f"LEADFALL_PROVIDERS__{slug.upper()}"
    return {f"{prefix}__API_KEY": api_key, f"{prefix}__BASE_URL": sandbox.base_urls[slug]}


async def test_every_provider_is_shown_with_its_facts() -> None:
    """Capabilities, prices, limits and source are there, without a database or a key."""
    shown = await run("providers", "--json")

    lines = {line["provider"]: line for line in shown.json["providers"]}
    assert shown.code == 0
    assert list(all_providers()) == list(lines)
    hunter = lines["hunter"]
    assert (hunter["configured"], hunter["key_checkable"], hunter["check"]) == (False, True, None)
    assert hunter["source"].startswith("stated")
    assert hunter["limits"]["requests_per_minute"] == 500
    assert [(each["capability"], each["price_found"]) for each in hunter["offers"]] == [
        ("find_email", 1.0),
        ("verify_email", 0.5),
    ]
    assert lines["enrich"]["configured"]


async def test_make_providers_prints_the_table() -> None:
    """One line of people's table for each provider and one for its source."""
    shown = await run_program(
        "make", "--silent", "--old-file=.venv/.ready", "providers", folder=ROOT
    )

    assert shown.code == 0
    assert "300/min, 10/s, 10 at once" in shown.output
    assert "verify_email 0.5, found or not" in shown.output
    assert "not needed" in shown.output
    assert all(shown.output.count(f"\n{slug} ") == 2 for slug in all_providers())


async def test_an_empty_key_is_none() -> None:
    """As files of settings have variables that nobody has filled."""
    shown = await run("providers", "--json", settings={"LEADFALL_PROVIDERS__HUNTER__API_KEY": " "})

    lines = {each["provider"]: each for each in shown.json["providers"]}
    assert shown.code == 0
    assert (lines["hunter"]["configured"], lines["hunter"]["check"]) == (False, None)


async def test_a_mistyped_provider_is_named() -> None:
    """Its key would be asked about nowhere."""
    shown = await run("providers", settings={"LEADFALL_PROVIDERS__HUNTERR__API_KEY": "key"})

    assert shown.code == 1
    assert "There is no provider hunterr; there are aleads," in shown.errors


async def test_keys_that_work_are_said_to(sandbox: Sandbox) -> None:
    """Each vendor that has a key is asked, and all is well."""
    settings = {**access(sandbox, "leadmagic", "sandbox"), **access(sandbox, "hunter", "sandbox")}

    checked = await run("providers", "--json", settings=settings)

    assert checked.code == 0
    assert {
        line["provider"]: line["check"]["state"]
        for line in checked.json["providers"]
        if line["check"]
    } == {"leadmagic": "works", "hunter": "works"}


async def test_a_key_that_the_workers_use_up_is_not_asked_about(
    sandbox: Sandbox, redis_url: str
) -> None:
    """A check keeps to the limits of its key as every other request does."""
    slices = RateSlices.connect(redis_url)
    await slices.hold("leadmagic:operator:all", 30.0)
    settings = access(sandbox, "leadmagic", "sandbox") | {"LEADFALL_REDIS_URL": redis_url}

    checked = await run("providers", "--json", settings=settings)
    await slices.close()

    said = [line["check"] for line in checked.json["providers"] if line["check"]]
    assert [each["state"] for each in said] == ["unreachable"]
    assert "LeadMagic was not asked" in said[0]["detail"]


@pytest.mark.parametrize(
    ("api_key", "state", "said"),
    [
        (SECRET, "rejected", "LeadMagic does not accept this key."),
        ("sandbox-empty", "out_of_credit", "its account has no credit left"),
        ("sandbox-limited", "unreachable", "it asks for fewer requests"),
    ],
)
async def test_a_key_that_does_not_work_fails_the_check(
    sandbox: Sandbox, api_key: str, state: str, said: str
) -> None:
    """The table says why, the exit code is 1, and the key is not shown."""
    settings = access(sandbox, "leadmagic", api_key)

    checked = await run("providers", settings=settings)
    unchecked = await run("providers", "--no-check", settings=settings)

    assert (checked.code, unchecked.code) == (1, 0)
    assert state in checked.output
    assert said in checked.output
    assert SECRET not in checked.output + checked.errors + unchecked.output


async def test_secrets_are_put_under_the_newest_key(
    settings: dict[str, str], workspace_id: str, connection: asyncpg.Connection
) -> None:
    """Afterwards the old key is not needed, for webhooks and providers alike."""
    old, new = settings["LEADFALL_SECRET_KEYS"], Fernet.generate_key().decode()
    row = await connection.fetchval("select id from workspaces")
    await add_provider_key(connection, row, SecretBox([old]))

    done = await run(
        *("keys", "reencrypt", "--json"),
        settings={**settings, "LEADFALL_SECRET_KEYS": f"{new},{old}"},
    )

    clean = {"reencrypted": 1, "unreadable": 0, "unreadable_ids": []}
    assert done.code == 0
    assert {"signing_secrets": clean, "provider_keys": clean}.items() <= done.json.items()
    box = SecretBox([new])
    signing = await connection.fetchval("select ciphertext from signing_secrets")
    provider = await connection.fetchval("select ciphertext from provider_keys")
    assert box.open(signing_purpose(row, None), signing).startswith("whsec_")
    assert box.open(provider_purpose(row, "hunter"), provider) == SECRET


async def test_secrets_that_no_key_opens_are_named_and_left_alone(
    settings: dict[str, str], workspace_id: str, connection: asyncpg.Connection
) -> None:
    """The others are done, the command fails, and it says what to do."""
    row = await connection.fetchval("select id from workspaces")
    stranger = SecretBox([Fernet.generate_key().decode()])
    key_id = await add_provider_key(connection, row, stranger)
    before = await connection.fetchval("select ciphertext from provider_keys")

    as_json = await run("keys", "reencrypt", "--json", settings=settings)
    for_people = await run("keys", "reencrypt", settings=settings)

    assert (as_json.code, for_people.code) == (1, 1)
    assert as_json.json["signing_secrets"]["reencrypted"] == 1
    assert as_json.json["provider_keys"] == {
        "reencrypted": 0,
        "unreadable": 1,
        "unreadable_ids": [key_id],
    }
    assert f"1 (id {key_id})" in for_people.output
    assert "put the key that opens them behind the first one" in for_people.errors
    assert before == await connection.fetchval("select ciphertext from provider_keys")


async def add_provider_key(
    connection: asyncpg.Connection, workspace_id: int, box: SecretBox
) -> int:
    """Keep a key that this box sealed, and return its id."""
    kept: int = await connection.fetchval(
        "insert into provider_keys"
        " (workspace_id, provider, ciphertext, hint, check_result, checked_at)"
        " values ($1, 'hunter', $2, '****', 'works', now()) returning id",
        workspace_id,
        box.seal(provider_purpose(workspace_id, "hunter"), SECRET),
    )
    return kept

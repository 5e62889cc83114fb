"""What the doctor tells: every setting without its secret, and what an operator has to do."""

from typing import Any

import asyncpg
import pytest
from cryptography.fernet import Fernet

from service.domain.check import Status
from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall, usable
from service.flows.diagnose import Diagnosis, diagnose
from service.flows.list_settings import MASK, list_settings
from service.settings import Settings
from service.store.connection import Pool

WATERFALLS = [Waterfall(kind, (Step("enrich"), Step("hunter"))) for kind in Kind]


@pytest.fixture
def complete(database_url: str, redis_url: str) -> dict[str, Any]:
    """Settings to which the doctor has nothing to add."""
    return {
        "database_url": database_url,
        "redis_url": redis_url,
        "secret_keys": Fernet.generate_key().decode(),
        "public_url": "https://leads.example",
        "providers": {"hunter": {"api_key": "hunter2"}},
        "smtp": {"from": "probe@leads.example", "helo": "leads.example"},
    }


def status_of(diagnosis: Diagnosis, name: str) -> Status:
    """Return how the check of this name came out."""
    (found,) = [check.status for check in diagnosis.checks if check.name == name]
    return found


async def test_complete_installation(complete: dict[str, Any]) -> None:
    """With everything set and answering, every check passes."""
    diagnosis = await diagnose(Settings(**complete), WATERFALLS)

    assert [check for check in diagnosis.checks if check.status is not Status.PASS] == []
    assert diagnosis.status is Status.PASS


@pytest.mark.parametrize(
    ("name", "status", "changes"),
    [
        ("postgres", Status.FAIL, {"database_url": "postgresql://u:swordfish@127.0.0.1:1/x"}),
        ("postgres", Status.FAIL, {"database_url": "swordfish"}),
        ("redis", Status.WARN, {"redis_url": "redis://:swordfish@127.0.0.1:1/0"}),
        ("redis", Status.WARN, {"redis_url": "swordfish"}),
        ("secret_keys", Status.FAIL, {"secret_keys": ()}),
        ("secret_keys", Status.FAIL, {"secret_keys": "swordfish"}),
        ("providers", Status.FAIL, {"providers": {"huntr": {"api_key": "swordfish"}}}),
        ("egress", Status.FAIL, {"egress": {"allow": "http://not a host"}}),
        ("egress", Status.FAIL, {"egress": {"deny": "hooks.example.com"}}),
        ("egress", Status.WARN, {"egress": {"allow": "0.0.0.0/0"}}),
        ("public_url", Status.WARN, {"public_url": None}),
        ("mail", Status.WARN, {"smtp": {}}),
    ],
)
async def test_what_is_wrong_is_told_without_the_secret(
    complete: dict[str, Any], name: str, status: Status, changes: dict[str, Any]
) -> None:
    """Each fault is found under its own name, and nothing repeats a password."""
    diagnosis = await diagnose(Settings(**{**complete, **changes}), WATERFALLS)

    assert status_of(diagnosis, name) is status
    assert "swordfish" not in str(diagnosis.as_json())
    assert "swordfish" not in repr(diagnosis)


async def test_missing_migrations_are_named(complete: dict[str, Any], pool: Pool) -> None:
    """A schema that is behind is told with the command that mends it."""
    await pool.execute("delete from schema_migrations where name like '0006%'")

    diagnosis = await diagnose(Settings(**complete), WATERFALLS)

    (check,) = [check for check in diagnosis.checks if check.name == "postgres_schema"]
    assert "leadfall migrate" in check.message


async def test_direct_url_is_looked_at_too(complete: dict[str, Any], database_url: str) -> None:
    """Where LISTEN has a URL of its own, that server is asked as well."""
    diagnosis = await diagnose(Settings(**complete, database_direct_url=database_url), WATERFALLS)

    assert status_of(diagnosis, "postgres_direct") is Status.PASS


async def test_kind_without_a_step_says_what_to_set(complete: dict[str, Any]) -> None:
    """For a kind that nobody can do, the settings of which one is needed are listed."""
    bare = usable(Waterfall(Kind.FIND_PHONE, (Step("leadmagic"), Step("enrow"))), {"enrich"})

    diagnosis = await diagnose(Settings(**complete), [WATERFALLS[0], bare])

    wanted = [f"LEADFALL_PROVIDERS__{slug}__API_KEY" for slug in ("LEADMAGIC", "ENROW")]
    assert [(line.providers, list(line.remedies)) for line in diagnosis.kinds] == [
        (("enrich", "hunter"), []),
        ((), wanted),
    ]
    assert status_of(diagnosis, "waterfalls") is Status.WARN


def test_every_setting_has_a_meaning() -> None:
    """No setting is listed without a line that says what it is for."""
    assert [line.name for line in list_settings(Settings()) if not line.meaning] == []


def test_settings_are_shown_as_they_are_written() -> None:
    """Names are those of the environment, with value, default and where the value comes from."""
    lines = {line.name: line for line in list_settings(Settings(smtp={"from": "a@b.example"}))}

    sender, port = lines["LEADFALL_SMTP__FROM"], lines["LEADFALL_PORT"]
    assert (sender.value, sender.default, sender.given) == (
        "a@b.example", "probe@leadfall.invalid", True,
    )  # fmt: skip
    assert (port.value, port.default, port.given) == ("8080", "8080", False)
    assert lines["LEADFALL_DISPATCHER__RETRY_SCHEDULE_S"].value.startswith("5,300,1800,")


def test_listed_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is listed is a name that the settings read."""
    monkeypatch.setenv("LEADFALL_WORKER__CONCURRENCY", "3")
    monkeypatch.setenv("LEADFALL_PROVIDERS__HUNTER__API_KEY", "hunter2")

    lines = {line.name: line for line in list_settings(Settings())}

    assert lines["LEADFALL_WORKER__CONCURRENCY"].value == "3"
    assert lines["LEADFALL_PROVIDERS__HUNTER__API_KEY"].value == MASK


def test_urls_show_where_they_lead_and_no_password() -> None:
    """Host and database of a URL help; user, password and query stay hidden."""
    settings = Settings(
        database_url="postgresql://bob:swordfish@db.internal:5433/leads?password=swordfish",
        redis_url="redis://:swordfish@cache/1",
    )
    lines = {line.name: line.value for line in list_settings(settings)}

    assert lines["LEADFALL_DATABASE_URL"] == f"postgresql://{MASK}@db.internal:5433/leads"
    assert lines["LEADFALL_REDIS_URL"] == f"redis://{MASK}@cache/1"


async def test_old_servers_are_refused(
    complete: dict[str, Any], connection: asyncpg.Connection
) -> None:
    """The version that answers is told, and it is new enough for this test to run at all."""
    diagnosis = await diagnose(Settings(**complete), WATERFALLS)

    (check,) = [check for check in diagnosis.checks if check.name == "postgres"]
    assert check.value == connection.get_server_version().major

"""The commands of operators: what they answer, what they refuse, and with which exit code."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer
from cryptography.fernet import Fernet

from service.__main__ import build
from tests.commands.processes import run

NO_SUCH_ID = "0" * 24


async def test_migrate_brings_an_empty_database_up_to_date_once(empty_database_url: str) -> None:
    """The first run names what it applied, the second has nothing to do."""
    settings = {"LEADFALL_DATABASE_URL": empty_database_url}

    first = await run("migrate", "--json", settings=settings)
    second = await run("migrate", "--json", settings=settings)

    assert first.code == 0
    assert first.json["applied"][0] == "0001_clock_and_processes"
    assert second.json == {"applied": []}


async def test_two_migrations_at_once_take_turns(empty_database_url: str) -> None:
    """Each migration is applied by exactly one of them."""
    settings = {"LEADFALL_DATABASE_URL": empty_database_url}

    one, other = await asyncio.gather(
        run("migrate", "--json", settings=settings), run("migrate", "--json", settings=settings)
    )

    applied = one.json["applied"] + other.json["applied"]
    assert sorted(set(applied)) == sorted(applied)
    assert applied


async def test_a_workspace_is_shown_with_its_secret(settings: dict[str, str]) -> None:
    """`workspaces create` tells the id and the secret that signs webhooks."""
    made = await run(
        "workspaces", "create", "Acme", "--low-balance", "5", "--json", settings=settings
    )

    assert sorted(made.json) == ["name", "webhook_secret", "workspace_id"]
    assert made.json["webhook_secret"].startswith("whsec_")


async def test_a_workspace_needs_a_key_for_its_secret(settings: dict[str, str]) -> None:
    """Without LEADFALL_SECRET_KEYS the command names it and says how to make one."""
    failed = await run(
        "workspaces", "create", "Acme", settings={**settings, "LEADFALL_SECRET_KEYS": ""}
    )

    assert failed.code == 1
    assert "LEADFALL_SECRET_KEYS holds no key. Make one with" in failed.errors
    assert failed.output == ""


async def test_keys_are_made_listed_and_revoked(
    settings: dict[str, str], workspace_id: str
) -> None:
    """A key is shown once; the list shows hints, and when a key was revoked."""
    of_workspace = ("--workspace", workspace_id, "--json")
    made = await run(
        "keys", "create", "--face", "both", "--name", "CI", *of_workspace, settings=settings
    )
    seleqt, sendkit = made.json["keys"]

    revoked = await run("keys", "revoke", str(seleqt["id"]), *of_workspace, settings=settings)
    listed = await run("keys", "list", *of_workspace, settings=settings)

    assert {"workspace_id": workspace_id, "revoked": seleqt["id"]} == revoked.json
    assert sendkit["key"].startswith("sk_")
    assert seleqt["key"] not in listed.output
    assert [
        (key["face"], key["name"], key["revoked_at"] is None) for key in listed.json["keys"]
    ] == [("seleqt", "CI", False), ("sendkit", "CI", True)]


async def test_a_key_is_revoked_once(settings: dict[str, str], workspace_id: str) -> None:
    """An unknown key is a sentence and exit code 1."""
    failed = await run("keys", "revoke", "99", "--workspace", workspace_id, settings=settings)

    assert (failed.code, failed.errors) == (1, "leadfall: There is no live key with the id 99\n")


async def test_credits_are_granted_and_shown(settings: dict[str, str], workspace_id: str) -> None:
    """The balance is the sum of what was granted."""
    first = await run(
        "credits", "grant", workspace_id, "40", "--note", "a start", "--json", settings=settings
    )
    await run("credits", "grant", workspace_id, "2", settings=settings)
    shown = await run("credits", "show", workspace_id, "--json", settings=settings)

    assert {"workspace_id": workspace_id, "granted": 40, "balance": 40} == first.json
    assert shown.json == {
        "workspace_id": workspace_id,
        "granted": 42,
        "charged": 0,
        "refunded": 0,
        "balance": 42,
    }


async def test_a_bad_row_is_reported_and_the_others_are_imported(
    settings: dict[str, str], workspace_id: str, tmp_path: Path
) -> None:
    """Each bad row is named by its line with the reason, in a file with a row of each sort."""
    file = tmp_path / "leads.csv"
    file.write_bytes(
        b"first_name,email\nAda,ada@example.com\nBob,nonsense\n,\n\xff\xfe,x@example.com\n"
        b"Cy,cy@example.com\nAda,ADA@example.com\n"
    )

    done = await run(
        *("leads", "import", str(file), "--workspace", workspace_id),
        *("--new-list", "First", "--json"),
        settings=settings,
    )

    assert done.code == 0
    assert done.json["imported"] == 2
    assert done.json["errors"] == [
        {"line": 3, "reason": "email is not an e-mail address"},
        {"line": 5, "reason": "first_name is not UTF-8"},
        {"line": 7, "reason": "a lead with this email is there already"},
    ]


@pytest.mark.parametrize(
    "text",
    ["name,address\nAda,x\n", "first_name,email\n,\nBob,nonsense\n"],
    ids=["no known column", "no good row"],
)
async def test_an_import_of_nothing_leaves_nothing_behind(
    settings: dict[str, str], workspace_id: str, tmp_path: Path, text: str
) -> None:
    """It fails, and the list was not made."""
    file = tmp_path / "leads.csv"
    file.write_text(text)
    begin = ("leads", "import", str(file), "--workspace", workspace_id)

    failed = await run(*begin, "--new-list", "Q", settings=settings)
    no_list = await run(*begin, "--list", "1", settings=settings)

    assert failed.code == 1
    assert no_list.errors == "leadfall: There is no list 1 in this workspace.\n"


async def test_a_stray_quote_is_told_with_its_line(
    settings: dict[str, str], workspace_id: str, tmp_path: Path
) -> None:
    """The row it stands in is the only one of 56 that is not imported."""
    file = tmp_path / "leads.csv"
    file.write_text("first_name,email\n" + "Ada,\n" * 4 + 'Bob,"\n' + "Ada,\n" * 51)
    begin = ("leads", "import", str(file), "--workspace", workspace_id, "--new-list", "Q")

    done = await run(*begin, "--json", settings=settings)

    assert (done.code, done.json["imported"], done.json["bad"]) == (0, 55, 1)
    assert [error["line"] for error in done.json["errors"]] == [6]


async def test_leads_go_into_a_list_that_is_there(
    settings: dict[str, str], workspace_id: str, tmp_path: Path
) -> None:
    """The id of one import's new list is what the next one takes."""
    file = tmp_path / "leads.csv"
    file.write_text("first_name,last_name\nAda,Lovelace\n")
    begin = ("leads", "import", str(file), "--workspace", workspace_id, "--json")
    made = await run(*begin, "--new-list", "First", settings=settings)

    again = await run(*begin, "--list", str(made.json["list_id"]), settings=settings)

    assert {"list_id": made.json["list_id"], "imported": 1, "bad": 0, "errors": []} == again.json


async def test_logs_of_a_command_do_not_spoil_its_answer(
    settings: dict[str, str], workspace_id: str
) -> None:
    """They go to standard error, whatever command it is."""
    done = await run(
        *("leads", "erase", "--workspace", workspace_id, "--email", "x@example.com", "--json"),
        settings=settings,
    )

    assert (done.code, done.json["leads"]) == (0, 0)
    assert '"event":"people.erased"' in done.errors


async def test_an_import_names_one_list(
    settings: dict[str, str], workspace_id: str, tmp_path: Path
) -> None:
    """Neither or both of --list and --new-list is wrong usage: exit code 2."""
    file = tmp_path / "leads.csv"
    file.write_text("first_name\nAda\n")

    failed = await run("leads", "import", str(file), "--workspace", workspace_id, settings=settings)

    assert failed.code == 2
    assert "give either --list ID or --new-list NAME" in failed.errors


async def test_an_unknown_list_is_refused(
    settings: dict[str, str], workspace_id: str, tmp_path: Path
) -> None:
    """A list of another workspace does not exist for this one."""
    file = tmp_path / "leads.csv"
    file.write_text("first_name\nAda\n")

    failed = await run(
        *("leads", "import", str(file), "--workspace", workspace_id, "--list", "99"),
        settings=settings,
    )

    assert (failed.code, failed.errors) == (1, "leadfall: There is no list 99 in this workspace.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "list", "--workspace", NO_SUCH_ID),
        ("keys", "create", "--face", "both", "--workspace", NO_SUCH_ID),
        ("keys", "revoke", "1", "--workspace", NO_SUCH_ID),
        ("credits", "show", NO_SUCH_ID),
        ("credits", "grant", NO_SUCH_ID, "5"),
    ],
    ids=" ".join,
)
async def test_an_unknown_workspace_is_a_sentence(
    settings: dict[str, str], arguments: tuple[str, ...]
) -> None:
    """Every command about a workspace says that there is none, and exits with 1."""
    failed = await run(*arguments, settings=settings)

    assert (
        failed.code,
        failed.output,
        failed.errors,
    ) == (1, "", "leadfall: There is no workspace with this id.\n")


async def test_the_audit_of_a_sound_database_is_clean(
    settings: dict[str, str], workspace_id: str
) -> None:
    """It prints one object and exits with 0."""
    done = await run("audit", "--json", settings=settings)

    assert (done.code, done.json["clean"]) == (0, True)


async def test_the_audit_finds_a_balance_that_is_off(
    settings: dict[str, str], workspace_id: str, connection: asyncpg.Connection
) -> None:
    """Credits that no entry of the ledger explains are a breach: exit code 1."""
    await connection.execute("update workspaces set balance = balance + 1")

    done = await run("audit", "--json", settings=settings)

    assert (done.code, done.json["clean"]) == (1, False)
    assert [check["name"] for check in done.json["checks"] if check["breaches"]] == [
        "balance_is_sum_of_ledger"
    ]


async def test_a_piped_table_is_not_padded(settings: dict[str, str]) -> None:
    """One long value does not make every row long, and no row ends in blanks."""
    shown = await run("doctor", settings=settings)

    lines = shown.output.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert len([line for line in lines if len(line) > 250]) <= 5


@pytest.mark.parametrize("command", [["doctor"], ["credits", "show", NO_SUCH_ID], ["api"]])
async def test_a_variable_that_is_no_setting_is_an_error(
    settings: dict[str, str], command: list[str]
) -> None:
    """A name that was misspelt is told, without its value; a pod's links to services are not."""
    link = {
        "LEADFALL_API_SERVICE_HOST": "10.0.0.1",
        "LEADFALL_API_PORT_80_TCP": "tcp://10.0.0.1:80",
    }

    failed = await run(*command, settings={**settings, **link, "LEADFALL_NOPE": "hidden"})

    assert failed.code == 1
    assert "LEADFALL_NOPE: there is no such setting" in failed.errors
    assert "SERVICE_HOST" not in failed.errors
    assert "hidden" not in failed.errors


async def test_a_key_that_opens_nothing_is_told(
    settings: dict[str, str], workspace_id: str
) -> None:
    """Making a second workspace with another key works, and warns."""
    create = ("workspaces", "create", "Other", "--json")
    other = {**settings, "LEADFALL_SECRET_KEYS": Fernet.generate_key().decode()}

    same = await run(*create, settings=settings)
    made = await run(*create, settings=other)

    assert (same.code, same.errors) == (0, "")
    assert (made.code, made.json["name"]) == (0, "Other")
    assert "does not open the secrets that are stored already" in made.errors


async def test_the_doctor_lists_settings_without_secrets(settings: dict[str, str]) -> None:
    """Secrets are masked in both forms of its answer."""
    as_json = await run("doctor", "--json", settings=settings)
    for_people = await run("doctor", settings=settings)

    assert as_json.code == 0
    assert "LEADFALL_DATABASE_URL" in {line["name"] for line in as_json.json["settings"]}
    assert settings["LEADFALL_SECRET_KEYS"] not in as_json.output + for_people.output
    assert "LEADFALL_DATABASE_URL*" in for_people.output


@pytest.mark.parametrize("command", ["api", "worker", "dispatcher", "audit"])
async def test_a_database_without_schema_names_the_remedy(
    settings: dict[str, str], empty_database_url: str, command: str
) -> None:
    """What needs tables says `leadfall migrate` instead of failing halfway."""
    failed = await run(command, settings={**settings, "LEADFALL_DATABASE_URL": empty_database_url})

    assert failed.code == 1
    assert "run `leadfall migrate` first" in failed.errors
    assert "Traceback" not in failed.errors


@pytest.mark.parametrize("command", ["api", "worker", "dispatcher", "audit", "migrate"])
async def test_a_database_that_is_away_is_a_sentence(
    settings: dict[str, str], command: str
) -> None:
    """It names the setting, and neither the password nor a traceback."""
    away = "postgresql://somebody:open-sesame@127.0.0.1:1/nowhere"

    failed = await run(command, settings={**settings, "LEADFALL_DATABASE_URL": away})

    assert failed.code == 1
    assert failed.errors.endswith("Check LEADFALL_DATABASE_URL.\n")
    assert "open-sesame" not in failed.errors
    assert "Traceback" not in failed.errors


async def test_a_setting_that_cannot_be_read_is_named(settings: dict[str, str]) -> None:
    """The sentence has the variable's name and not its value."""
    failed = await run("api", settings={**settings, "LEADFALL_PORT": "eighty"})

    assert failed.code == 1
    assert "LEADFALL_PORT: Input should be a valid integer" in failed.errors
    assert "eighty" not in failed.errors


@pytest.mark.parametrize(
    "arguments", [("credits", "grant", NO_SUCH_ID, "0"), ("nonsense",), ("keys", "create")], ids=str
)
async def test_wrong_usage_exits_with_two(arguments: tuple[str, ...]) -> None:
    """Usage errors are told apart from failures."""
    failed = await run(*arguments)

    assert failed.code == 2


def commands(group: Any) -> Iterator[Any]:
    """Yield every command below a group."""
    for each in group.commands.values():
        yield from commands(each) if hasattr(each, "commands") else (each,)


def test_every_command_answers_in_json() -> None:
    """README promises `--json` for all of them."""
    options = {
        each.name: {option for parameter in each.params for option in parameter.opts}
        for each in commands(typer.main.get_command(build()))
    }

    assert {name for name, given in options.items() if "--json" not in given} == set()


async def test_the_openapi_document_comes_in_one_line_too(tmp_path: Path) -> None:
    """Written to a file, it is told where."""
    file = tmp_path / "openapi.json"

    shown = await run("openapi", "--json")
    written = await run("openapi", str(file), "--json")

    assert shown.json == json.loads(file.read_bytes())
    assert {"file": str(file)} == written.json


async def test_help_names_every_command() -> None:
    """The list that a newcomer sees is complete."""
    shown = await run("--help")

    assert {
        *("demo", "dev", "api", "worker", "dispatcher", "migrate"),
        *("workspaces", "keys", "credits", "leads", "audit", "doctor"),
    } <= set(shown.output.split())

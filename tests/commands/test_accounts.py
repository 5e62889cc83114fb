"""The commands about accounts and their platform keys."""

import pytest

from tests.commands.processes import run

NO_SUCH_ID = "0" * 24


async def test_an_account_gets_a_role_and_a_key(
    settings: dict[str, str], workspace_id: str
) -> None:
    """The key is shown once, is listed by its hint, and can be revoked."""
    made = await run("accounts", "create", "Ada", "ada@example.com", "--json", settings=settings)
    account_id = made.json["account_id"]
    added = await run(
        *("accounts", "add", account_id, workspace_id, "--role", "owner", "--json"),
        settings=settings,
    )
    of_account = ("--account", account_id, "--json")
    created = await run("keys", "create", *of_account, settings=settings)
    [key] = created.json["keys"]
    revoked = await run("keys", "revoke", str(key["id"]), *of_account, settings=settings)
    listed = await run("keys", "list", *of_account, settings=settings)

    assert {"account_id": account_id, "workspace_id": workspace_id, "role": "owner"} == added.json
    assert key["key"].startswith("sk_user_")
    assert {"account_id": account_id, "revoked": key["id"]} == revoked.json
    assert key["key"] not in listed.output
    assert [each["revoked_at"] is not None for each in listed.json["keys"]] == [True]


async def test_an_account_can_be_removed_from_a_workspace(
    settings: dict[str, str], workspace_id: str
) -> None:
    """Once; it may be added again."""
    made = await run("accounts", "create", "Ada", "ada@example.com", "--json", settings=settings)
    both = (made.json["account_id"], workspace_id)
    await run("accounts", "add", *both, settings=settings)

    removed = await run("accounts", "remove", *both, "--json", settings=settings)
    again = await run("accounts", "remove", *both, settings=settings)
    added = await run("accounts", "add", *both, settings=settings)

    assert {"account_id": both[0], "workspace_id": both[1], "removed": True} == removed.json
    assert (*(again.code, again.errors),) == (
        1,
        "leadfall: This account is no member of this workspace.\n",
    )
    assert added.code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("accounts", "create", "Ada", "nonsense"), "email must be an e-mail address"),
        (("accounts", "create", " ", "a@example.com"), "name must have 1 to 100 characters"),
        (("accounts", "add", NO_SUCH_ID, NO_SUCH_ID), "There is no account with this id."),
        (("accounts", "remove", NO_SUCH_ID, NO_SUCH_ID), "There is no account with this id."),
        (("keys", "create", "--account", NO_SUCH_ID), "There is no account with this id."),
        (("keys", "list", "--account", NO_SUCH_ID), "There is no account with this id."),
        (("keys", "revoke", "1", "--account", NO_SUCH_ID), "There is no account with this id."),
    ],
    ids=str,
)
async def test_what_cannot_be_is_a_sentence(
    settings: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    """With exit code 1 and nothing on standard output."""
    failed = await run(*arguments, settings=settings)

    assert (1, "", f"leadfall: {said}\n") == (failed.code, failed.output, failed.errors)


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "--workspace", NO_SUCH_ID),
        ("keys", "create", "--account", NO_SUCH_ID, "--workspace", NO_SUCH_ID),
        ("keys", "create", "--account", NO_SUCH_ID, "--face", "both"),
        ("keys", "list"),
        ("accounts", "add", NO_SUCH_ID, NO_SUCH_ID, "--role", "king"),
    ],
    ids=str,
)
async def test_wrong_usage_exits_with_two(arguments: tuple[str, ...]) -> None:
    """A key has one holder, a workspace's key has a face, and a role is one of three."""
    failed = await run(*arguments)

    assert failed.code == 2

"""`leadfall keys`: makes, lists and revokes API keys, and renews what encrypts stored secrets."""

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from service.commands.options import AsJson

keys_app = typer.Typer(help="Make, list and revoke API keys; reencrypt all.", no_args_is_help=True)


class FaceChoice(StrEnum):
    """Which of the two APIs a key is for."""

    SELEQT = "seleqt"
    SENDKIT = "sendkit"
    BOTH = "both"


OfWorkspace = Annotated[
    str | None,
    typer.Option("--workspace", help="Id of the workspace, as `workspaces create` printed it."),
]
OfAccount = Annotated[
    str | None,
    typer.Option("--account", help="Id of the account, as `accounts create` printed it."),
]


@keys_app.command()
def create(
    *,
    workspace: OfWorkspace = None,
    account: OfAccount = None,
    face: Annotated[
        FaceChoice | None,
        typer.Option(
            "--face",
            help="The API of a workspace's key; `both` makes a key for each. "
            "Accounts' keys are for SendKit's.",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "command line",
    as_json: AsJson = False,
) -> None:
    """Make a key for a workspace or for an account; it is shown this once."""
    from service.commands.output import print_json, print_table
    from service.commands.setup import run_to_end

    holder = _holder(workspace, account)
    if account is None and face is None:
        raise typer.BadParameter("give --face for the key of a workspace")
    if account is not None and face not in {None, FaceChoice.SENDKIT}:
        raise typer.BadParameter("keys of accounts are for the face sendkit only")
    made = run_to_end(_create(holder, face or FaceChoice.SENDKIT, name))
    if as_json:
        print_json({**holder.shown, "keys": made})
    else:
        print_table(("id", "face", "key"), [(k["id"], k["face"], k["key"]) for k in made])


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whose key is meant: a workspace's, or an account's if `is_account`."""

    public_id: str
    is_account: bool

    @property
    def shown(self) -> dict[str, str]:
        return {"account_id" if self.is_account else "workspace_id": self.public_id}


def _holder(workspace: str | None, account: str | None) -> _Holder:
    if workspace is not None and account is None:
        return _Holder(workspace, is_account=False)
    if account is not None and workspace is None:
        return _Holder(account, is_account=True)
    raise typer.BadParameter("give either --workspace ID or --account ID")


async def _create(holder: _Holder, face: FaceChoice, name: str) -> list[dict[str, Any]]:
    from service.commands.setup import open_database, require_workspace
    from service.domain.kinds import Face
    from service.flows.manage_accounts import create_platform_key
    from service.flows.manage_keys import create_api_key

    faces = list(Face) if face is FaceChoice.BOTH else [Face(face.value)]
    async with open_database() as pool:
        if holder.is_account:
            made = [await create_platform_key(pool, holder.public_id, name)]
        else:
            workspace_id = await require_workspace(pool, holder.public_id)
            made = [await create_api_key(pool, workspace_id, each, name) for each in faces]
    return [
        {"id": kept.id, "face": kept.face, "name": kept.name, "key": key.text} for kept, key in made
    ]


@keys_app.command("list")
def list_keys(
    *, workspace: OfWorkspace = None, account: OfAccount = None, as_json: AsJson = False
) -> None:
    """List every key a workspace or account ever had; a key itself cannot be shown again."""
    from service.commands.output import print_json, print_table
    from service.commands.setup import run_to_end

    holder = _holder(workspace, account)
    keys = run_to_end(_list(holder))
    if as_json:
        print_json({**holder.shown, "keys": keys})
    else:
        columns = ("id", "face", "name", "hint", "created_at", "revoked_at")
        print_table(columns, [[key[column] for column in columns] for key in keys])


async def _list(holder: _Holder) -> list[dict[str, Any]]:
    from service.commands.setup import open_database, require_workspace
    from service.domain.face_answers import iso
    from service.flows.manage_accounts import list_platform_keys
    from service.flows.manage_keys import list_api_keys

    async with open_database() as pool:
        if holder.is_account:
            kept = await list_platform_keys(pool, holder.public_id)
        else:
            kept = await list_api_keys(pool, await require_workspace(pool, holder.public_id))
    return [
        {
            "id": key.id,
            "face": key.face,
            "name": key.name,
            "hint": key.hint,
            "created_at": iso(key.created_at),
            "revoked_at": iso(key.revoked_at),
        }
        for key in kept
    ]


@keys_app.command()
def revoke(
    key_id: Annotated[int, typer.Argument(help="Id of the key, from `keys list`.")],
    *,
    workspace: OfWorkspace = None,
    account: OfAccount = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good; every process refuses it within a second."""
    from service.commands.output import print_json, print_lines
    from service.commands.setup import run_to_end

    holder = _holder(workspace, account)
    run_to_end(_revoke(holder, key_id))
    if as_json:
        print_json({**holder.shown, "revoked": key_id})
    else:
        print_lines(f"key {key_id} is revoked")


async def _revoke(holder: _Holder, key_id: int) -> None:
    from service.commands.setup import open_database, require_workspace
    from service.flows.manage_accounts import revoke_account_key
    from service.flows.manage_keys import revoke_api_key

    async with open_database() as pool:
        if holder.is_account:
            await revoke_account_key(pool, holder.public_id, key_id)
        else:
            workspace_id = await require_workspace(pool, holder.public_id)
            await revoke_api_key(pool, workspace_id, key_id)


@keys_app.command()
def reencrypt(*, as_json: AsJson = False) -> None:
    """Put every stored secret under the first of LEADFALL_SECRET_KEYS; exit 1 if one cannot be.

    Run it once all processes have the new key in front, and before the old one is taken away.
    """
    from service.commands.output import print_json, print_table
    from service.commands.setup import run_to_end

    tables = run_to_end(_reencrypt())
    if as_json:
        print_json(tables)
    else:
        print_table(
            ("table", "reencrypted", "unreadable"),
            [(name, t["reencrypted"], _unreadable(t)) for name, t in tables.items()],
        )
    if any(table["unreadable"] for table in tables.values()):
        sys.stderr.write(
            "leadfall: Secrets that no key of LEADFALL_SECRET_KEYS opens stay as they are: put the "
            "key that opens them behind the first one and run this again.\n"
        )
        sys.exit(1)


async def _reencrypt() -> dict[str, Any]:
    from service.commands.secrets import open_box
    from service.commands.setup import open_database
    from service.flows.reencrypt_secrets import reencrypt_secrets
    from service.settings import Settings

    settings = Settings()
    box = open_box(settings)
    async with open_database(settings) as pool:
        done = await reencrypt_secrets(pool, box)
    return {
        each.table.value: {
            "reencrypted": each.reencrypted,
            "unreadable": each.unreadable,
            "unreadable_ids": list(each.unreadable_ids),
        }
        for each in done
    }


def _unreadable(table: dict[str, Any]) -> str:
    ids = table["unreadable_ids"]
    if not ids:
        return "0"
    more = ", …" if table["unreadable"] > len(ids) else ""
    return f"{table['unreadable']} (id {', '.join(map(str, ids))}{more})"

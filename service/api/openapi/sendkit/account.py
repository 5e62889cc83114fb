"""Accounts, workspaces and the keys of workspaces."""

from typing import Annotated, Final, Literal

from pydantic import Field

from service.api.openapi.operation import Access, Operation, Operations
from service.api.openapi.parameters import LIMIT, cursor, in_path
from service.api.openapi.prose import ACCOUNT
from service.api.openapi.sendkit.pages import CappedPlace
from service.api.openapi.values import CamelAnswer, Moment, ObjectId, paged, wrapped
from service.errors import NotFound, WorkspaceKeyExists


class Membership(CamelAnswer):
    """A workspace of the account, and what the account may do in it."""

    workspace_id: ObjectId
    role: Literal["owner", "admin", "member"]
    joined_at: Moment


class Account(CamelAnswer):
    """Who holds the platform key."""

    id: ObjectId
    name: Annotated[str, Field(examples=["Ada"])]
    email: Annotated[str, Field(examples=["ada@engines.example"])]
    image: None
    tier: Literal["self-hosted"]
    workspaces: list[Membership]


class Workspace(CamelAnswer):
    """A workspace."""

    id: ObjectId
    name: Annotated[str, Field(examples=["Acme"])]
    owner_id: ObjectId | None
    member_count: Annotated[int, Field(ge=0, examples=[1])]
    created_at: Moment


class WorkspaceKey(CamelAnswer):
    """The workspace's key; it is shown this once."""

    api_key: Annotated[str, Field(examples=["sk_made-up"])]
    created_at: Moment
    created_by: ObjectId


OPERATIONS: Final[Operations] = {
    ("GET", "/v1/account"): Operation(
        "showAccount", "Show your account", ACCOUNT, Access.ACCOUNT, wrapped(Account)
    ),
    ("GET", "/v1/workspaces"): Operation(
        "listWorkspaces",
        "List the workspaces a key can act in",
        ACCOUNT,
        Access.ANYONE,
        paged(Workspace, CappedPlace, "A page of workspaces; a workspace key has one."),
        parameters=(cursor(), LIMIT),
    ),
    ("POST", "/v1/workspaces/{workspace_id}/api-key"): Operation(
        "createWorkspaceKey",
        "Make a workspace's key",
        ACCOUNT,
        Access.ACCOUNT,
        wrapped(WorkspaceKey),
        description="For owners and admins; a workspace has one at most. Errors are flat here.",
        parameters=(
            in_path(
                "workspace_id",
                "The workspace's id.",
                "65f0c1d2e3a4b5c6d7e8f900",
                pattern="^[0-9A-Fa-f]{24}$",
            ),
        ),
        errors=(NotFound, WorkspaceKeyExists),
        flat_errors=True,
    ),
}

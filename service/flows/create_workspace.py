"""Creates a workspace together with the default secret that signs its webhooks."""

from dataclasses import dataclass, field

from service.domain.signing import new_secret
from service.edges.secret_box import SecretBox, signing_purpose
from service.store.connection import Pool
from service.store.secrets import insert_secret
from service.store.workspaces import insert_workspace


@dataclass(frozen=True, slots=True)
class NewWorkspace:
    """A workspace that was just made.

    Attributes:
        webhook_secret: the default secret; this is the only time it is shown.
    """

    id: int
    public_id: str
    webhook_secret: str = field(repr=False)


async def create_workspace(
    pool: Pool, box: SecretBox, name: str, *, low_balance: int | None = None
) -> NewWorkspace:
    """Create a workspace without credits or keys.

    Args:
        low_balance: a charge that takes the balance below this emits `credits.low`; None for the
            default.
    """
    secret = new_secret()
    async with pool.acquire() as connection, connection.transaction():
        workspace_id, public_id = await insert_workspace(connection, name, low_balance)
        sealed = box.seal(signing_purpose(workspace_id, None), secret)
        await insert_secret(connection, workspace_id, None, sealed)
    return NewWorkspace(workspace_id, public_id, secret)

"""Replaces what signs an endpoint's webhooks, or a workspace's by default, with an overlap."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from service.domain.face_answers import iso
from service.domain.signing import SIGNING_KEYS_MAX, SigningSecret
from service.edges.secret_box import SecretBox
from service.errors import KeysStillSigning
from service.flows.manage_endpoints import keep_key, open_text, require_listed
from service.store.connection import Connection, Pool
from service.store.secrets import (
    LiveSecret,
    lock_secrets,
    read_live_secrets,
    retire_current,
)

OVERLAP_DEFAULT: Final = timedelta(hours=24)
OVERLAP_MAX: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Rotated:
    """What signs after a rotation.

    Attributes:
        key: the new current one; the only time that a default secret is shown.
        secrets: all that sign, the current one first.
    """

    key: SigningSecret = field(repr=False)
    secrets: tuple[LiveSecret, ...]


async def rotate_secret(
    pool: Pool,
    box: SecretBox,
    workspace_id: int,
    endpoint_public_id: str | None,
    *,
    key: SigningSecret,
    overlap: timedelta,
) -> Rotated:
    """Sign with `key` from the next attempt on, and for `overlap` with the one before as well.

    Args:
        endpoint_public_id: None rotates the workspace's default.

    Raises:
        NotFound: the workspace has no such endpoint, or it was made from a job.
        KeysStillSigning: three sign already, and with an overlap it would be four.
    """
    async with pool.acquire() as connection, connection.transaction():
        endpoint_id = None
        if endpoint_public_id is not None:
            endpoint = await require_listed(connection, workspace_id, endpoint_public_id)
            endpoint_id = endpoint.id
        await lock_secrets(connection, workspace_id, endpoint_id)
        live = await _live(connection, workspace_id, endpoint_id)
        # The one that is current stays only if there is an overlap.
        stays = len(live) if overlap else sum(each.expires_at is not None for each in live)
        if stays >= SIGNING_KEYS_MAX:
            until = min(each.expires_at for each in live if each.expires_at is not None)
            raise KeysStillSigning(SIGNING_KEYS_MAX, iso(until) or "")
        await retire_current(
            connection, workspace_id, endpoint_id, overlap_s=overlap.total_seconds()
        )
        await keep_key(connection, box, workspace_id, endpoint_id, key)
        return Rotated(key, tuple(await _live(connection, workspace_id, endpoint_id)))


async def show_default(
    pool: Pool, box: SecretBox, workspace_id: int
) -> tuple[str | None, tuple[LiveSecret, ...]]:
    """Return the workspace's default secret, None if it cannot be read, and all that sign."""
    async with pool.acquire() as connection:
        live = await _live(connection, workspace_id, None)
    return (open_text(box, workspace_id, live[0]) if live else None), tuple(live)


async def _live(
    connection: Connection, workspace_id: int, endpoint_id: int | None
) -> list[LiveSecret]:
    return (await read_live_secrets(connection, workspace_id, [endpoint_id])).get(endpoint_id, [])

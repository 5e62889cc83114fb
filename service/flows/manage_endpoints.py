"""Makes, changes, switches and removes the endpoints of a workspace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from service.domain.signing import Scheme, SigningSecret, new_key_pair, new_secret, read_signing_key
from service.edges.secret_box import SecretBox, signing_purpose
from service.errors import NotFound, TooManyEndpoints
from service.flows.open_secrets import open_headers, open_signing_secrets, seal_headers
from service.store.connection import Connection, Pool
from service.store.deliveries import close_unwanted
from service.store.endpoints import (
    Endpoint,
    EndpointTerms,
    change_endpoint,
    count_endpoints,
    count_parked,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    insert_endpoint,
    read_endpoint,
    read_endpoints,
    set_headers,
)
from service.store.replays import resume_replay
from service.store.secrets import LiveSecret, SealedSecret, insert_secret, read_live_secrets

ENDPOINTS_MAX: Final = 500
"""Endpoints of one workspace: every event is written once for each that subscribes to it."""
BY_OWNER: Final = "by_owner"
_CLOSED_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Shown:
    """An endpoint with all that its owner may see.

    Attributes:
        headers: names of the headers added, and their values; None when they cannot be read.
        secrets: what signs, the current one first; empty while the workspace's default does.
        secret: the current one; None when it is the default, cannot be read, or is a key pair.
        parked_count: None where it was not counted.
    """

    endpoint: Endpoint
    headers: Mapping[str, str] | None = field(repr=False)
    secrets: tuple[LiveSecret, ...]
    secret: str | None = field(repr=False)
    parked_count: int | None = None


def made_key(scheme: Scheme) -> SigningSecret:
    """Return a fresh secret, or key pair, as the scheme asks for."""
    return read_signing_key(new_secret() if scheme is Scheme.SHARED else new_key_pair())


async def create_endpoint(
    pool: Pool,
    box: SecretBox,
    workspace_id: int,
    terms: EndpointTerms,
    *,
    key: SigningSecret,
    headers: Mapping[str, str],
    created_by: str,
) -> Shown:
    """Make an endpoint with a secret of its own.

    Raises:
        TooManyEndpoints: the workspace has as many as it may have.
    """
    async with pool.acquire() as connection, connection.transaction():
        made = await insert_endpoint(
            connection, workspace_id, terms, created_by, count_max=ENDPOINTS_MAX
        )
        if made is None:
            raise TooManyEndpoints(ENDPOINTS_MAX)
        endpoint_id, public_id = made
        await set_headers(
            connection, endpoint_id, seal_headers(box, workspace_id, endpoint_id, headers)
        )
        await keep_key(connection, box, workspace_id, endpoint_id, key)
        return await _show(connection, box, workspace_id, public_id)


async def keep_key(
    connection: Connection,
    box: SecretBox,
    workspace_id: int,
    endpoint_id: int | None,
    key: SigningSecret,
) -> None:
    """Write what signs from now on for an endpoint, or by default for the workspace."""
    sealed = box.seal(signing_purpose(workspace_id, endpoint_id), key.text)
    await insert_secret(
        connection,
        workspace_id,
        endpoint_id,
        sealed,
        scheme=key.scheme,
        public_key=key.public_key,
    )


async def list_endpoints(
    pool: Pool, box: SecretBox, workspace_id: int, *, after: int, limit: int
) -> tuple[list[Shown], int]:
    """Return a page of endpoints, the oldest first, and how many there are in all."""
    async with pool.acquire() as connection:
        endpoints = await read_endpoints(connection, workspace_id, after=after, limit=limit)
        secrets = await read_live_secrets(connection, workspace_id, [each.id for each in endpoints])
        total = await count_endpoints(connection, workspace_id)
    return [_shown(box, each, secrets.get(each.id, [])) for each in endpoints], total


async def show_endpoint(pool: Pool, box: SecretBox, workspace_id: int, public_id: str) -> Shown:
    """Return one endpoint.

    Raises:
        NotFound: the workspace has no such endpoint.
    """
    async with pool.acquire() as connection:
        return await _show(connection, box, workspace_id, public_id)


async def require_endpoint(connection: Connection, workspace_id: int, public_id: str) -> Endpoint:
    """Return an endpoint.

    Raises:
        NotFound: the workspace has no such endpoint.
    """
    found = await read_endpoint(connection, workspace_id, public_id)
    if found is None:
        raise NotFound(
            "There is no webhook with this id in this workspace; GET /v1/webhooks lists them"
        )
    return found


async def require_listed(connection: Connection, workspace_id: int, public_id: str) -> Endpoint:
    """Return an endpoint that was made as one; what a job's URL made is all that its URL says.

    Raises:
        NotFound: the workspace has no such endpoint.
    """
    found = await require_endpoint(connection, workspace_id, public_id)
    if found.hidden:
        raise NotFound(
            "This webhook was made from a job's webhook URL: it can be shown, tested, switched on "
            "and off, replayed and deleted, and is signed with the default secret; there is "
            "nothing of its own to change"
        )
    return found


async def update_endpoint(
    pool: Pool,
    box: SecretBox,
    workspace_id: int,
    public_id: str,
    terms: EndpointTerms,
    *,
    headers: Mapping[str, str] | None,
) -> Shown:
    """Change an endpoint; what is None stays as it is, headers are replaced as a whole.

    Raises:
        NotFound: the workspace has no such endpoint, or it was made from a job.
    """
    async with pool.acquire() as connection, connection.transaction():
        endpoint = await require_listed(connection, workspace_id, public_id)
        await change_endpoint(connection, endpoint.id, terms)
        if headers is not None:
            sealed = seal_headers(box, workspace_id, endpoint.id, headers)
            await set_headers(connection, endpoint.id, sealed)
        return await _show(connection, box, workspace_id, public_id)


async def switch_endpoint(
    pool: Pool, box: SecretBox, workspace_id: int, public_id: str, *, on: bool
) -> Shown:
    """Enable or disable an endpoint; one that is so already stays as it is.

    A replay that it interrupted goes on with all it had not delivered.

    Raises:
        NotFound: the workspace has no such endpoint.
    """
    async with pool.acquire() as connection, connection.transaction():
        endpoint = await require_endpoint(connection, workspace_id, public_id)
        if on:
            await enable_endpoint(connection, endpoint.id)
            await resume_replay(connection, endpoint.id)
        else:
            await disable_endpoint(connection, endpoint.id, BY_OWNER)
        return await _show(connection, box, workspace_id, public_id)


async def remove_endpoint(pool: Pool, workspace_id: int, public_id: str) -> None:
    """Delete an endpoint; what is not yet delivered is withdrawn.

    Raises:
        NotFound: the workspace has no such endpoint.
    """
    async with pool.acquire() as connection:
        async with connection.transaction():
            endpoint = await require_endpoint(connection, workspace_id, public_id)
            await delete_endpoint(connection, endpoint.id)
        await close_unwanted(connection, [endpoint.id], count_max=_CLOSED_AT_ONCE)


async def _show(connection: Connection, box: SecretBox, workspace_id: int, public_id: str) -> Shown:
    endpoint = await require_endpoint(connection, workspace_id, public_id)
    secrets = await read_live_secrets(connection, workspace_id, [endpoint.id])
    parked_count = await count_parked(connection, endpoint.id)
    return _shown(box, endpoint, secrets.get(endpoint.id, []), parked_count)


def _shown(
    box: SecretBox,
    endpoint: Endpoint,
    secrets: list[LiveSecret],
    parked_count: int | None = None,
) -> Shown:
    current = secrets[0] if secrets and secrets[0].expires_at is None else None
    shared = current is not None and current.scheme is Scheme.SHARED
    secret = open_text(box, endpoint.workspace_id, current) if current and shared else None
    headers = open_headers(box, endpoint.workspace_id, endpoint.id, endpoint.headers_ciphertext)
    return Shown(endpoint, headers, tuple(secrets), secret, parked_count)


def open_text(box: SecretBox, workspace_id: int, secret: LiveSecret) -> str | None:
    """Return a secret as it is shown, or None when it cannot be read."""
    sealed = SealedSecret(secret.id, secret.endpoint_id, secret.ciphertext)
    opened = open_signing_secrets(box, workspace_id, [sealed])
    return opened[0][1].text if opened else None

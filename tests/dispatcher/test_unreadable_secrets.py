"""What a receiver refuses because a secret that should sign could not be read is our fault."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.domain.signing import new_secret
from service.edges.secret_box import SecretBox, signing_purpose

Start = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize(
    "case",
    [
        (False, 401, False, "secret_unreadable"),
        (False, 500, True, "server_error"),
        (True, 401, True, "rejected"),
    ],
    ids=["unreadable", "another failure", "readable"],
)
async def test_a_refusal_counts_only_if_every_secret_signed(
    case: tuple[bool, int, bool, str], world: Any, box: SecretBox, receive: Start, dispatch: Start
) -> None:
    """In an overlap a receiver may hold the old one: without its signature a 401 proves nothing."""
    readable, status, counted, attempt_class = case
    receiver = await receive(status)
    endpoint_id = await world.add_endpoint(receiver.url)
    purpose = signing_purpose(world.workspace.id, endpoint_id)
    old = box.seal(purpose, new_secret()) if readable else b"garbage"
    await world.pool.executemany(
        """insert into signing_secrets (workspace_id, endpoint_id, ciphertext, expires_at)
           values ($1, $2, $3, leadfall_now() + $4 * interval '1 hour')""",
        [
            (world.workspace.id, endpoint_id, box.seal(purpose, new_secret()), None),
            (world.workspace.id, endpoint_id, old, 1),
        ],
    )
    await dispatch()

    [event_id] = await world.publish()
    delivery = await world.until_attempted(event_id)

    [attempt] = await world.attempts(event_id)
    assert delivery["attempt_count"] == int(counted)
    assert (attempt["status"], attempt["class"], attempt["counted"]) == (
        status,
        attempt_class,
        counted,
    )

"""Opens what an endpoint keeps sealed: the secrets that sign for it, and its own headers."""

from collections.abc import Mapping, Sequence

import orjson
import structlog

from service.domain.signing import SigningSecret, read_signing_key
from service.edges.secret_box import (
    SecretBox,
    SecretUnreadable,
    headers_purpose,
    signing_purpose,
)
from service.store.secrets import SealedSecret

_log = structlog.get_logger()


def open_signing_secrets(
    box: SecretBox, workspace_id: int, sealed: Sequence[SealedSecret]
) -> tuple[tuple[int, SigningSecret], ...]:
    """Return ids and secrets; none at all unless the first, the current one, can be read."""
    opened: list[tuple[int, SigningSecret]] = []
    for each in sealed:
        purpose = signing_purpose(workspace_id, each.endpoint_id)
        try:
            opened.append((each.id, read_signing_key(box.open(purpose, each.ciphertext))))
        except (SecretUnreadable, ValueError):
            _log.error("secret.unreadable", workspace_id=workspace_id)
            if not opened:
                return ()
    return tuple(opened)


def open_headers(
    box: SecretBox, workspace_id: int, endpoint_id: int, ciphertext: bytes | None
) -> Mapping[str, str] | None:
    """Return the headers an endpoint's owner added, or None when they cannot be read."""
    if ciphertext is None:
        return {}
    try:
        opened = orjson.loads(box.open(headers_purpose(workspace_id, endpoint_id), ciphertext))
    except (SecretUnreadable, orjson.JSONDecodeError):
        _log.error("headers.unreadable", workspace_id=workspace_id)
        return None
    return {str(name): str(value) for name, value in opened.items()}


def seal_headers(
    box: SecretBox, workspace_id: int, endpoint_id: int, headers: Mapping[str, str]
) -> bytes | None:
    """Return the headers as they are stored; None for none."""
    if not headers:
        return None
    text = orjson.dumps(dict(headers)).decode()
    return box.seal(headers_purpose(workspace_id, endpoint_id), text)

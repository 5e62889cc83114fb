"""The keys callers authenticate with: how one is made, recognised and hashed."""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

from service.domain.kinds import Face

KEY_CHARACTERS_MAX: Final = 256

_SELEQT_PREFIX_BYTES: Final = 4
_SECRET_BYTES: Final = 24
_SENDKIT_PREFIX: Final = "sk_"
# Begins like a workspace key, whose secret is hexadecimal and so never goes on like this.
_PLATFORM_PREFIX: Final = "sk_user_"
_SENDKIT_HINT_CHARACTERS: Final = 9
_PLATFORM_HINT_CHARACTERS: Final = 6


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A new key.

    Attributes:
        text: the key itself; shown once and kept nowhere.
        hint: what may be shown again: enough to recognise the key, too little to use it.
    """

    text: str = field(repr=False)
    hint: str

    @property
    def hash(self) -> bytes:
        """What is kept of the key."""
        return hash_key(self.text)


def new_key(face: Face) -> ApiKey:
    """Return a key in its face's own form, with 192 random bits in its secret part."""
    secret = secrets.token_hex(_SECRET_BYTES)
    if face is Face.SELEQT:
        prefix = secrets.token_hex(_SELEQT_PREFIX_BYTES)
        return ApiKey(f"{prefix}.{secret}", prefix)
    text = f"{_SENDKIT_PREFIX}{secret}"
    return ApiKey(text, text[:_SENDKIT_HINT_CHARACTERS])


def new_platform_key() -> ApiKey:
    """Return a key of an account, which SendKit's callers use in several workspaces."""
    text = f"{_PLATFORM_PREFIX}{secrets.token_hex(_SECRET_BYTES)}"
    return ApiKey(text, text[: len(_PLATFORM_PREFIX) + _PLATFORM_HINT_CHARACTERS])


def is_platform_key(text: str) -> bool:
    """Tell by its form whether a SendKit key is an account's and not a workspace's."""
    return text.startswith(_PLATFORM_PREFIX)


def hash_key(text: str) -> bytes:
    """Return the SHA-256 of a key.

    A plain hash is enough: the secret is random and long, so there is nothing to guess.
    """
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()

"""Keeps secrets encrypted at rest, each bound to the row that it belongs to."""

from collections.abc import Sequence
from typing import Final

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEYS_SETTING: Final = "LEADFALL_SECRET_KEYS"


class SecretUnreadable(Exception):  # noqa: N818 - said of the secret, not of the program
    """A stored secret cannot be decrypted, or is not the one of its row. The fault is ours."""


class SecretBox:
    """Encrypts with the newest key and decrypts with any of them.

    The plaintext repeats the purpose it was sealed for, so that a ciphertext copied to another
    row does not open there.
    """

    __slots__ = ("_fernet",)

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys, newest first.

        Raises:
            ValueError: there is none, or one is not a Fernet key; the message does not repeat it.
        """
        if not keys:
            raise ValueError(f"{KEYS_SETTING} holds no key")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise ValueError(
                f"{KEYS_SETTING}: each key is the URL-safe base64 of 32 bytes"
            ) from None

    def seal(self, purpose: str, secret: str) -> bytes:
        """Return the ciphertext of a secret, for this purpose only."""
        return self._fernet.encrypt(orjson.dumps({"for": purpose, "secret": secret}))

    def open(self, purpose: str, ciphertext: bytes) -> str:
        """Return the secret that was sealed for this purpose.

        Raises:
            SecretUnreadable: no key opens it, or it was sealed for something else.
        """
        try:
            plaintext = orjson.loads(self._fernet.decrypt(ciphertext))
        except (InvalidToken, orjson.JSONDecodeError):
            raise SecretUnreadable("a stored secret cannot be decrypted") from None
        match plaintext:
            case {"for": sealed_for, "secret": str(secret)} if sealed_for == purpose:
                return secret
            case _:
                raise SecretUnreadable("a stored secret belongs to another row")

    def reseal(self, ciphertext: bytes) -> bytes:
        """Return the same secret under the newest key.

        Raises:
            SecretUnreadable: no key opens it.
        """
        try:
            return self._fernet.rotate(ciphertext)
        except InvalidToken:
            raise SecretUnreadable("a stored secret cannot be decrypted") from None


def signing_purpose(workspace_id: int, endpoint_id: int | None) -> str:
    """Return what the signing secret of an endpoint, or a workspace's default, is sealed for."""
    return f"signing:{workspace_id}:{'default' if endpoint_id is None else endpoint_id}"


def provider_purpose(workspace_id: int, provider: str) -> str:
    """Return what a workspace's own key for a provider is sealed for."""
    return f"provider:{workspace_id}:{provider}"


def headers_purpose(workspace_id: int, endpoint_id: int) -> str:
    """Return what the headers that an endpoint's owner added are sealed for."""
    return f"headers:{workspace_id}:{endpoint_id}"


def pepper_purpose(purpose: str) -> str:
    """Return what the pepper of keyed hashes for this purpose is sealed for."""
    return f"pepper:{purpose}"

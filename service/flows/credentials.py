"""Finds the key that a call is made with: the operator's, or a workspace's own, decrypted."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from service.domain.expiring_map import ExpiringMap
from service.edges.secret_box import KEYS_SETTING, SecretBox, SecretUnreadable, provider_purpose
from service.edges.single_flight import SingleFlight
from service.settings import ProviderSettings
from service.store.connection import Connection, Pool
from service.store.provider_keys import SealedProviderKey, read_ciphertext, read_ciphertext_by_id

OPERATOR: Final = "operator"
# How long a key may still be used after it was changed, disabled or removed.
KNOWN_FOR_S: Final = 5.0
KNOWN_MAX: Final = 10_000

_OWN: Final = re.compile(r"key:([1-9][0-9]{0,17})")

_Read = Callable[[Connection], Awaitable[SealedProviderKey | None]]


@dataclass(frozen=True, slots=True)
class Credential:
    """How one vendor is reached.

    Attributes:
        id: `operator`, or `key:` and the id of a workspace's own key; another key that takes its
            place has another id.
        base_url: None for the vendor's own.
    """

    id: str
    api_key: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    credential: Credential | None


class Credentials:
    """Every key that this process may use.

    Own keys are decrypted when they are needed and remembered for `KNOWN_FOR_S`; so is that there
    is none. Safe for any number of callers at once: those who ask for the same key share one read.
    """

    def __init__(
        self, pool: Pool, box: SecretBox | None, providers: Mapping[str, ProviderSettings]
    ) -> None:
        """Take the operator's access to each vendor; without a box no own key can be used."""
        self._pool = pool
        self._box = box
        self._providers = providers
        self._known: ExpiringMap[tuple[str, str], _Known] = ExpiringMap(KNOWN_MAX)
        self._reading: SingleFlight[tuple[str, str], _Known] = SingleFlight()

    async def find(self, provider_slug: str, *, workspace_id: int | None) -> Credential | None:
        """Return the key for new calls, or None when there is none or it is disabled.

        Args:
            workspace_id: whose own key; None for the operator's.

        Raises:
            SecretUnreadable: there is one, and it cannot be decrypted; the fault is ours.
        """
        if workspace_id is None:
            return self._operators(provider_slug)

        def read(connection: Connection) -> Awaitable[SealedProviderKey | None]:
            return read_ciphertext(connection, workspace_id, provider_slug)

        return await self._own(provider_slug, f"workspace:{workspace_id}", read)

    async def by_id(self, provider_slug: str, credential_id: str) -> Credential | None:
        """Return the key that an earlier call was made with, or None when it is gone.

        One that was disabled or replaced is returned as well: what it has paid for may still be
        fetched.

        Raises:
            SecretUnreadable: there is one, and it cannot be decrypted; the fault is ours.
        """
        if credential_id == OPERATOR:
            return self._operators(provider_slug)
        own = _OWN.fullmatch(credential_id)
        if own is None:
            return None

        def read(connection: Connection) -> Awaitable[SealedProviderKey | None]:
            return read_ciphertext_by_id(connection, int(own[1]), provider_slug)

        return await self._own(provider_slug, credential_id, read)

    def _operators(self, provider_slug: str) -> Credential | None:
        given = self._providers.get(provider_slug)
        if given is None or given.api_key is None:
            return None
        return Credential(OPERATOR, given.api_key.get_secret_value(), given.base_url)

    async def _own(self, provider_slug: str, whose: str, read: _Read) -> Credential | None:
        key = (provider_slug, whose)
        known = self._known.get(key)
        if known is None:
            known = await self._reading.run(key, lambda: self._read(provider_slug, read))
            self._known.put(key, known, ttl_s=KNOWN_FOR_S)
        return known.credential

    async def _read(self, provider_slug: str, read: _Read) -> _Known:
        async with self._pool.acquire() as connection:
            sealed = await read(connection)
        if sealed is None:
            return _Known(None)
        if self._box is None:
            raise SecretUnreadable(f"{KEYS_SETTING} holds no key")
        purpose = provider_purpose(sealed.workspace_id, provider_slug)
        given = self._providers.get(provider_slug)
        return _Known(
            Credential(
                f"key:{sealed.id}",
                self._box.open(purpose, sealed.ciphertext),
                given.base_url if given else None,
            )
        )

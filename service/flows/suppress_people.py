"""The list of people who must not be looked up: asks it, adds to it, takes from it."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from service.domain.claim import ToRemember
from service.domain.lead_input import LeadInput
from service.domain.question import people_of
from service.domain.suppression import (
    PEPPER_BYTES,
    PersonHasher,
    SuppressionReason,
    without_fillers,
)
from service.edges.secret_box import SecretBox, SecretUnreadable, pepper_purpose
from service.errors import SuppressionsUnreadable
from service.store.connection import Connection
from service.store.suppressions import (
    PersonHash,
    add_suppressions,
    find_suppressed,
    find_suppressed_anywhere,
    keep_pepper,
    read_suppression_state,
    remove_suppressions,
)

_log = structlog.get_logger()

_PURPOSE: Final = "suppressions"


class SuppressionList:
    """Asks and changes the list; while nobody is on it, asking is one tiny statement.

    The pepper never changes once it is made, so it is opened once.
    """

    __slots__ = ("_box", "_hasher")

    def __init__(self, box: SecretBox | None) -> None:
        """Take what opens the pepper; None where the operator has set nothing to seal with."""
        self._box = box
        self._hasher: PersonHasher | None = None

    async def find(
        self, connection: Connection, people: Sequence[tuple[int, LeadInput]]
    ) -> set[int]:
        """Return the places, from 0, of those who must not be looked up in their workspace.

        Raises:
            SuppressionsUnreadable: somebody is on the list, and it cannot be told who.
        """
        hasher = await self._used_hasher(connection)
        if hasher is None:
            return set()
        hashes = [
            [PersonHash(workspace_id, each) for each in hasher.hashes_of(lead)]
            for workspace_id, lead in people
        ]
        hits = await find_suppressed(connection, [each for names in hashes for each in names])
        return {place for place, names in enumerate(hashes) if not hits.isdisjoint(names)}

    async def rememberable(
        self, connection: Connection, answers: Sequence[ToRemember]
    ) -> list[ToRemember]:
        """Return the answers that may be kept: those about nobody, and of nobody, on the list.

        Memory is shared by workspaces, so one that suppresses a person is enough.

        Raises:
            SuppressionsUnreadable: somebody is on the list, and it cannot be told who.
        """
        hasher = await self._used_hasher(connection) if answers else None
        if hasher is None:
            return list(answers)
        hashes = [
            (hasher.hash_of_memory(each.person), *hasher.hashes_of(found_in(each.value)))
            for each in answers
        ]
        hits = await find_suppressed_anywhere(
            connection, [each for names in hashes for each in names]
        )
        return [each for each, names in zip(answers, hashes, strict=True) if hits.isdisjoint(names)]

    async def add(
        self,
        connection: Connection,
        people: Sequence[tuple[int, LeadInput]],
        reason: SuppressionReason,
    ) -> int:
        """Suppress people, each by everything that names them; return how many names were new.

        Raises:
            SuppressionsUnreadable: there is nothing to seal the pepper with, or to open it.
        """
        hasher = await self._made_hasher(connection)
        hashes = [
            PersonHash(workspace_id, each)
            for workspace_id, lead in people
            for each in _names_of(hasher, lead)
        ]
        return await add_suppressions(connection, hashes, reason) if hashes else 0

    async def remove(self, connection: Connection, workspace_id: int, lead: LeadInput) -> int:
        """Lift what suppresses a person in one workspace; return how many names that were.

        Raises:
            SuppressionsUnreadable: there is nothing to open the pepper with.
        """
        hasher = await self._made_hasher(connection)
        return await remove_suppressions(connection, workspace_id, _names_of(hasher, lead))

    async def require_writable(self, connection: Connection) -> None:
        """Refuse before anything is done that must end with a suppression.

        Raises:
            SuppressionsUnreadable: there is nothing to seal the pepper with, or to open it.
        """
        await self._made_hasher(connection)

    async def _used_hasher(self, connection: Connection) -> PersonHasher | None:
        state = await read_suppression_state(connection, _PURPOSE)
        if not state.used:
            return None
        return self._hasher or self._open(state.ciphertext)

    async def _made_hasher(self, connection: Connection) -> PersonHasher:
        if self._hasher is not None:
            return self._hasher
        state = await read_suppression_state(connection, _PURPOSE)
        if state.ciphertext is None:
            if self._box is None:
                raise SuppressionsUnreadable
            pepper = secrets.token_bytes(PEPPER_BYTES).hex()
            sealed = self._box.seal(pepper_purpose(_PURPOSE), pepper)
            await keep_pepper(connection, _PURPOSE, sealed)
            state = await read_suppression_state(connection, _PURPOSE)
        return self._open(state.ciphertext)

    def _open(self, ciphertext: bytes | None) -> PersonHasher:
        if self._box is None or ciphertext is None:
            raise SuppressionsUnreadable
        try:
            pepper = self._box.open(pepper_purpose(_PURPOSE), ciphertext)
        except SecretUnreadable:
            _log.error("pepper.unreadable", purpose=_PURPOSE)
            raise SuppressionsUnreadable from None
        self._hasher = PersonHasher(bytes.fromhex(pepper))
        return self._hasher


def found_in(value: Mapping[str, object] | None) -> LeadInput:
    """Return whom an answer names: whoever has the address in it."""
    email = (value or {}).get("email")
    return LeadInput(email=email if isinstance(email, str) else None)


def _names_of(hasher: PersonHasher, lead: LeadInput) -> list[bytes]:
    own = without_fillers(lead)
    remembered = people_of(own) if own != LeadInput() else []
    return [*hasher.hashes_of(lead), *map(hasher.hash_of_memory, remembered)]

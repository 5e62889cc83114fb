"""Keeps the hashes of people who must not be looked up; it never sees a person."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("suppressions")

EVERYWHERE: Final = 0
"""The workspace of suppressions that hold for all of them."""


class PersonHash(NamedTuple):
    """The hash of a person, for one workspace or for `EVERYWHERE`."""

    workspace_id: int
    person: bytes


@dataclass(frozen=True, slots=True)
class SuppressionState:
    """Whether anybody is suppressed at all, and the sealed pepper; None before there is one."""

    used: bool
    ciphertext: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeptSuppression:
    """One suppression as it can be shown."""

    person: str
    reason: str
    created_at: datetime


async def read_suppression_state(connection: Connection, purpose: str) -> SuppressionState:
    """Return what is needed before a hash can be compared."""
    row = await connection.fetchrow(_SQL["read_state"], purpose)
    if row is None:
        raise LookupError("a statement without a table has a row")
    return SuppressionState(row["used"], row["ciphertext"])


async def keep_pepper(connection: Connection, purpose: str, ciphertext: bytes) -> None:
    """Write a sealed pepper unless there is one for this purpose."""
    await connection.execute(_SQL["keep_pepper"], purpose, ciphertext)


async def find_suppressed(connection: Connection, hashes: Sequence[PersonHash]) -> set[PersonHash]:
    """Return which of these are suppressed in their workspace, or everywhere."""
    rows = await connection.fetch(
        _SQL["find"],
        [each.workspace_id for each in hashes],
        [each.person for each in hashes],
    )
    return {PersonHash(row["workspace_id"], row["person"]) for row in rows}


async def find_suppressed_anywhere(connection: Connection, people: Sequence[bytes]) -> set[bytes]:
    """Return which of these hashes are suppressed in any workspace."""
    return {row["person"] for row in await connection.fetch(_SQL["find_anywhere"], list(people))}


async def add_suppressions(
    connection: Connection, hashes: Sequence[PersonHash], reason: str
) -> int:
    """Suppress these and return how many were not before; the first reason stays."""
    status = await connection.execute(
        _SQL["add"],
        [each.workspace_id for each in hashes],
        [each.person for each in hashes],
        reason,
    )
    return int(status.rpartition(" ")[2])


async def remove_suppressions(
    connection: Connection, workspace_id: int, people: Sequence[bytes]
) -> int:
    """Lift suppressions of one workspace and return how many there were."""
    status = await connection.execute(_SQL["remove"], workspace_id, list(people))
    return int(status.rpartition(" ")[2])


async def list_suppressions(
    connection: Connection, workspace_id: int, count_max: int
) -> tuple[list[KeptSuppression], int]:
    """Return the newest suppressions of a workspace, and how many it has."""
    rows = await connection.fetch(_SQL["list"], workspace_id, count_max)
    kept = [KeptSuppression(row["person"], row["reason"], row["created_at"]) for row in rows]
    return kept, rows[0]["total"] if rows else 0

"""Keeps every version of a waterfall that jobs were accepted with."""

from typing import Any, Final

from service.domain.kinds import Kind
from service.domain.waterfall import Step, Waterfall
from service.store.connection import Connection
from service.store.statements import load_statements

_SQL: Final = load_statements("waterfalls")


async def keep_waterfall(connection: Connection, waterfall: Waterfall) -> None:
    """Keep the steps under their version; a version that is there already stays as it is."""
    steps = [
        {
            "provider": step.provider,
            "accept": sorted(step.accept),
            "deadline_s": step.deadline_s,
            "when_gate_shut": step.when_gate_shut,
            "confidence_min": step.confidence_min,
        }
        for step in waterfall.steps
    ]
    kept = {"steps": steps, "cost_max": waterfall.cost_max, "deadline_s": waterfall.deadline_s}
    await connection.execute(_SQL["keep"], waterfall.version, waterfall.kind, kept)


async def read_waterfall(connection: Connection, version: str) -> Waterfall:
    """Return the waterfall of a version that a job names.

    Raises:
        LookupError: nothing was kept under it, though every accepted job's version is.
    """
    row = await connection.fetchrow(_SQL["read"], version)
    if row is None:
        raise LookupError(f"no waterfall is kept as version {version}")
    kept = row["steps"]
    steps = tuple(_step(raw) for raw in kept["steps"])
    return Waterfall(Kind(row["kind"]), steps, kept["cost_max"], kept["deadline_s"])


def _step(raw: dict[str, Any]) -> Step:
    return Step(
        provider=raw["provider"],
        accept=frozenset(raw["accept"]),
        deadline_s=raw["deadline_s"],
        when_gate_shut=raw["when_gate_shut"],
        confidence_min=raw["confidence_min"],
    )

"""Waterfalls: the ordered providers of each kind, read from TOML, and when one of them is done.

The page of the operator is `providers/waterfalls.toml`, which explains every key.
"""

import hashlib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from service.domain.kinds import Capability, Kind
from service.domain.outcome import Found, Outcome
from service.domain.verdict import VerdictStatus

DEADLINE_S_MAX: Final = 900.0
LEAD_S_MAX: Final = 86_400.0
COST_MAX: Final = 1_000_000.0
STEPS_MAX: Final = 20

WhenGateShut = Literal["skip", "wait"]

_FIRM_VERDICTS: Final = frozenset[VerdictStatus]({"deliverable", "undeliverable"})
_STEP_KEYS: Final = ("provider", "accept", "deadline_s", "when_gate_shut", "confidence_min")


class WaterfallsInvalidError(ValueError):
    """The text of the waterfalls cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One place in a waterfall.

    Attributes:
        provider: slug.
        accept: the verdicts that end the waterfall here.
        deadline_s: None for the deadline that the provider declares.
        when_gate_shut: what to do while the provider is throttled or down; one that refuses the key
            or is out of credit is passed over.
        confidence_min: a find with a lower confidence does not end the waterfall; one without
            any does.
    """

    provider: str
    accept: frozenset[VerdictStatus] = _FIRM_VERDICTS
    deadline_s: float | None = None
    when_gate_shut: WhenGateShut = "skip"
    confidence_min: float | None = None


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps of one kind, in order.

    Attributes:
        cost_max: no step starts that could take one lead's cost above this; None for no ceiling.
            Cost is the vendor's price times the operator's `credit_cost` for it.
        deadline_s: no step starts this long after a lead's first did, or was waited for; None for
            no deadline.
        left_out: the providers whose steps were left out because nobody has configured them.
        version: 12 hex digits that change whenever a step does; the same in every process.
    """

    kind: Kind
    steps: tuple[Step, ...]
    cost_max: float | None = None
    deadline_s: float | None = None
    left_out: tuple[str, ...] = ()
    version: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", _version(self))

    @property
    def providers(self) -> tuple[str, ...]:
        """Those that are asked, in order."""
        return tuple(step.provider for step in self.steps)


def load_waterfalls(
    text: str, known: Mapping[str, Collection[Capability]]
) -> Mapping[Kind, Waterfall]:
    """Read the waterfalls of all kinds; a kind that the text leaves out has no steps.

    Args:
        text: TOML.
        known: the capabilities of every provider there is, by slug.

    Raises:
        WaterfallsInvalidError: with the kind, the step and what is wrong with it.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WaterfallsInvalidError(f"waterfalls are not TOML: {error}") from None
    ceilings = tables.pop("ceilings", {})
    for name in (*tables, *ceilings):
        _require_one_of(name, [kind.value for kind in Kind], "waterfalls", "kind")
    return MappingProxyType(
        {
            kind: Waterfall(
                kind,
                _read_steps(kind, tables.get(kind, []), known),
                *_read_ceilings(ceilings.get(kind, {}), f"ceilings.{kind}"),
            )
            for kind in Kind
        }
    )


def usable(waterfall: Waterfall, configured: Collection[str]) -> Waterfall:
    """Return the waterfall without the steps whose provider is not configured, order kept."""
    steps = tuple(step for step in waterfall.steps if step.provider in configured)
    left_out = tuple(each for each in waterfall.providers if each not in configured)
    return replace(waterfall, steps=steps, left_out=left_out)


def accepts(step: Step, outcome: Outcome) -> bool:
    """Tell whether an outcome ends the waterfall at this step.

    Only something found can. A firm verdict and a value that has no verdict always do; `risky` and
    `unknown` only where the step says so.
    """
    if not isinstance(outcome, Found):
        return False
    confidence = outcome.value.get("confidence")
    if confidence is None:
        confidence = 1.0
    if step.confidence_min is not None and confidence < step.confidence_min:
        return False
    verdict = outcome.value.get("verdict")
    return verdict is None or verdict in step.accept


def _read_steps(
    kind: Kind, tables: object, known: Mapping[str, Collection[Capability]]
) -> tuple[Step, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise WaterfallsInvalidError(f"{kind}: write each step as a table under [[{kind}]]")
    if len(tables) > STEPS_MAX:
        raise WaterfallsInvalidError(f"{kind}: more than {STEPS_MAX} steps")
    steps: list[Step] = []
    for number, table in enumerate(tables, start=1):
        where = f"{kind}, step {number}"
        step = _read_step(table, where)
        _require_one_of(step.provider, sorted(known), where, "provider")
        if kind.capability not in known[step.provider]:
            raise WaterfallsInvalidError(
                f"{where}: provider {step.provider!r} cannot {kind.capability}"
            )
        if any(step.provider == earlier.provider for earlier in steps):
            raise WaterfallsInvalidError(
                f"{where}: provider {step.provider!r} has an earlier step already"
            )
        steps.append(step)
    return tuple(steps)


def _read_step(table: Mapping[str, Any], where: str) -> Step:
    for name in table:
        _require_one_of(name, _STEP_KEYS, where, "key")
    if not isinstance(table.get("provider"), str):
        raise WaterfallsInvalidError(f"{where}: provider is missing or not text")
    accept = table.get("accept", [])
    if not isinstance(accept, list):
        raise WaterfallsInvalidError(f"{where}: accept is not a list")
    for verdict in accept:
        _require_one_of(verdict, get_args(VerdictStatus), where, "verdict")
    when_gate_shut = table.get("when_gate_shut", "skip")
    _require_one_of(when_gate_shut, get_args(WhenGateShut), where, "when_gate_shut")
    return Step(
        provider=table["provider"],
        accept=_FIRM_VERDICTS.union(accept),
        deadline_s=_read_number(table.get("deadline_s"), where, "deadline_s", DEADLINE_S_MAX),
        when_gate_shut=when_gate_shut,
        confidence_min=_read_number(table.get("confidence_min"), where, "confidence_min", 1.0),
    )


def _read_ceilings(table: object, where: str) -> tuple[float | None, float | None]:
    if not isinstance(table, dict):
        raise WaterfallsInvalidError(f"{where}: write the ceilings as a table")
    for name in table:
        _require_one_of(name, ("cost_max", "deadline_s"), where, "key")
    cost_max = _read_number(table.get("cost_max"), where, "cost_max", COST_MAX)
    return cost_max, _read_number(table.get("deadline_s"), where, "deadline_s", LEAD_S_MAX)


def _read_number(raw: Any, where: str, name: str, most: float) -> float | None:
    if raw is None:
        return None
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
    if not is_number or not 0 < raw <= most:
        raise WaterfallsInvalidError(f"{where}: {name} is not a number above 0 and up to {most:g}")
    return float(raw)


def _require_one_of(word: object, words: Collection[str], where: str, noun: str) -> None:
    if not isinstance(word, str) or word not in words:
        raise WaterfallsInvalidError(
            f"{where}: unknown {noun} {word!r}; there are {', '.join(words)}"
        )


def _version(waterfall: Waterfall) -> str:
    ceilings = f"{waterfall.kind} {waterfall.cost_max} {waterfall.deadline_s}"
    lines = [ceilings] + [
        f"{step.provider} {sorted(step.accept)} {step.deadline_s} {step.when_gate_shut}"
        f" {step.confidence_min}"
        for step in waterfall.steps
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]

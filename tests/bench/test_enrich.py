"""How many leads workers run in a second, against the bare client that only asks the vendor."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from tests.bench.conftest import Scale
from tests.bench.enrich_load import WORKERS, open_line
from tests.bench.report import Row, Target
from tests.bench.sketch_load import Sketched, median_costs, reached, run_kept, run_sketch

Report = Callable[[Row], Row]

LEADS = 50_000
BARE_CALLS = 25_000
SLOW_S = 0.2
SLOTS = 500
# One in sixty-four slots is kept for sync callers, and of the rest one in sixteen for other
# workspaces: with so many, the bench's one has its 500.
SLOTS_OF_WORKER = 542
SLOW_LEADS = 30_000


@pytest.mark.timeout(900)
async def test_one_step_waterfall(tmp_path: Path, scale: Scale, report: Report) -> None:
    """With claims, intents, outcomes and settlements, half as many as a client that only asks."""
    async with open_line(tmp_path) as line:
        await line.run(scale.count(LEADS) // 5)
        ours: list[float] = []
        bare: list[float] = []
        sketch: list[Sketched] = []
        kept: list[Sketched] = []
        deciding: list[Sketched] = []
        for _ in range(scale.repeats):
            bare.append(await line.ask_bare(scale.count(BARE_CALLS)))
            ours.append(await line.run(scale.count(LEADS)))
            sketch.append(await run_sketch(line, scale.count(LEADS) // 2))
            half = scale.count(LEADS) // 2
            kept.append(await run_kept(line, half))
            deciding.append(await run_kept(line, half, program="deciding_worker"))
        costs = await line.costs_of(scale.count(LEADS) // 5)

    row = report(
        Row.of(
            "enrich.one_step",
            f"one-step waterfall, the sandbox answering at once, {WORKERS} workers",
            "leads/s",
            ours,
            against=bare,
            against_said="the bare HTTP client calling the sandbox",
            target=Target("at least", 0.5),
            bound=f"{costs}. {reached(sketch, kept, deciding)}",
        )
    )
    for name, said, sketched in (
        (
            "sketch",
            f"the bare worker, {WORKERS} processes: intent before the request, settled once",
            sketch,
        ),
        (
            "statements",
            "the same with our tables and our statements that claim, intend and settle",
            kept,
        ),
        ("decisions", "the same, with what our runner decides for each lead", deciding),
    ):
        report(
            Row.of(
                f"enrich.one_step_{name}",
                said,
                "leads/s",
                [each.per_second for each in sketched],
                against=bare,
                against_said="the bare HTTP client calling the sandbox",
                bound=median_costs(sketched),
            )
        )
    assert row.met


@pytest.mark.timeout(900)
async def test_slow_provider(tmp_path: Path, scale: Scale, report: Report) -> None:
    """A worker keeps its slots full while a provider takes its time."""
    async with open_line(tmp_path, workers=1, answer_after_s=SLOW_S, slots=SLOTS_OF_WORKER) as line:
        await line.run(scale.count(SLOW_LEADS) // 5)
        costs = await line.costs_of(scale.count(SLOW_LEADS) // 3)
        half = scale.count(SLOW_LEADS) // 2
        ours: list[float] = []
        asked_ms: list[float] = []
        bare: list[float] = []
        sketch: list[Sketched] = []
        kept: list[Sketched] = []
        deciding: list[Sketched] = []
        for _ in range(scale.repeats):
            bare.append(await line.ask_bare(half, at_once=SLOTS))
            ours.append(await line.run(scale.count(SLOW_LEADS)))
            asked_ms.append(await line.asked_ms(scale.count(SLOW_LEADS)))
            sketch.append(await run_sketch(line, half, processes=1, at_once=SLOTS))
            for program, found in (("kept_worker", kept), ("deciding_worker", deciding)):
                found.append(
                    await run_kept(line, half, program=program, processes=1, at_once=SLOTS)
                )

    row = report(
        Row.of(
            "enrich.slow_provider",
            f"provider taking {SLOW_S:g} s, one worker with {SLOTS} slots for the one workspace",
            "leads/s",
            ours,
            against=[SLOTS / SLOW_S] * len(ours),
            against_said="slots / 0.2 s",
            target=Target("at least", 0.9),
            bound=f"Of the {SLOTS / median(ours) * 1_000:.0f} ms for which a lookup has its slot,"
            f" the request takes {median(asked_ms):.0f}; its place at the gate and the commit of"
            f" its intent take the rest. {costs}. {reached(sketch, kept, deciding)}",
        )
    )
    for name, said, sketched in (
        ("sketch", f"the bare worker, one process, {SLOTS} requests at once", sketch),
        ("statements", "the same with our tables and our statements", kept),
        ("decisions", "the same, with what our runner decides for each lead", deciding),
    ):
        report(
            Row.of(
                f"enrich.slow_provider_{name}",
                said,
                "leads/s",
                [each.per_second for each in sketched],
                against=[SLOTS / SLOW_S] * len(sketched),
                against_said="slots / 0.2 s",
                bound=median_costs(sketched),
            )
        )
    report(
        Row.of(
            "enrich.slow_provider_bare",
            f"the bare HTTP client, {SLOTS} requests at once: what this machine's client reaches",
            "answers/s",
            bare,
            against=[SLOTS / SLOW_S] * len(bare),
            against_said="slots / 0.2 s",
        )
    )
    assert row.met

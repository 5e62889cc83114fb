"""Any order of accepting, claiming, settling, dying, cancelling and replaying adds up."""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from service.store.connection import open_pool
from tests.faults.ledger_machine import LedgerMachine

# `make faults` tries many more and makes a failing one short, which takes minutes; the examples are
# the same each time.
EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "60"))
STEPS = 60
PHASES = [Phase.generate, *([Phase.shrink] if "FAULT_EXAMPLES" in os.environ else [])]


@pytest.mark.timeout(900)
def test_model_and_database_agree(database_url: str) -> None:
    """After every step, balance, ledger, states and events are what the model says."""
    with asyncio.Runner() as runner:
        LedgerMachine.runner = runner
        LedgerMachine.pool = runner.run(open_pool(database_url, size_max=2, role="test"))
        try:
            run_state_machine_as_test(
                LedgerMachine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    phases=PHASES,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(LedgerMachine.pool.close())

"""The flows that are ended anywhere, by name."""

from collections.abc import Mapping
from typing import Final

from tests.faults.crash.flows.accept import Accept
from tests.faults.crash.flows.cancel import Cancel
from tests.faults.crash.flows.deliver import Deliver
from tests.faults.crash.flows.leads import Import
from tests.faults.crash.flows.replay import Replay
from tests.faults.crash.flows.settle import Settle
from tests.faults.crash.flows.waterfall import Run
from tests.faults.crash.scene import Flow

FLOWS: Final[Mapping[str, Flow]] = {
    flow.name: flow
    for flow in (
        # First, because they claim what is ready, which others leave behind.
        Settle(),
        Cancel("cancel-begun", begun=True),
        Run("run", ("hunter", "findymail")),
        Run("submit", ("enrow",)),
        Deliver(),
        Replay("replay", singly=False),
        Replay("replay-singly", singly=True),
        Import(),
        Accept("accept", taken=False),
        Accept("accept-empty", taken=True),
        Cancel("cancel", begun=False),
    )
}

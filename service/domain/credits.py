"""What is given back for a lookup, by how it ended."""

from collections.abc import Mapping

from service.domain.kinds import Kind
from service.domain.outcome import OutcomeName


def refund_for(
    kind: Kind, price: int, outcome: OutcomeName, refund_percent: Mapping[Kind, int]
) -> int:
    """Return the credits to give back: none for a find, else the kind's share, rounded down."""
    if outcome is OutcomeName.FOUND:
        return 0
    return price * refund_percent.get(kind, 100) // 100

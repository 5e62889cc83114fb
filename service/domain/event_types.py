"""The closed set of event types, and the patterns by which an endpoint subscribes to them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

EVERYTHING: Final = "*"


class EventType(StrEnum):
    """What can happen, as the `type` of a webhook's body."""

    ENRICHMENT_ACCEPTED = "enrichment.accepted"
    ENRICHMENT_COMPLETED = "enrichment.completed"
    ENRICHMENT_FAILED = "enrichment.failed"
    ENRICHMENT_CANCELLED = "enrichment.cancelled"
    LEAD_ENRICHED = "lead.enriched"
    LEAD_UPDATED = "lead.updated"
    CREDITS_LOW = "credits.low"
    CREDITS_REFUNDED = "credits.refunded"
    PROVIDER_UNAVAILABLE = "provider.unavailable"
    ENDPOINT_DISABLED = "endpoint.disabled"
    ENDPOINT_EXHAUSTED = "endpoint.exhausted"
    TEST = "test"


GROUPS: Final = tuple(
    dict.fromkeys(f"{each.partition('.')[0]}.*" for each in EventType if "." in each)
)
"""The wildcards: all types that share their first word."""

PATTERNS: Final = (EVERYTHING, *GROUPS, *EventType)
"""All that an endpoint may subscribe to."""


def unknown_patterns(patterns: Sequence[str]) -> list[str]:
    """Return those that name no type and are no wildcard of one."""
    return [each for each in patterns if each not in PATTERNS]

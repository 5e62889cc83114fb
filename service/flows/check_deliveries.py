"""Judges what keeps deliveries back or ended them, and says what an operator can do about it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from service.domain.attempt_class import GIVEN_BACK, SENTENCES, AttemptClass
from service.domain.check import Check, Status
from service.store.connection import Connection
from service.store.health import Unsent, read_exhausted, read_unsent

REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        SENTENCES[AttemptClass.RESOLVER_DOWN]: (
            "check the name servers (LEADFALL_DNS__SERVERS) and that LEADFALL_DNS__CONTROL_NAME "
            "is a domain they can resolve"
        ),
        SENTENCES[AttemptClass.NO_ROUTE]: (
            "check this host's addresses, routes and firewall; a receiver that is gone for good "
            "can be switched off"
        ),
        SENTENCES[AttemptClass.EGRESS_DOWN]: (
            "check the way out of this network, and the receiver at LEADFALL_DISPATCHER__CANARY_URL"
        ),
        SENTENCES[AttemptClass.SECRET_UNREADABLE]: (
            "put the key that sealed it back into LEADFALL_SECRET_KEYS"
        ),
        SENTENCES[AttemptClass.OUR_FAULT]: (
            "look for attempt.failed in the dispatchers' logs, and at their limits of open files "
            "and memory"
        ),
        GIVEN_BACK: "look why dispatchers end: their logs, their memory, their supervisor",
    }
)
"""What to do, by what the owners of the deliveries are told."""


EXHAUSTED_S: Final = 3_900.0
"""A little more than the hour after which an endpoint is told of again."""
IDS_SHOWN_MAX: Final = 5


async def check_exhausted(connection: Connection) -> Check:
    """Tell at which receivers deliveries were given up within the last hour."""
    size, ids = await read_exhausted(connection, since_s=EXHAUSTED_S, ids_max=IDS_SHOWN_MAX)
    if not size:
        said = "No delivery had its last attempt in vain within the last hour."
        return Check("receivers_exhausted", Status.PASS, said, 0, "receivers", 1)
    shown = ", ".join(ids) + (", …" if size > len(ids) else "")
    said = (
        f"Deliveries to {size} receivers had their last attempt in vain within the last hour: "
        f"{shown}. Tell their owners; what was given up can be sent again with "
        "POST /v1/webhooks/{id}/replay."
    )
    return Check("receivers_exhausted", Status.WARN, said, size, "receivers", 1)


async def check_unsent(connection: Connection) -> Check:
    """Tell what faults of ours have kept from being sent three times or more, and still do."""
    return judge(await read_unsent(connection, list(REMEDIES)))


def judge(unsent: Sequence[Unsent]) -> Check:
    """Return the check for what was found, the most frequent fault first."""
    size = sum(each.size for each in unsent)
    if not unsent:
        said = "No delivery is kept back by a fault of ours."
        return Check("deliveries_unsent", Status.PASS, said, 0, "deliveries", 1)
    parts = [
        f"{each.size} for {each.endpoint_count} receivers: {each.said}; {REMEDIES[each.said]}."
        for each in unsent
    ]
    said = " ".join(["Faults of ours keep deliveries back.", *parts])
    return Check("deliveries_unsent", Status.WARN, said, size, "deliveries", 1)

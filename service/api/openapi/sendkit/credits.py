"""Credits: the balance, the ledger behind it, and what it was used for."""

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field

from service.api.openapi.operation import Access, Operation, Operations
from service.api.openapi.parameters import LIMIT, cursor, in_query
from service.api.openapi.prose import CREDITS
from service.api.openapi.sendkit.pages import CappedPlace
from service.api.openapi.values import CamelAnswer, Count, Credits, JobId, Moment, paged, wrapped
from service.api.sendkit.credits import KINDS, USAGE_DAYS, USAGE_DAYS_MAX
from service.domain.kinds import Kind
from service.errors import FilterTooBroad

_FROM: Final = in_query("from", "From this moment on.", format="date-time")
_TO: Final = in_query("to", "Before this moment.", format="date-time")
_Day = Annotated[date, Field(examples=["2026-01-31"])]


class Balance(CamelAnswer):
    """The workspace's credits."""

    balance: Annotated[int, Field(ge=0, examples=[1000])]
    low_balance: Annotated[int | None, Field(ge=0, examples=[100])]
    """The balance below which `credits.low` is sent."""


class LedgerEntry(CamelAnswer):
    """One movement of credits; the balance is the sum of all of them."""

    id: Annotated[str, Field(examples=["7"])]
    kind: Literal["grant", "charge", "refund"]
    amount: Annotated[int, Field(examples=[-6])]
    """Below zero for a charge."""
    job_id: JobId | None
    note: Annotated[str | None, Field(examples=[None])]
    created_at: Moment


class KindUsage(CamelAnswer):
    """What one kind of lookup cost on one day."""

    day: _Day
    kind: Kind
    charged: Credits
    refunded: Annotated[int, Field(ge=0, examples=[3])]


class ProviderUsage(CamelAnswer):
    """How often one provider was asked on one day."""

    day: _Day
    kind: Kind
    provider: Annotated[str, Field(examples=["enrich"])]
    calls: Count
    from_cache: Count
    found: Count
    provider_credits: Annotated[float, Field(ge=0, examples=[0.0])]


class Usage(CamelAnswer):
    """What credits were used for, by day, kind and provider."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    charged: Credits
    refunded: Credits
    by_kind: list[KindUsage]
    by_provider: list[ProviderUsage]


OPERATIONS: Final[Operations] = {
    ("GET", "/v1/credits"): Operation(
        "showCredits", "Show the balance", CREDITS, Access.WORKSPACE, wrapped(Balance)
    ),
    ("GET", "/v1/credits/ledger"): Operation(
        "listLedger",
        "List movements of credits",
        CREDITS,
        Access.WORKSPACE,
        paged(LedgerEntry, CappedPlace, "A page of the ledger, newest first."),
        parameters=(
            cursor("place"),
            LIMIT,
            in_query("kind", "Only such movements.", enum=[*KINDS]),
            in_query("jobId", "Only those of this job.", minLength=1, maxLength=100),
            _FROM,
            _TO,
        ),
        errors=(FilterTooBroad,),
    ),
    ("GET", "/v1/credits/usage"): Operation(
        "showUsage",
        "Show what credits were used for",
        CREDITS,
        Access.WORKSPACE,
        wrapped(Usage),
        description=f"Of the last {USAGE_DAYS} days, or of a span of up to {USAGE_DAYS_MAX}.",
        parameters=(_FROM, _TO),
        errors=(FilterTooBroad,),
    ),
}

"""What one vendor's file declares; keys, limits, delays, faults and sending are the gate's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, Protocol

from providers.sandbox.quota import Quota

TEXT_LENGTH_MAX: Final = 1_000


class Refusal(StrEnum):
    """Why a request is turned away; each vendor says it in its own way."""

    NO_KEY = "no_key"
    BAD_KEY = "bad_key"
    RATE_LIMITED = "rate_limited"
    OUT_OF_CREDITS = "out_of_credits"
    UNREADABLE = "unreadable"
    NO_ROUTE = "no_route"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, read.

    Attributes:
        headers: as aiohttp has them; names in any case.
        body: the JSON body of a POST, or the texts of its form by their names; else None.
    """

    key: str = field(default="", repr=False)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)

    def text(self, name: str) -> str:
        """Return a parameter of the body or query, stripped; "" when absent or not a text."""
        fields = self.body if isinstance(self.body, dict) else self.query
        value = fields.get(name)
        return value.strip()[:TEXT_LENGTH_MAX] if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Attributes:
        body: sent as JSON; bytes are sent as plain text.
        delivers: sequences of the books whose answers it carries.
    """

    status: int
    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    delivers: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One route of a vendor, relative to its base URL.

    Attributes:
        name: the capability it serves, or what else it is for; used in the books.
        latency_s: median, in vendor time.
        is_paid: whether an account without credits is refused before `answer` is asked.
        rows: how many of a minute's requests a body counts as, where that is not one.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    answer: Callable[[Ask], Reply]
    quota: Quota
    latency_s: float
    is_paid: bool = False
    rows: Callable[[Any], int] | None = None


class Vendor(Protocol):
    """A vendor's wire format. Its module has `build(world)`, which returns it.

    Attributes:
        prefix: where it is mounted on the sandbox's HTTP server, such as `/hunter/v2`.
    """

    slug: str
    prefix: str

    def routes(self) -> Sequence[Route]:
        """Return all routes."""

    def read_key(self, ask: Ask) -> str:
        """Return the key the request carries, or "" when it carries none."""

    def refuse(self, refusal: Refusal, ask: Ask, *, retry_after_s: int = 0) -> Reply:
        """Return how this vendor turns a request away; `retry_after_s` is in real seconds."""

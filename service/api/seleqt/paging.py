"""Pages by number, as the Seleqt face has them: what may be asked, and what is told of them."""

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from service.api.caller import context_of
from service.api.query import read_integer
from service.api.validation import together
from service.flows.select_leads import Total

PAGE_SIZE: Final = 25


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page; its size is within the bound, whatever was asked."""

    number: int
    size: int


def read_page_asked(request: web.Request) -> PageAsked:
    """Return the page that the query asks for; a size above the bound is lowered to it.

    Raises:
        InvalidRequest: it is not a number of at least 1.
    """
    bound = context_of(request).settings.limits.page_size_max
    number, size = together(
        lambda: read_integer(request, "page", 1),
        lambda: read_integer(request, "page_size", PAGE_SIZE),
    )
    return PageAsked(number, min(size, bound))


def tell_page(asked: PageAsked, total: Total) -> dict[str, Any]:
    """Return what is told beside a page's rows: exact to 10,000, then capped, and said so."""
    return {
        "total_count": total.count,
        "total_is_capped": total.is_capped,
        "page": asked.number,
        "page_size": asked.size,
        "total_pages": -(-total.count // asked.size),
    }

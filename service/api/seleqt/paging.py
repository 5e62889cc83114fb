"""Pages by number, as the Seleqt face has them: what may be asked, and what is told of them."""

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from service.api.caller import context_of
from service.api.query import read_cursor, read_integer, read_page, write_cursor
from service.api.validation import together
from service.flows.select_leads import Total

PAGE_SIZE: Final = 25
LISTS_MAX: Final = 1_000
"""Lists are few and their callers ask for no page: all of them come at once, up to here."""


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page, after which row if any; its size is within the bound, whatever was asked."""

    number: int
    size: int
    after: int | None = None


def read_page_asked(request: web.Request) -> PageAsked:
    """Return the page that the query asks for; a size above the bound is lowered to it.

    Raises:
        InvalidRequest: it is not a number of at least 1.
    """
    bound = context_of(request).settings.limits.page_size_max
    return _read(request, PAGE_SIZE, bound)


def read_lists_asked(request: web.Request) -> PageAsked:
    """Return the page of lists that the query asks for: all of them at once without a size.

    Raises:
        InvalidRequest: it is not a number of at least 1.
    """
    return _read(request, LISTS_MAX, LISTS_MAX)


def _read(request: web.Request, default: int, bound: int) -> PageAsked:
    number, size, after = together(
        lambda: read_page(request),
        lambda: read_integer(request, "page_size", default),
        lambda: read_cursor(request),
    )
    return PageAsked(number, min(size, bound), after or None)


def tell_page(asked: PageAsked, total: Total, last: int | None) -> dict[str, Any]:
    """Return what is told beside a page's rows: exact to 10,000, then capped, and said so.

    Args:
        last: the id of its last row, where others follow it.
    """
    return {
        "total_count": total.count,
        "total_is_capped": total.is_capped,
        "page": asked.number,
        "page_size": asked.size,
        "total_pages": -(-total.count // asked.size),
        "next_cursor": None if last is None else write_cursor(last),
    }

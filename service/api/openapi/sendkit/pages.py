"""How the SendKit face tells a page's place in the whole."""

from typing import Annotated

from pydantic import Field

from service.api.openapi.values import CamelAnswer, Count, Cursor

Limit = Annotated[int, Field(ge=1, examples=[25])]
More = Annotated[bool, Field(examples=[False])]


class Place(CamelAnswer):
    """Where a page ends."""

    limit: Limit
    has_more: More
    next_cursor: Cursor


class CountedPlace(Place):
    """Where a page ends, and how many rows there are in all."""

    total: Count


class CappedPlace(CountedPlace):
    """Where a page ends, and how many rows there are in all: exact to 10,000, then capped."""

    total_is_capped: Annotated[bool, Field(examples=[False])]


class PagePlace(CappedPlace):
    """The same with the page's number, and how many pages `total` makes."""

    page: Annotated[int, Field(ge=1, examples=[1])]
    pages: Annotated[int, Field(ge=0, examples=[1])]


class NumberedPlace(CamelAnswer):
    """Where a page ends; the next one begins after the number."""

    limit: Limit
    has_more: More
    after: Annotated[int, Field(ge=0, examples=[2])]

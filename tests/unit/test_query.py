"""Opaque cursors."""

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from service.api.query import read_cursor, write_cursor
from service.errors import InvalidRequest


@given(st.integers(min_value=0, max_value=10**18 - 1))
def test_a_cursor_reads_back_as_what_was_written(after: int) -> None:
    """Every lookup id survives the way out and back."""
    assert after == read_cursor(make_mocked_request("GET", f"/?cursor={write_cursor(after)}"))


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "AAAAAAAAAAA=", "AAAAAAAAAAAAAAAA", "%00", "//////////8"),
        *("f_________8", write_cursor(10**18)),
    ],
)
def test_a_made_up_cursor_is_refused(text: str) -> None:
    """Only our own spelling counts."""
    with pytest.raises(InvalidRequest, match="cursor is not valid"):
        read_cursor(make_mocked_request("GET", f"/?cursor={text}"))

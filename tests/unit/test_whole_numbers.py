"""A body's integer may be written with a fraction of nothing, as some clients write numbers."""

from typing import Annotated, Any

import pytest

from service.api.validation import WHOLE, Body, validate
from service.errors import InvalidRequest


class Numbered(Body):
    """A body with a number."""

    number: Annotated[int, WHOLE]


@pytest.mark.parametrize(("given", "read"), [(2, 2), (2.0, 2), (-0.0, 0), (2.0**52, 2**52)])
def test_a_whole_number_is_an_integer(given: float, read: int) -> None:
    """JSON has one sort of number, and 2.0 is an integer by JSON Schema."""
    number = validate(Numbered, {"number": given}).number

    assert (number, type(number)) == (read, int)


@pytest.mark.parametrize("given", [2.5, 1e300, float("inf"), True, "2", None, [2]])
def test_anything_else_is_refused(given: Any) -> None:
    """Nothing is rounded, and nothing else is read as a number."""
    with pytest.raises(InvalidRequest, match="number must be an integer"):
        validate(Numbered, {"number": given})

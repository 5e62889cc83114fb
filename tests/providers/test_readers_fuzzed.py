"""Whatever a vendor answers, an adapter reads an outcome or raises a vendor's fault."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from providers.contract import AskAgain, NotReady, VendorAnswer, VendorFault, VendorRequest
from service.domain.outcome import Found, Missing, NoAnswer, RejectedInput

RECORDED = Path(__file__).parent / "recorded"
ENDS = (Found, Missing, NoAnswer, RejectedInput, AskAgain, NotReady, Mapping, VendorRequest, str)
STATUSES_READ = (200, 202, 222, 400, 402, 404, 422, 451)

Reader = Callable[[VendorAnswer], object]


def _bodies(node: Any) -> Iterator[Any]:
    """Yield every recorded body under `node`."""
    if isinstance(node, dict) and "status" in node and "json" in node:
        yield node["json"]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _bodies(child)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _grown_from(node: Any) -> st.SearchStrategy[Any]:
    """Return values shaped like `node`, in which any part may be missing or something else."""
    if isinstance(node, dict):
        parts = {name: _grown_from(child) for name, child in node.items()}
        return st.fixed_dictionaries({}, optional=parts) | ANY_JSON
    if isinstance(node, list):
        return st.tuples(*map(_grown_from, node)).map(list) | ANY_JSON
    return st.just(node) | ANY_JSON


NEAR_JSON = st.sampled_from(
    [
        body
        for path in sorted(RECORDED.glob("*.json"))
        for body in _bodies(json.loads(path.read_text()))
    ]
).flatmap(_grown_from)
STATUSES = st.sampled_from(STATUSES_READ) | st.integers(100, 599)
HEADERS = st.fixed_dictionaries({}, optional={"retry-after": st.text()})


@given(status=STATUSES, headers=HEADERS, body=NEAR_JSON)
def test_json_that_nearly_fits_is_read_or_refused(
    reader: Reader, status: int, headers: Mapping[str, str], body: Any
) -> None:
    """A known body with parts missing or exchanged never raises anything but a vendor's fault."""
    answer = VendorAnswer(status, headers, json.dumps(body).encode())

    with suppress(VendorFault):
        assert isinstance(reader(answer), ENDS)


@given(status=STATUSES, headers=HEADERS, body=st.binary(max_size=200))
def test_bytes_that_mean_nothing_are_refused(
    reader: Reader, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Arbitrary bytes never raise anything but a vendor's fault."""
    with suppress(VendorFault):
        assert isinstance(reader(VendorAnswer(status, headers, body)), ENDS)

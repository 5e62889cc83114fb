"""Values of the document's own formats, which its schemas name and only the server can read."""

import base64
import json
from datetime import UTC, datetime
from typing import Final

import schemathesis
from hypothesis import strategies as st

from service.domain.lead_filter import COLUMNS

_ROWS: Final = st.integers(0, 10**18 - 1)
_MOMENTS: Final = st.datetimes(
    datetime(2001, 1, 1),  # noqa: DTZ001 - the zone is given apart
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
_WORD: Final = st.text("abcdefghijklmnopqrstuvwxyzäß%_'\"", min_size=1, max_size=12)
_LABEL: Final = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=10)


def register_formats() -> None:
    """Tell Schemathesis how to make values of each."""
    for name, strategy in _FORMATS.items():
        schemathesis.openapi.format(name, strategy)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _email(local: str, domain: str) -> str:
    return f"{local}@{domain}.example"


_FORMATS: Final = {
    "row-cursor": _ROWS.map(lambda row: _base64(row.to_bytes(8, "big"))),
    # Of a lead that exists; of any there may be, the beginning is certain.
    "lead-cursor": st.just(_base64(bytes(8))),
    "job-cursor": st.uuids().map(lambda each: _base64(each.bytes)),
    "place-cursor": st.tuples(st.integers(0, 2**57 - 1), _ROWS).map(
        lambda place: _base64(place[0].to_bytes(8, "big") + place[1].to_bytes(8, "big"))
    ),
    "delivery-cursor": st.tuples(st.integers(0, 2**57 - 1), st.uuids()).map(
        lambda place: base64.urlsafe_b64encode(
            place[0].to_bytes(8, "big") + place[1].bytes
        ).decode()
    ),
    "date-time": _MOMENTS.map(lambda moment: moment.isoformat().replace("+00:00", "Z")),
    "email": st.builds(_email, _LABEL, _LABEL),
    "webhook-url": st.builds(
        lambda host, path: f"https://{host}.example.com/{path}", _LABEL, _LABEL
    ),
    "webhook-secret": st.binary(min_size=24, max_size=64).map(
        lambda raw: f"whsec_{base64.b64encode(raw).decode()}"
    ),
    "custom-header": _LABEL.map(lambda word: f"X-Own-{word}"),
    "search-words": st.lists(_WORD, max_size=10).map(" ".join),
    "lead-filter": st.dictionaries(st.sampled_from(COLUMNS), _WORD, max_size=3).map(json.dumps),
    "csv-mapping": st.just('{"email": "email"}'),
    "lead-csv": st.lists(st.builds(_email, _LABEL, _LABEL), min_size=1, max_size=5).map(
        lambda emails: "\n".join(["email", *emails, ""])
    ),
}

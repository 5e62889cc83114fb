"""What the owner of an endpoint may subscribe to and have sent."""

import pytest

from service.domain.custom_headers import HEADERS_MAX, header_problems
from service.domain.event_types import PATTERNS, EventType, unknown_patterns


def test_every_type_and_group_can_be_subscribed_to() -> None:
    """The closed list holds each type, one wildcard per group, and everything."""
    assert set(PATTERNS) == set(EventType) | {
        "*",
        "enrichment.*",
        "lead.*",
        "credits.*",
        "provider.*",
        "endpoint.*",
    }


@pytest.mark.parametrize("pattern", ["", "**", "lead", "lead.", "test.*", "Lead.*", "lead.lost"])
def test_nothing_else_is_known(pattern: str) -> None:
    """A pattern that could never match is a mistake."""
    assert unknown_patterns([pattern, "*"]) == [pattern]


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Tenant", "a"), ("Authorization", "Bearer a b"), ("x-1", "~!@#"), ("X-Max", "v" * 1_024)],
)
def test_ordinary_headers_may_be_sent(name: str, value: str) -> None:
    """Names of letters, digits and hyphens; printable values."""
    assert header_problems({name: value}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "a"),
        ("X Y", "a"),
        ("X:Y", "a"),
        ("X\r\nY", "a"),
        ("Ä", "a"),
        ("x" * 65, "a"),
        ("Content-Length", "1"),
        ("TRANSFER-ENCODING", "chunked"),
        ("Host", "a.example"),
        ("Webhook-Signature", "v1,"),
        ("X-Webhook-Event", "test"),
        ("Proxy-Authorization", "a"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Cookie", "a=b"),
        ("X-Key", ""),
        ("X-Key", " a"),
        ("X-Key", "a "),
        ("X-Key", "a\r\nX-Other: b"),
        ("X-Key", "a\x00"),
        ("X-Key", "é"),
        ("X-Key", "v" * 1_025),
    ],
)
def test_what_could_split_or_forge_a_request_may_not(name: str, value: str) -> None:
    """Each is refused, and the message never repeats a value."""
    [problem] = header_problems({name: value}).values()

    assert "X-Other" not in problem


def test_a_name_counts_once_in_any_case() -> None:
    """Two spellings of one header would be sent twice."""
    assert list(header_problems({"X-Key": "a", "x-key": "b"})) == ["x-key"]


def test_there_may_be_twenty() -> None:
    """One more is refused as a whole."""
    headers = {f"X-{number}": "a" for number in range(HEADERS_MAX + 1)}

    assert list(header_problems(headers)) == [""]

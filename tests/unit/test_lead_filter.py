"""The filter grammar: what it reads, what it refuses, and the patterns that come of it."""

from typing import Any

import pytest

from service.domain.lead_filter import FilterInvalidError, read_lead_filter


@pytest.mark.parametrize(
    ("raw", "column", "patterns"),
    [
        ({"job_title": "CTO"}, "job_title", (["%CTO%"], None)),
        ({"seniority": "Senior"}, "seniority", (["Senior"], None)),
        ({"job_title": [" a ", "", "b"]}, "job_title", (["%a%", "%b%"], None)),
        ({"job_title": {"must": "a", "doesnt": ["b"]}}, "job_title", (["%a%"], ["%b%"])),
        ({"job_title": {}}, "job_title", (None, None)),
        ({"job_title": []}, "job_title", (None, None)),
        ({}, "job_title", (None, None)),
        ({"current_title": "a"}, "job_title", (["%a%"], None)),
        ({"prospect_location": "a"}, "location", (["%a%"], None)),
        ({"company_name": r"50%_\x"}, "company_name", ([r"%50\%\_\\x%"], None)),
    ],
)
def test_patterns(
    raw: dict[str, Any], column: str, patterns: tuple[list[str] | None, list[str] | None]
) -> None:
    """Free text matches anywhere, vocabularies as a whole, and nothing in a value is a wildcard."""
    assert patterns == read_lead_filter(raw).patterns(column)


def test_every_bad_part_is_named_at_once() -> None:
    """A caller can correct everything after one answer."""
    with pytest.raises(FilterInvalidError) as refusal:
        read_lead_filter({"x": 1, "job_title": 2, "location_radius": 3, "industry": "fine"})

    assert {"filters.x", "filters.job_title", "filters.location_radius"} == set(
        refusal.value.problems
    )

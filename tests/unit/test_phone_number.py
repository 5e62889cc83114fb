"""Phone numbers are read into E.164, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.phone_number import parse_phone, region_of


@pytest.mark.parametrize(
    ("expected", "text", "region"),
    [
        ("+12025550147", "+1 202 555 0147", None),
        ("+12025550147", "(202) 555-0147", "US"),
        ("+12025550147", "202.555.0147", " us "),
        ("+12025550147", "+1 202 555 0147 ext. 5", None),
        ("+447700900123", "+44 7700 900123", "US"),
        ("+33612345678", "06 12 34 56 78", "FR"),
        ("+4930123456", "030 123456", "DE"),
        # No range of the tables, but one that may have been opened since.
        ("+15555550147", "(555) 555-0147", "US"),
        # Short, but whole: Niue has four digits in all.
        ("+6834002", "4002", "NU"),
        # Without its area code a number is dialled in its area only.
        (None, "555-0147", "US"),
        (None, "+1 555-0147", None),
        (None, "7946 0958", "GB"),
        (None, "4321000", "CA"),
        (None, "112", "DE"),
        (None, "1234", "DE"),
        (None, "911", "US"),
        (None, "202 555 0147", None),
        (None, "202 555 0147", "ZZ"),
        (None, "+1 202 555", None),
        (None, "+999 123 456", None),
        (None, "ask reception", "US"),
        (None, "", "US"),
        (None, "+1" * 500, None),
    ],
)
def test_a_number_is_read_into_e164(expected: str | None, text: str, region: str | None) -> None:
    """Any usual spelling is understood; one without a country or its area is not."""
    assert expected == parse_phone(text, region)


@given(text=st.text() | st.from_regex(r"\+?[0-9 ()./-]{3,20}"), region=st.none() | st.text())
def test_any_text_is_read_or_refused(text: str, region: str | None) -> None:
    """No text raises, and what is read reads as itself again."""
    phone = parse_phone(text, region)

    assert phone is None or phone == parse_phone(phone)


@pytest.mark.parametrize(
    ("country", "region"),
    [
        ("de", "DE"),
        (" US ", "US"),
        ("USA", "US"),
        ("United States", "US"),
        ("united states of america", "US"),
        ("UK", "GB"),
        ("United Kingdom", "GB"),
        ("Czechia", "CZ"),
        ("The Netherlands", "NL"),
        ("Russia", "RU"),
        ("South Korea", "KR"),
        ("Turkey", "TR"),
        ("Brunei", "BN"),
        ("Macau", "MO"),
        ("Republic of Korea", "KR"),
        ("Korea, Republic of", "KR"),
        ("North Korea", "KP"),
        ("Deutschland", "DE"),
        ("\u00d6sterreich", "AT"),
        ("Cape Verde", "CV"),
        ("Palestine", "PS"),
        ("Swaziland", "SZ"),
        ("Burma", "MM"),
        ("Vatican City", "VA"),
        ("Macedonia", "MK"),
        ("Micronesia", "FM"),
        ("St. Lucia", "LC"),
        ("Reunion", "RE"),
        ("Curacao", "CW"),
        ("Cote d'Ivoire", "CI"),
        ("Turkiye", "TR"),
        ("The Bahamas", "BS"),
        ("The Gambia", "GM"),
        ("DR Congo", "CD"),
        ("Congo", "CG"),
        ("Democratic Republic of the Congo", "CD"),
        ("U.S. Virgin Islands", "VI"),
        ("U.S.", "US"),
        ("Virgin Islands, U.S.", "VI"),
        ("Nowhere", None),
        ("ZZ", None),
        ("", None),
        (None, None),
        ("x" * 1_000, None),
    ],
)
def test_a_country_is_known_by_letters_and_names(country: str | None, region: str | None) -> None:
    """However a lead's country is written, national numbers of it can be read."""
    assert region_of(country) == region

"""Whether notes that callers wrote freely name a person."""

import pytest

from service.domain.person_signs import PersonSigns

BERLIN = "+49301234567"
ROME = "+390612345678"
SHORT = "+3726123"


@pytest.mark.parametrize(
    ("sign", "note"),
    [
        ("ada@x.example", "mailto:Ada@X.example?subject=hello"),
        ("ada@x.example", "ada%40x.example"),
        ("ada@x.example", "https://a.example/?next=%2Fb%3Fto%3Dada%2540x.example"),
        ("ada@x.example", "\uff21da\uff20x.example"),
        ("ada@x.example", "ad\u00ada\u200b@x.example"),
        ("\u00e9lo@x.example", "E\u0301LO@x.example"),
        ("\u00e9lo@x.example", "%C3%A9lo%40x.example"),
        ("e\u0301lo@x.example", "\u00c9lo@x.example"),
        ("x.example/in/j\u00f6rg", "https://x.example/in/J%c3%b6rg/"),
    ],
)
def test_a_text_is_found(sign: str, note: str) -> None:
    """In any case, form and encoding, in a value or in a key."""
    signs = PersonSigns.of([sign], [])

    assert [signs.are_in({"about": note}), signs.are_in({note: "yes"})] == [True, True]


@pytest.mark.parametrize(
    ("phone", "note"),
    [
        (BERLIN, "+49 30 1234-567"),
        (BERLIN, "(030) 1234567"),
        (BERLIN, "0049301234567"),
        (BERLIN, "011 49 30 123 45 67"),
        (BERLIN, "+49 (0)30 / 123.45.67"),
        (BERLIN, "tel:%2B49%2030%201234567"),
        (BERLIN, "+49\u00a030\u20131234567 ext. 12"),
        (BERLIN, "\uff10\uff13\uff10 \u0661\u0662\u0663\u0664\u0665\u0666\u0667"),
        (ROME, "06 1234 5678"),
        (SHORT, "+372 6123"),
        ("030 1234567", "+49 30 1234567"),
    ],
)
def test_a_number_is_found(phone: str, note: str) -> None:
    """In groups, with and without what is dialled before it, in digits of any script."""
    signs = PersonSigns.of([], [phone])

    assert [signs.are_in({"about": note}), signs.are_in({note: "yes"})] == [True, True]


@pytest.mark.parametrize(
    ("phone", "note"),
    [
        (BERLIN, "+49 30 1234568"),
        (BERLIN, "301 and 234567"),
        (BERLIN, "campaign 7 of 2026-11-23"),
        (SHORT, "6123"),
        ("6123", "6123"),
        ("ask the desk", "nothing"),
    ],
)
def test_another_number_is_not(phone: str, note: str) -> None:
    """Neither one with other digits nor a row of a few."""
    assert not PersonSigns.of(["ada@x.example"], [phone]).are_in({"about": note, note: ""})

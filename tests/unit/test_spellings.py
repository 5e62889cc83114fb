"""Spellings of addresses and profiles that are looked for."""

import pytest

from service.domain.spellings import spellings_of_email, spellings_of_profile


@pytest.mark.parametrize(
    ("text", "spellings"),
    [
        ("Ada@X.example", {"ada@x.example"}),
        ("nobody", {"nobody"}),
        (
            "ada@m\u00fcller.example",
            {"ada@m\u00fcller.example", "ada@m\u00dcller.example", "ada@xn--mller-kva.example"},
        ),
        (
            "Ada@xn--mller-kva.example",
            {"ada@m\u00fcller.example", "ada@m\u00dcller.example", "ada@xn--mller-kva.example"},
        ),
        ("\u00c9lo@x.example", {"\u00e9lo@x.example", "\u00c9lo@x.example"}),
        (
            "\u00e9lo\u00efse@x.example",
            {
                "\u00e9lo\u00efse@x.example",
                "\u00c9lo\u00efse@x.example",
                "\u00c9lo\u00cfse@x.example",
            },
        ),
        # Its capital would spell another domain.
        ("a@stra\u00dfe.example", {"a@stra\u00dfe.example", "a@xn--strae-oqa.example"}),
    ],
)
def test_an_address_has_these_spellings(text: str, spellings: set[str]) -> None:
    """Its domain in Unicode and in ASCII; letters that a database may not lower in both cases."""
    assert spellings_of_email(text) == spellings


@pytest.mark.parametrize(
    ("url", "spellings"),
    [
        ("https://de.x.example/in/Ada/?from=mail", {"x.example/in/ada"}),
        (
            "x.example/in/J%C3%B6rg",
            {
                "x.example/in/j\u00f6rg",
                "x.example/in/j\u00d6rg",
                "x.example/in/j%c3%b6rg",
                "x.example/in/j%c3%96rg",
            },
        ),
        ("x.example/in/a%FF", {"x.example/in/a%ff"}),
        ("x.example/in/a%00", {"x.example/in/a%00"}),
    ],
)
def test_a_profile_has_these_spellings(url: str, spellings: set[str]) -> None:
    """What every way to write it has in it, but for what could not be looked for."""
    assert spellings_of_profile(url) == spellings

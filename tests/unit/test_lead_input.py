"""Reading the part of a lead that a lookup works from."""

import pytest

from service.domain.lead_input import LeadInput


@pytest.mark.parametrize(
    ("given", "domain", "name"),
    [
        ({"company_domain": "https://www.Acme.com/about"}, "acme.com", None),
        ({"company_domain": "acme.com", "company_name": "Acme"}, "acme.com", "Acme"),
        ({"company_domain": "https://linkedin.com/company/acme"}, None, None),
        ({"company_domain": "linkedin.com/company/acme"}, None, None),
        ({"company_domain": "Nord/Süd Logistik"}, None, "Nord/Süd Logistik"),
        ({"company_domain": "bücher.example"}, "xn--bcher-kva.example", None),
        ({"company_domain": "Brightwater Tools Ltd"}, None, "Brightwater Tools Ltd"),
        ({"company_domain": "Brightwater", "company_name": "Tools"}, None, "Tools"),
        ({"company_domain": "E.ON"}, None, "E.ON"),
        ({"company_domain": "J.Crew", "company_name": "J.Crew Group"}, None, "J.Crew Group"),
        # A vendor would find nothing at `dr.oetker`: a name is never turned into a domain here.
        ({"company_name": "Dr.Oetker"}, None, "Dr.Oetker"),
        ({"company_domain": ""}, None, ""),
        ({}, None, None),
    ],
)
def test_only_what_is_a_domain_stands_in_its_place(
    given: dict[str, str], domain: str | None, name: str | None
) -> None:
    """A web address becomes a domain; a company's name in its place becomes the name."""
    lead = LeadInput.from_row(given)

    assert (domain, name or None) == (lead.company_domain, lead.company_name or None)


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("Jane@bücher.example", "Jane@xn--bcher-kva.example"),
        ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
        ("Jane@Acme.example", "Jane@Acme.example"),
        ("jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
        ("jane at bücher", "jane at bücher"),
        (None, None),
    ],
)
def test_vendors_are_told_a_domain_in_ascii(email: str | None, told: str | None) -> None:
    """The local part stays as it was given, and what cannot be read stays whole."""
    lead = LeadInput(first_name="Jürgen", email=email)

    assert lead.as_told() == LeadInput(first_name="Jürgen", email=told)

"""What names a person, and what only fills a column."""

import pytest

from service.domain.lead_input import LeadInput
from service.domain.suppression import names_of

IN = "https://www.linkedin.com/in"


@pytest.mark.parametrize(
    "url",
    [
        *("N/A", "n.a.", "-", ".", "null", "None", "unknown", "0", "x", "https://", "/"),
        *("https://www.linkedin.com", "linkedin.com/", "https://www.linkedin.com/feed/"),
        *(IN, f"{IN}/", f"{IN}/?trk=1", f"{IN}/-", f"{IN}/N/A", f"{IN}/null/", f"{IN}/me"),
        *(f"{IN}/unknown", f"{IN}/#", f"{IN}/%20", "https://linkedin.com/sales/lead/"),
        *("https://www.linkedin.com/company/x", "https://x.example/in/ada", "ada-ng"),
    ],
)
def test_no_page_of_a_person(url: str) -> None:
    """A placeholder, a start page, a company's page, another site: none of them names anybody."""
    assert list(names_of(LeadInput(linkedin_url=url))) == []


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{IN}/Ada-Ng/", "in/ada-ng"),
        (f"{IN}/na-li", "in/na-li"),
        ("de.linkedin.com/in/j%C3%B6rg", "in/j\u00f6rg"),
        (f"{IN}/\u674e\u5a1c", "in/\u674e\u5a1c"),
        ("https://www.linkedin.com/pub/ada-ng/1/2/3", "pub/ada-ng/1/2/3"),
        ("https://www.linkedin.com/sales/lead/ACwAA,name", "sales/lead/acwaa,name"),
        ("https://www.linkedin.com/sales/people/ACwAA", "sales/people/acwaa"),
        ("https://www.linkedin.com/talent/profile/AEMAA", "talent/profile/aemaa"),
    ],
)
def test_a_page_of_a_person(url: str, path: str) -> None:
    """Each of the places at which LinkedIn shows one person."""
    assert list(names_of(LeadInput(linkedin_url=url))) == [f"profile\x1flinkedin.com/{path}"]


@pytest.mark.parametrize(
    ("first", "last", "company"),
    [
        ("N/A", "N/A", "Acme"),
        ("NA", "NA", "Acme"),
        ("-", "Ng", "Acme"),
        ("Ada", ".", "Acme"),
        ("Unknown", "Unknown", "Acme"),
        ("Ada", "n.a.", "Acme"),
        ("null", "null", "Acme"),
        ("1", "2", "Acme"),
        *(
            ("John", "Smith", company)
            for company in (
                *(
                    "N/A",
                    "NA",
                    "-",
                    ".",
                    "null",
                    "none",
                    "Unknown",
                    "Self-employed",
                    "self employed",
                ),
                *("Freelance", "Freelancer", "Independent", "Confidential", "Stealth", "Retired"),
                *("Student", "Stealth Mode Startup", "Selbst\u00e4ndig", "gmail.com", "123"),
            )
        ),
    ],
)
def test_no_name_in_a_company(first: str, last: str, company: str) -> None:
    """Others have the same filling words, and others of that name are freelance."""
    assert list(names_of(LeadInput(first, last, company))) == []


@pytest.mark.parametrize(
    ("first", "last", "company"),
    [("Li", "Na", "Acme"), ("\u674e", "\u5a1c", "\u534e\u4e3a"), ("J.", "Ng", "3M")],
)
def test_a_name_in_a_company(first: str, last: str, company: str) -> None:
    """Short ones and those of other scripts included."""
    assert len(list(names_of(LeadInput(first, last, company)))) == 1

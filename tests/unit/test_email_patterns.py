"""Cleaning names, reading company domains, and the order of guesses."""

import pytest

from service.domain.domain_endings import ends_as_domain
from service.domain.email_patterns import (
    clean_first_name,
    clean_last_name,
    company_domain,
    mailbox_names,
    pattern_of,
)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Jane", "jane"),
        ("  JANE ", "jane"),
        ("Zoë", "zoe"),
        ("Zoe\u0308", "zoe"),
        ("Jean-Pierre", "jeanpierre"),
        ("Mary Ann", "mary"),
        ("J. Robert", "robert"),
        ("J.", "j"),
        ("Dr. Jane", "jane"),
        ("Dr. med. Jane", "jane"),
        ("Prof. Dr. rer. nat. Jane", "jane"),
        ("Dipl.-Ing. Jane", "jane"),
        ("Dr.-Ing. Jane", "jane"),
        ("Ing. Jane", "jane"),
        ("Mag. Jane", "jane"),
        ("Mme Jane", "jane"),
        ("Rev. Jane", "jane"),
        ("Sra. Jane", "jane"),
        ("Dr Phil", "phil"),
        ("Mag Anne", "mag"),
        ("Ing-Marie", "ingmarie"),
        ("Ma", "ma"),
        ("Jane (Janey)", "jane"),
        ('Robert "Bob"', "robert"),
        ("D'Arcy", "darcy"),
        ("İpek", "ipek"),
        ("Łukasz", "lukasz"),
        ("Søren", "soren"),
        ("李", ""),
        ("", ""),
    ],
)
def test_first_names(text: str, cleaned: str) -> None:
    """A first name keeps its first whole word, in plain letters."""
    assert cleaned == clean_first_name(text)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Doe", "doe"),
        ("O'Hara", "ohara"),
        ("O’Hara", "ohara"),  # noqa: RUF001 - the typographic apostrophe on purpose
        ("Smith-Jones", "smithjones"),
        ("van der Berg", "vanderberg"),
        ("Doe Jr.", "doe"),
        ("Doe, PhD, MBA", "doe"),
        ("Doe III", "doe"),
        ("Doe Ph.D.", "doe"),
        ("Doe RN", "doe"),
        ("Doe EdD", "doe"),
        ("Doe MPH", "doe"),
        ("Doe LL.M.", "doe"),
        ("Doe SHRM-CP", "doe"),
        ("Doe MBA, CPA", "doe"),
        ("Doe MEng", "doe"),
        ("Li Meng", "limeng"),
        ("Doe | CEO", "doe"),
        ("Doe MA", "doe"),
        ("Doe M.A.", "doe"),
        ("Doe BA", "doe"),
        ("Doe PE", "doe"),
        ("Doe V", "doe"),
        ("DOE M.A.", "doe"),
        # Names, not degrees.
        ("Ma", "ma"),
        ("MA", "ma"),
        ("Nguyen Ba", "nguyenba"),
        ("NGUYEN BA", "nguyenba"),
        ("Do", "do"),
        ("Le Pe", "lepe"),
        ("Straße", "strasse"),
        ("Núñez", "nunez"),
        ("Jr", "jr"),
    ],
)
def test_last_names(text: str, cleaned: str) -> None:
    """A last name keeps all its words, without degrees and generations."""
    assert cleaned == clean_last_name(text)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.com", "acme.com"),
        ("ACME.com.", "acme.com"),
        ("www.acme.com", "acme.com"),
        ("https://www.acme.com/about?x=1", "acme.com"),
        ("http://acme.com:8080", "acme.com"),
        ("jane@acme.com", "acme.com"),
        ("https://user:pass@acme.com/", "acme.com"),
        ("mail.acme.co.uk", "mail.acme.co.uk"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("https://www.linkedin.com", "linkedin.com"),
        ("x.com/", "x.com"),
        ("box.com/acme", "box.com"),
        ("https://www.linkedin.com/company/acme", None),
        ("LinkedIn.com/in/jane-doe", None),
        ("facebook.com/acme?x=1", None),
        ("eon.com", "eon.com"),
        ("Booking.com", "booking.com"),
        ("Acme.IO", "acme.io"),
        ("ACME.CO.UK", "acme.co.uk"),
        ("x.ai", "x.ai"),
        ("Acme.Agency", "acme.agency"),
        ("acme.plumbing", "acme.plumbing"),
        ("https://Acme.Plumbing/", "acme.plumbing"),
        ("jane@Acme.Plumbing", "acme.plumbing"),
        ("acme.eu", "acme.eu"),
        ("ACME.BERLIN", "acme.berlin"),
        ("acme", None),
        ("E.ON", None),
        ("e.on", None),
        ("J.Crew", None),
        ("j.crew", None),
        ("Dr.Oetker", None),
        ("dr.oetker", None),
        ("A.P.Moller", None),
        ("T.J.Maxx", None),
        ("St.George", None),
        ("Node.js", None),
        ("U.S.Bank", None),
        ("u.s.bank", None),
        ("Toys.R.Us", None),
        ("A.Team", None),
        ("Will.I.Am", None),
        ("Inc.Magazine", None),
        ("Brightwater.Tulips", None),
        ("Dr.Dental", None),
        ("https://a.team", "a.team"),
        ("jane@usbank.bank", "usbank.bank"),
        ("Monday.com", "monday.com"),
        ("t3n.de", "t3n.de"),
        ("t.co", "t.co"),
        ("Q.com", "q.com"),
        ("ms.gov", "ms.gov"),
        ("https://ms.gov", "ms.gov"),
        ("st.edu", "st.edu"),
        ("dr.mil", "dr.mil"),
        ("mr.int", "mr.int"),
        ("x.gov", "x.gov"),
        ("m.acme.com", "m.acme.com"),
        ("acme.рф", "acme.xn--p1ai"),
        ("acme.com.au", "acme.com.au"),
        ("usbank.bank", "usbank.bank"),
        ("acme.test", "acme.test"),
        ("brightwater.leadfall", "brightwater.leadfall"),
        ("https://intranet.brightwatercorp/", "intranet.brightwatercorp"),
        ("H.I.S.", None),
        ("acme inc", None),
        ("Brightwater Tools Ltd", None),
        ("Brightwater Tools Ltd.", None),
        ("Booking.com B.V.", None),
        ("Dr. Oetker", None),
        ("", None),
        ("https://", None),
        ("10.0.0.1", None),
        ("a" * 64 + ".com", None),
        ("-acme.com", None),
    ],
)
def test_company_domains(text: str, domain: str | None) -> None:
    """Web addresses, domains and e-mail addresses lead to the mail domain."""
    assert domain == company_domain(text)


@pytest.mark.parametrize("is_address", [False, True])
@pytest.mark.parametrize("host", ["xn--p1ai", "com", "localhost", ""])
def test_a_host_without_a_dot_is_no_domain(host: str, *, is_address: bool) -> None:
    assert not ends_as_domain(host, is_address=is_address)


def test_guesses_come_likeliest_first() -> None:
    """The order of the patterns is the order of asking."""
    assert list(mailbox_names("Jane", "Doe")) == [
        "jane.doe",
        "jdoe",
        "jane",
        "janedoe",
        "j.doe",
        "doe",
        "jane_doe",
        "janed",
        "jane.d",
        "doe.jane",
        "doej",
        "jane-doe",
        "doejane",
        "doe.j",
        "jd",
    ]


def test_a_second_spelling_joins_soon() -> None:
    """An umlaut is tried without its dots first, and spelled out before the rare patterns."""
    assert list(mailbox_names("Jörg", "Müller"))[:7] == [
        "jorg.muller",
        "jmuller",
        "jorg",
        "jorgmuller",
        "joerg.mueller",
        "j.muller",
        "jmueller",
    ]


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [("", "", []), ("Jane", "", ["jane"]), ("", "Doe", ["doe"]), ("J.", "Doe", ["j.doe", "jdoe"])],
)
def test_missing_names_leave_what_can_be_made(first: str, last: str, names: list[str]) -> None:
    """A pattern that needs a missing name is left out, and no guess comes twice."""
    assert names == list(mailbox_names(first, last))[:2]


def test_a_hyphen_is_tried_without_and_then_with() -> None:
    """A double name is written together first, and with its hyphen before the rare patterns."""
    assert list(mailbox_names("Jean\u2010Pierre", "Smith - Jones"))[:6] == [
        "jeanpierre.smithjones",
        "jsmithjones",
        "jeanpierre",
        "jeanpierresmithjones",
        "jean-pierre.smithjones",
        "j.smithjones",
    ]
    assert list(mailbox_names("Jane", "Smith-Jones"))[4] == "jane.smith-jones"


def test_no_spelling_keeps_a_degree() -> None:
    """What is a degree by its capitals is one in the spellings tried later, too."""
    names = [
        *mailbox_names("Mag. J\u00f6rg", "M\u00fcller-Doe MA"),
        *mailbox_names("J", "\u00d6z SHRM-CP"),
    ]

    assert [name for name in names if name.endswith(("ma", "cp")) or "mag" in name] == []


def test_known_patterns_come_first() -> None:
    """What a company is known to do is tried before what is common, in every spelling."""
    names = list(mailbox_names("Jörg", "Müller", ("flast", "gone.out.of.use", "last")))

    assert names[:5] == ["jmuller", "jmueller", "muller", "mueller", "jorg.muller"]
    assert sorted(names) == sorted(mailbox_names("Jörg", "Müller"))


@pytest.mark.parametrize(
    ("first", "last", "local", "pattern"),
    [
        ("Jane", "Doe", "jane.doe", "first.last"),
        ("Jane", "Doe", "JDoe", "flast"),
        ("Jane", "Doe", "jane.doe+news", "first.last"),
        ("Dr. Zoë", "Núñez, PhD", "znunez", "flast"),
        ("Jörg", "Müller", "joerg.mueller", "first.last"),
        ("Jane", "Smith-Jones", "jane.smith-jones", "first.last"),
        ("Jane", "", "jane", "first"),
        ("Jane", "Doe", "jane.doe7", None),
        ("Jane", "Doe", "sales", None),
        ("", "", "jane", None),
        # Several patterns fit, so nothing is known.
        ("J.", "Doe", "j.doe", None),
        ("Li", "Li", "li.li", None),
    ],
)
def test_a_confirmed_address_tells_its_pattern(
    first: str, last: str, local: str, pattern: str | None
) -> None:
    """The pattern is the only one that makes this mailbox name out of this person's name."""
    assert pattern == pattern_of(first, last, local)

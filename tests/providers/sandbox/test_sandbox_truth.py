"""The made-up world: the same for ever, in the promised shares, and as the finders see it."""

from collections import Counter
from importlib.resources import files
from itertools import pairwise, product

import pytest
from email_validator import validate_email

from providers.sandbox.domains import DOMAINS
from providers.sandbox.expectation import Expectation, expected
from providers.sandbox.names import FIRST_NAMES, LAST_NAMES
from providers.sandbox.sample import as_csv, read_sample
from providers.sandbox.truth import (
    Mailbox,
    Person,
    address_of,
    draw,
    mailbox_at,
    normalise,
    person_of_profile,
    profile_url,
)
from service.domain.email_patterns import mailbox_names
from service.domain.kinds import Kind
from service.domain.lead_input import LeadInput
from service.domain.mail_gateways import classify, mailbox_host_in_spf
from service.domain.outcome import OutcomeName

STEPS = ("enrich", "hunter", "leadmagic", "fullenrich")


def lead(last_name: str, domain: str = "brightwater.leadfall", **more: str) -> LeadInput:
    return LeadInput(first_name="Nadia", last_name=last_name, company_domain=domain, **more)


def test_a_draw_never_changes() -> None:
    assert round(draw("mailbox.house", "brightwater.leadfall", "nadia|okafor"), 4) == 0.4396


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Zoë", "zoe"),
        ("O'Connor", "oconnor"),
        ("Jean-Luc", "jeanluc"),
        ("van den Berg", "vandenberg"),
        ("Strauß", "strauss"),
        ("Y\u0131ld\u0131z", "yildiz"),
        ("李", ""),
    ],
)
def test_names_are_written_as_mailboxes_write_them(name: str, plain: str) -> None:
    assert plain == normalise(name)


def test_the_committed_sample_is_what_the_generator_makes() -> None:
    committed = files("providers.sandbox").joinpath("sample_leads.csv").read_text("utf-8")

    assert as_csv() == committed


def test_the_sample_ends_in_the_promised_shares() -> None:
    leads = read_sample()
    emails = Counter(expected(one, Kind.FIND_EMAIL_WATERFALL, STEPS).outcome for one in leads)
    phones = Counter(expected(one, Kind.FIND_PHONE, STEPS).outcome for one in leads)

    assert len(leads) == 200
    assert 130 <= emails[OutcomeName.FOUND] <= 150
    assert 85 <= phones[OutcomeName.FOUND] <= 115
    assert 30 <= sum(one.email is not None for one in leads) <= 50


def test_every_step_finds_somebody_that_no_earlier_one_found() -> None:
    found = [
        {
            n
            for n, one in enumerate(read_sample())
            if expected(one, Kind.FIND_EMAIL, STEPS[:length]).outcome is OutcomeName.FOUND
        }
        for length in range(1, len(STEPS) + 1)
    ]

    assert all(later > earlier for earlier, later in pairwise(found))


def test_every_email_of_the_sample_is_a_valid_address() -> None:
    addresses = [one.email for one in read_sample() if one.email is not None]

    assert addresses == [
        validate_email(address, check_deliverability=False).normalized for address in addresses
    ]


@pytest.mark.parametrize("name", [domain.name for domain in DOMAINS])
def test_the_built_in_patterns_find_exactly_what_is_expected(name: str) -> None:
    """Spellings such as `mueller` and orders such as `last.first` find nobody else."""
    differing = [
        (first_name, last_name)
        for first_name, last_name in product(FIRST_NAMES, LAST_NAMES)
        if _house_mailbox(first_name, last_name, name)
        != next(
            (
                f"{local}@{name}"
                for local in mailbox_names(first_name, last_name)
                if mailbox_at(f"{local}@{name}") is Mailbox.OPEN
            ),
            None,
        )
    ]

    assert differing == []


def _house_mailbox(first_name: str, last_name: str, domain: str) -> str | None:
    address = address_of(Person.named(first_name, last_name, domain=domain))
    is_private = address is not None and address.partition("@")[0][-1].isdigit()
    is_open = address is not None and mailbox_at(address) is Mailbox.OPEN
    return address if is_open and not is_private else None


@pytest.mark.parametrize(
    ("last_name", "steps", "outcome"),
    [
        ("Only-Builtin", ("enrich",), "found"),
        ("Only-Builtin", ("hunter", "leadmagic", "fullenrich"), "missing"),
        ("Only-Hunter", ("hunter",), "found"),
        ("Only-Hunter", ("enrich", "leadmagic", "fullenrich"), "missing"),
        ("Only-Fullenrich", STEPS, "found"),
        ("Only-Nobody", STEPS, "missing"),
        ("Optout", ("hunter",), "rejected_input"),
    ],
)
def test_a_telling_name_decides_who_finds_it(
    last_name: str, steps: tuple[str, ...], outcome: str
) -> None:
    assert outcome == expected(lead(last_name), Kind.FIND_EMAIL, steps).outcome


@pytest.mark.parametrize(
    "domain", ["brightwater", "kestrel-labs", "northgate", "oldbarn", "harborline", "elsewhere"]
)
def test_the_built_in_finds_by_every_naming(domain: str) -> None:
    found = expected(lead("Only-Builtin", f"{domain}.leadfall"), Kind.FIND_EMAIL, ("enrich",))

    assert OutcomeName.FOUND is found.outcome


@pytest.mark.parametrize(
    ("email", "steps", "answer"),
    [
        ("nadia.onlybuiltin@brightwater.leadfall", ("enrich",), ("found", "deliverable")),
        ("nadia.onlynobody@brightwater.leadfall", ("enrich",), ("found", "undeliverable")),
        ("anybody@opendoor.leadfall", ("enrich",), ("found", "risky")),
        ("anybody@nomail.leadfall", ("enrich",), ("found", "undeliverable")),
        ("anybody@nowhere.leadfall", ("enrich",), ("found", "undeliverable")),
        ("nadia.onlybuiltin@slowpost.leadfall", ("enrich",), ("found", "deliverable")),
        ("nadia.onlynobody@slowpost.leadfall", ("enrich",), ("found", "undeliverable")),
        ("nadia.onlybuiltin@ironwall.leadfall", ("enrich",), ("no_answer", None)),
        ("nadia.onlybuiltin@ironwall.leadfall", ("enrich", "hunter"), ("found", "deliverable")),
        ("nadia.onlybuiltin@stuckpost.leadfall", ("enrich", "hunter"), ("no_answer", None)),
        ("nadia.onlybuiltin@deafdns.leadfall", ("enrich",), ("no_answer", None)),
    ],
)
def test_a_verdict_follows_from_the_domain_and_the_mailbox(
    email: str, steps: tuple[str, ...], answer: tuple[str, str | None]
) -> None:
    assert answer == expected(LeadInput(email=email), Kind.VERIFY_EMAIL, steps)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_gateway_and_mail_host_are_those_the_exchangers_show(domain: object) -> None:
    row = next(one for one in DOMAINS if one is domain)
    gateway, esp = classify(row.exchangers[:1], row.exchangers[1:])
    esp = esp or mailbox_host_in_spf([row.spf or ""])

    assert (row.gateway, row.esp) == (gateway and gateway.slug, esp and esp.slug)


def test_detection_without_a_domain_is_rejected() -> None:
    rejected = Expectation(OutcomeName.REJECTED_INPUT)

    assert rejected == expected(LeadInput(first_name="N"), Kind.DETECT_ESP, ("enrich",))


def test_a_profile_names_its_person() -> None:
    person = Person.named("Anna-Lena", "O'Connor", domain="kestrel-labs.leadfall")

    assert person == person_of_profile(profile_url(person))

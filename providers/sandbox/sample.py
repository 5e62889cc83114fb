"""The sample leads: 200 made-up people; `python -m providers.sandbox.sample` prints their CSV.

Everything follows from the stable draws of `truth`, so the output is the same on every machine.
"""

import csv
import io
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final, TypeVar

from providers.sandbox.domains import domain_at
from providers.sandbox.names import FIRST_NAMES, LAST_NAMES
from providers.sandbox.truth import Person, address_of, draw, house_address, profile_url
from service.domain.lead_input import INPUT_FIELDS, LeadInput

LEAD_COUNT: Final = 200

_T = TypeVar("_T")

COLUMNS: Final = (
    "first_name", "last_name", "company_name", "company_domain", "job_title", "seniority",
    "department", "company_size", "industry", "location", "linkedin_url", "email",
)  # fmt: skip

# How many of each 100 leads work where, and in which trade. The slow and broken domains are few:
# each costs a client its time-outs.
_DOMAINS: Final = {
    "brightwater": (16, "Manufacturing"),
    "kestrel-labs": (11, "Software"),
    "northgate": (12, "Logistics"),
    "maplefield": (14, "Food"),
    "harborline": (12, "Insurance"),
    "oldbarn": (7, "Timber"),
    "quillstone": (7, "Legal"),
    "opendoor": (7, "Design"),
    "slowpost": (3, "Paper"),
    "ironwall": (3, "Security"),
    "nomail": (3, "Finance"),
    "nowhere": (2, "Travel"),
    "darkdns": (1, "Telecommunications"),
    "deafdns": (1, "Software"),
    "stuckpost": (1, "Logistics"),
}
_SIZES: Final = ("11-50", "51-200", "201-500", "501-1000", "1001-5000")
_ROLES: Final = (
    ("Head of Sales", "head", "Sales"),
    ("Account Executive", "senior", "Sales"),
    ("VP Marketing", "vp", "Marketing"),
    ("Marketing Manager", "manager", "Marketing"),
    ("Chief Financial Officer", "c_suite", "Finance"),
    ("Buyer", "entry", "Procurement"),
    ("Director of Operations", "director", "Operations"),
    ("Software Engineer", "senior", "Engineering"),
    ("People Partner", "manager", "Human Resources"),
    ("Founder", "owner", "Management"),
)
_LOCATIONS: Final = (
    "Lagos, Nigeria", "Porto, Portugal", "Lyon, France", "Leeds, United Kingdom",
    "Austin, United States", "Hamburg, Germany", "Brno, Czechia", "Osaka, Japan", "Pune, India",
    "Montréal, Canada", "Nairobi, Kenya", "Mérida, Mexico",
)  # fmt: skip
_PROFILE_SHARE: Final = 0.85
_COMPANY_ONLY_SHARE: Final = 0.03
_EMAIL_SHARE: Final = 0.27
_RIGHT_EMAIL_SHARE: Final = 0.65
# Domains whose verdict does not depend on what was tried there before.
_EMAIL_DOMAINS: Final = frozenset(
    f"{label}.leadfall"
    for label in (
        "brightwater", "kestrel-labs", "northgate", "maplefield", "harborline", "oldbarn",
        "quillstone", "opendoor", "nomail", "nowhere",
    )
)  # fmt: skip


def generate() -> Iterator[dict[str, str]]:
    """Yield the sample leads, one dict with all `COLUMNS` each."""
    labels = [label for label, (count, _) in _DOMAINS.items() for _ in range(count)]
    order = sorted(range(len(labels)), key=lambda n: _draw("order", f"{n}"))
    seen: set[str] = set()
    number = 0
    while len(seen) < LEAD_COUNT:
        label = labels[order[len(seen) % len(order)]]
        row = _row(f"{number}", f"{label}.leadfall")
        number += 1
        who = f"{row['first_name']} {row['last_name']}"
        if who not in seen:
            seen.add(who)
            yield row


def read_sample() -> list[LeadInput]:
    """Return the committed sample leads."""
    text = files("providers.sandbox").joinpath("sample_leads.csv").read_text(encoding="utf-8")
    return [lead_of(row) for row in csv.DictReader(io.StringIO(text))]


def lead_of(row: Mapping[str, str]) -> LeadInput:
    """Return what providers may be told of a row."""
    return LeadInput(**{name: row.get(name) or None for name in INPUT_FIELDS})


def as_csv() -> str:
    """Return the sample as CSV with a header line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(generate())
    return text.getvalue()


def _row(number: str, domain_name: str) -> dict[str, str]:
    domain = domain_at(domain_name)
    if domain is None:
        raise LookupError(f"{domain_name} is no domain of the sandbox")
    first_name = _pick("first", number, FIRST_NAMES)
    last_name = _pick("last", number, LAST_NAMES)
    title, seniority, department = _pick("role", number, _ROLES)
    person = Person.named(first_name, last_name, domain=domain.name)
    has_profile = _draw("profile", number) < _PROFILE_SHARE
    is_company_only = _draw("company_only", number) < _COMPANY_ONLY_SHARE
    return {
        "first_name": first_name,
        "last_name": last_name,
        "company_name": domain.company,
        "company_domain": "" if is_company_only else domain.name,
        "job_title": title,
        "seniority": seniority,
        "department": department,
        "company_size": _pick("size", domain.name, _SIZES),
        "industry": _DOMAINS[domain_name.partition(".")[0]][1],
        "location": _pick("location", number, _LOCATIONS),
        "linkedin_url": profile_url(person) if has_profile else "",
        "email": _email(number, person),
    }


def _email(number: str, person: Person) -> str:
    """Return an address for the minority that has one: the right one, or one that was guessed."""
    domain = domain_at(person.domain)
    if domain is None or domain.name not in _EMAIL_DOMAINS:
        return ""
    if _draw("email", number) >= _EMAIL_SHARE:
        return ""
    guessed = f"{person.first}@{person.domain}"
    if _draw("right_email", number) >= _RIGHT_EMAIL_SHARE:
        return guessed
    return address_of(person) or house_address(person, domain.naming)


def _draw(question: str, about: str) -> float:
    return draw(f"sample.{question}", about)


def _pick(question: str, about: str, choices: tuple[_T, ...]) -> _T:
    return choices[int(_draw(question, about) * len(choices))]


if __name__ == "__main__":
    sys.stdout.buffer.write(as_csv().encode())

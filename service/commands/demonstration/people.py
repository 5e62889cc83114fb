"""The leads of the demo: the sample's 200, and beyond them namesakes with names of their own."""

import csv
import io
from importlib.resources import files
from typing import Final

from providers.sandbox.sample import COLUMNS, lead_of
from providers.sandbox.truth import Person, profile_url
from service.domain.lead_input import LeadInput

# Consonants only: two vowels in a row may be an umlaut that is spelled out.
_LETTERS: Final = "bcdfghjklmnpqrst"

Row = dict[str, str]


def make_people(count: int) -> list[Row]:
    """Return that many rows of distinct people; the same ones on every machine."""
    text = files("providers.sandbox").joinpath("sample_leads.csv").read_text(encoding="utf-8")
    sample = list(csv.DictReader(io.StringIO(text)))
    rows = [_renamed(sample[n % len(sample)], n // len(sample)) for n in range(count)]
    if len({_name(row) for row in rows}) != count:
        raise ValueError("two of the demo's leads have one name")
    return rows


def as_csv(rows: list[Row]) -> list[str]:
    """Return the rows as the lines of a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().splitlines(keepends=True)


def lead_input(row: Row) -> LeadInput:
    """Return what providers are told of a row."""
    return lead_of(row)


def _renamed(row: Row, round_number: int) -> Row:
    if round_number == 0:
        return row
    last_name = row["last_name"] + _word(round_number)
    person = Person.named(
        row["first_name"],
        last_name,
        domain=row["company_domain"],
        company_name=row["company_name"],
    )
    return {
        **row,
        "last_name": last_name,
        "linkedin_url": profile_url(person) if row["linkedin_url"] else "",
        # An address may be given once in a workspace, and the sample's row has it.
        "email": "",
    }


def _word(number: int) -> str:
    """Return a word of its own for each number from 1."""
    letters = ""
    while number:
        number, rest = divmod(number, len(_LETTERS))
        letters += _LETTERS[rest]
    return letters


def _name(row: Row) -> tuple[str, str]:
    return row["first_name"], row["last_name"]

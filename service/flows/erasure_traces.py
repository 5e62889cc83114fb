"""What people who are erased are found by: it grows as what leads to them is looked through."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from service.domain.email_address import read_email_address
from service.domain.lead_input import LeadInput
from service.domain.person_signs import PersonSigns
from service.domain.personal_words import is_name
from service.domain.plain_text import plain_text
from service.domain.spellings import (
    forms_of_profile,
    spellings_of_email,
    spellings_of_name,
    spellings_of_profile,
)
from service.domain.suppression import names_of, plain_profile, without_fillers
from service.store.erasure import FoundLookup, KnownLead, Likeness

# A shorter number may stand in a body for something else.
_PHONE_CHARACTERS_MIN: Final = 7

_Name = tuple[str, str]


@dataclass(slots=True)
class Traces:
    """Everything by which the people can be found, growing as it is looked through.

    Attributes:
        asked: the addresses whose people are to be erased, whoever they are.
        emails: these, and those that are nobody else's.
        unproven: addresses of theirs that may be others' as well, each in all its spellings.
        shared: those that are.
    """

    asked: frozenset[str] = field(repr=False)
    public_ids: set[str]
    emails: set[str] = field(default_factory=set, repr=False)
    unproven: set[frozenset[str]] = field(default_factory=set, repr=False)
    shared: set[str] = field(default_factory=set, repr=False)
    lead_ids: set[int] = field(default_factory=set)
    phones: set[str] = field(default_factory=set, repr=False)
    shared_phones: set[str] = field(default_factory=set, repr=False)
    inputs: set[LeadInput] = field(default_factory=set, repr=False)

    def add_leads(self, leads: Iterable[KnownLead]) -> None:
        """Take what leads of theirs have."""
        for known in leads:
            self.lead_ids.add(known.id)
            self.public_ids.add(known.public_id)
            self.phones.update(known.phones)
            self._add_input(known.lead)

    def add_lookups(self, lookups: Iterable[FoundLookup]) -> None:
        """Take what lookups of theirs began with, and what they found."""
        for lookup in lookups:
            self.lead_ids.add(lookup.lead_id)
            self._add_input(lookup.lead)
            value = lookup.value or {}
            if isinstance(value.get("email"), str):
                self._add_email(value["email"])
            if isinstance(value.get("phone"), str):
                self.phones.add(value["phone"])

    def _add_input(self, lead: LeadInput) -> None:
        own = without_fillers(lead)
        # Of a deleted lead nothing is known but which it was.
        if own != LeadInput():
            self.inputs.add(own)
        if own.email:
            self._add_email(own.email)

    def _add_email(self, email: str) -> None:
        # A mailbox that many share would lead to everybody who was ever found behind it.
        read = read_email_address(email)
        spellings = spellings_of_email(email)
        is_new = self.shared.isdisjoint(spellings) and not spellings <= self.emails
        if is_new and (read is None or not read.role):
            self.unproven.add(spellings)

    def prove(self, carriers: Iterable[tuple[str, str | None, str | None]]) -> None:
        """Take the addresses as theirs, but for those that somebody of another name has."""
        names: dict[str, set[_Name]] = defaultdict(set)
        for email, first, last in carriers:
            if is_name(first, last):
                names[email].add((plain_text(first), plain_text(last)))
        own = self._own_names
        for spellings in self.unproven:
            carried = {name for each in spellings for name in names[each]}
            if len(carried) > 1 or (own and not carried <= own):
                self._share(spellings)
            else:
                self.emails |= spellings
        self.unproven.clear()

    def _share(self, spellings: frozenset[str]) -> None:
        self.shared |= spellings - self.asked
        self.emails -= spellings - self.asked

    def share_phones(self, others: Sequence[str]) -> None:
        """Take the numbers that would be found in one of these, which others have, for theirs."""
        self.shared_phones = {
            phone
            for phone in self.phones
            if phone in others or any(map(PersonSigns.of((), [phone]).are_in_text, others))
        }

    @property
    def _own_names(self) -> set[_Name]:
        return {name for lead in self.inputs if (name := _name_of(lead)) is not None}

    def pick(self, lookups: Iterable[FoundLookup]) -> tuple[list[FoundLookup], list[FoundLookup]]:
        """Return the lookups that are theirs, and those of others that hold an address of theirs.

        An address that a lookup of another name has for its own is shared from then on.
        """
        theirs, holding = [], []
        own, names = self._own_names, self.names
        for lookup in lookups:
            name = _name_of(lookup.lead)
            if lookup.lead_id in self.lead_ids or not self.asked.isdisjoint(lookup.addresses):
                theirs.append(lookup)
            elif lookup.addresses and own and name is not None and name not in own:
                told = lookup.addresses & lookup.told
                for address in told:
                    self._share(spellings_of_email(address))
                if not told:
                    holding.append(lookup)
            elif lookup.addresses or (
                not names.isdisjoint(names_of(lookup.lead))
                and not self.names_another(lookup.shown or lookup.lead)
            ):
                theirs.append(lookup)
        return theirs, holding

    def names_another(self, lead: LeadInput) -> bool:
        """Tell whether a lead of their name has a profile or an own address, and none of theirs."""
        name = _name_of(lead)
        theirs = [each for each in self.inputs if _name_of(each) == name]
        own, known = self._profiles_of([lead]), self._profiles_of(theirs)
        if own and known:
            return own.isdisjoint(known)
        mine, emails = self._addresses_of([lead]), self._addresses_of(theirs)
        return bool(mine and emails) and mine.isdisjoint(emails)

    @staticmethod
    def _profiles_of(leads: Iterable[LeadInput]) -> set[str]:
        return {plain_profile(lead.linkedin_url) for lead in leads if lead.linkedin_url} - {""}

    def _addresses_of(self, leads: Iterable[LeadInput]) -> set[str]:
        return {
            address.key
            for lead in leads
            if lead.email and (address := read_email_address(lead.email)) is not None
            if not address.role and self.shared.isdisjoint(spellings_of_email(lead.email))
        }

    @property
    def size(self) -> int:
        """Return how much there is to look for; it only grows."""
        return len(self.emails) + len(self.lead_ids) + len(self.inputs)

    @property
    def people(self) -> list[LeadInput]:
        """Return whom memory may know of; each spelling is a person of its own there."""
        return [*self.inputs, *(LeadInput(email=email) for email in self.emails)]

    @property
    def suppressed(self) -> list[LeadInput]:
        """Return who is suppressed: nobody by a mailbox that many share, unless asked for."""
        own = (
            lead if self._follows(lead.email) else replace(lead, email=None) for lead in self.people
        )
        return [lead for lead in own if any(names_of(lead))]

    def _follows(self, email: str | None) -> bool:
        return email is None or email.strip().lower() in self.emails

    @property
    def names(self) -> set[str]:
        """Return all that suppresses them."""
        return {name for lead in self.suppressed for name in names_of(lead)}

    @property
    def likeness(self) -> Likeness:
        """Return by what others of their names and profiles are looked for."""
        urls = {lead.linkedin_url for lead in self.inputs if lead.linkedin_url}
        names = {(lead.first_name, lead.last_name) for lead in self.inputs}
        return Likeness(
            sorted({form for url in urls for form in forms_of_profile(url)}),
            sorted(
                {
                    pair
                    for first, last in names
                    if first and last
                    for pair in spellings_of_name(first, last)
                }
            ),
        )

    @property
    def own_phones(self) -> set[str]:
        """Return the numbers that nobody else has: a switchboard's names none of its people."""
        return self.phones - self.shared_phones

    @property
    def marks(self) -> set[str]:
        """Return by what a text names them, in lower case, beside numbers."""
        urls = {lead.linkedin_url for lead in self.inputs if lead.linkedin_url}
        profiles = {spelling for url in urls for spelling in spellings_of_profile(url)}
        return self.emails | profiles | self.public_ids

    @property
    def rows(self) -> set[str]:
        """Return how rows of Seleqt's results name them; a bare number could be anything."""
        return {f'"id":{lead_id},"first_name"' for lead_id in self.lead_ids}

    @property
    def needles(self) -> list[str]:
        """Return what a body that names them holds, in lower case; others may hold it as well."""
        phones = {phone for phone in self.own_phones if len(phone) >= _PHONE_CHARACTERS_MIN}
        return sorted(self.marks | phones | self.rows)

    @property
    def signs(self) -> PersonSigns:
        """Return what a text must not hold, however it is written there."""
        return PersonSigns.of(self.marks, self.own_phones)


def _name_of(lead: LeadInput) -> _Name | None:
    if not is_name(lead.first_name, lead.last_name):
        return None
    return plain_text(lead.first_name), plain_text(lead.last_name)

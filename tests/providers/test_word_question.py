"""What makes two questions to a provider the same one."""

from dataclasses import replace

import pytest

from providers.contract import Offer, Provider
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.question import SHARED
from service.flows.word_question import word_question

JOSE = LeadInput(
    first_name="Jos\u00e9",
    last_name="Nu\u00f1ez",
    company_name="Brightwater Tools",
    company_domain="brightwater.example",
    linkedin_url="https://www.linkedin.com/in/jose",
    email="jose@brightwater.example",
    country="US",
)
OTHER = LeadInput(
    first_name="Nadia",
    last_name="Okafor",
    company_name="Acme",
    company_domain="acme.example",
    linkedin_url="https://www.linkedin.com/in/nadia",
    email="nadia@acme.example",
    country="US",
)
OFFERS = [
    pytest.param(provider, offer, id=f"{provider.slug}-{offer.capability}")
    for provider in all_providers().values()
    for offer in provider.offers
]
VERIFIERS = [case for case in OFFERS if case.id and case.id.endswith(Capability.VERIFY_EMAIL)]
PHONES = [case for case in OFFERS if case.id and case.id.endswith(Capability.FIND_PHONE)]
FINDERS = [case for case in OFFERS if case.id and case.id.endswith(Capability.FIND_EMAIL)]


@pytest.mark.parametrize(("provider", "offer"), OFFERS)
def test_spelling_makes_no_other_question(provider: Provider, offer: Offer) -> None:
    """Case, spaces and the form of an accent do not count."""
    spelled = replace(
        JOSE, first_name=" jose\u0301", last_name="NUN\u0303EZ ", company_name="brightwater  tools"
    )

    same = word_question(provider, offer, SHARED, spelled)

    assert same == word_question(provider, offer, SHARED, JOSE)


@pytest.mark.parametrize(("provider", "offer"), OFFERS)
def test_other_people_are_other_questions(provider: Provider, offer: Offer) -> None:
    """Nobody is given the answer about somebody else, nor that of another scope."""
    asked = {
        word_question(provider, offer, SHARED, JOSE),
        word_question(provider, offer, SHARED, OTHER),
        word_question(provider, offer, 1, JOSE),
    }

    assert len(asked) == 3


@pytest.mark.parametrize(("provider", "offer"), VERIFIERS)
def test_an_address_is_one_question(provider: Provider, offer: Offer) -> None:
    """Whatever else is known of a lead, a verifier is asked about the address."""
    alone = word_question(provider, offer, SHARED, LeadInput(email=JOSE.email))

    assert alone == word_question(provider, offer, SHARED, JOSE)


@pytest.mark.parametrize(("provider", "offer"), VERIFIERS)
def test_two_domains_are_two_questions(provider: Provider, offer: Offer) -> None:
    """A sharp s is another domain than two of the other kind."""
    asked = {
        word_question(provider, offer, SHARED, LeadInput(email=f"jane@{domain}.example"))
        for domain in ("stra\u00dfe", "strasse")
    }

    assert len(asked) == 2


def test_a_degree_is_another_question_than_a_name() -> None:
    """The built-in finder guesses otherwise for Nguyen BA than for Nguyen Ba."""
    builtin = all_providers()["enrich"]
    offer = builtin.offer(Capability.FIND_EMAIL)
    assert offer is not None

    asked = {
        word_question(builtin, offer, SHARED, replace(JOSE, last_name=f"Nguyen {word}"))
        for word in ("BA", "Ba")
    }

    assert len(asked) == 2


@pytest.mark.parametrize(("provider", "offer"), FINDERS)
def test_what_a_finder_is_not_told_does_not_count(provider: Provider, offer: Offer) -> None:
    """A finder of addresses is told neither the one there is nor the country."""
    less = replace(JOSE, email=None, country=None)

    same = word_question(provider, offer, SHARED, less)

    assert same == word_question(provider, offer, SHARED, JOSE)


@pytest.mark.parametrize("country", ["usa", "United States", " us"])
@pytest.mark.parametrize(("provider", "offer"), PHONES)
def test_a_number_is_read_in_its_country(provider: Provider, offer: Offer, country: str) -> None:
    """A country is the same by any of its names; read in another, the number may be another."""
    same = word_question(provider, offer, SHARED, replace(JOSE, country=country))
    abroad = word_question(provider, offer, SHARED, replace(JOSE, country="GB"))

    asked = word_question(provider, offer, SHARED, JOSE)

    assert (same == asked, abroad == asked) == (True, False)

"""Every provider is declared within the bounds that the runner relies on."""

from pathlib import Path
from urllib.parse import urlsplit

import providers
from providers.contract import DEADLINE_S_MAX, Local, Offer, Provider, Submitted
from providers.registry import all_providers, find_provider

# Of these vendors no request is known that is free.
KEY_CANNOT_BE_CHECKED = {"aleads"}
NOT_A_PROVIDER = {
    "__init__",
    "complaint",
    "contract",
    "faults",
    "json_object",
    "registry",
    "vocabulary",
}


def test_the_registry_finds_exactly_the_files_of_the_folder() -> None:
    """A vendor is its file: nothing else registers one, and no file is left out."""
    folder = Path(providers.__path__[0])
    stems = {path.stem for path in folder.glob("*.py")} - NOT_A_PROVIDER

    assert stems == set(all_providers())


def test_a_provider_is_found_by_each_of_its_names(declared_provider: Provider) -> None:
    """Slug and aliases lead to the one provider; no two providers share a name."""
    names = (declared_provider.slug, *declared_provider.aliases)

    assert [declared_provider] * len(names) == [find_provider(name) for name in names]


def test_a_provider_states_its_limits_and_its_source(declared_provider: Provider) -> None:
    """Limits are above zero, the facts have a source, and no capability is offered twice."""
    assert declared_provider.limits.requests_per_minute > 0
    assert declared_provider.limits.concurrency > 0
    assert declared_provider.source.startswith(("stated", "inferred"))
    assert (
        len(declared_provider.offers)
        == len({offer.capability for offer in declared_provider.offers})
        > 0
    )


def test_an_offer_stays_within_the_bounds(remote_offer: tuple[Provider, Offer]) -> None:
    """A call ends in time, needs something, and costs no less when found than when missing."""
    _, offer = remote_offer

    assert 0 < offer.deadline_s <= DEADLINE_S_MAX
    assert offer.needs
    assert all(offer.needs)
    assert 0 <= offer.price_missing <= offer.price_found
    assert 0 <= offer.price_unknown <= offer.price_found


def test_a_remote_provider_can_be_reached_and_its_key_checked(
    remote_offer: tuple[Provider, Offer],
) -> None:
    """Its base URL is https, its key has a place, and a free request, if any, tells of its key."""
    provider, _ = remote_offer

    assert urlsplit(provider.base_url).scheme == "https"
    assert provider.auth.place != "none"
    assert provider.auth.name
    assert (provider.key_check is None) == (provider.slug in KEY_CANNOT_BE_CHECKED)
    assert (provider.key_check is None) == (provider.key_proof == ())


def test_a_submission_is_polled_before_its_deadline(submitted_offer: Offer) -> None:
    """There is time for many polls, and a batch holds at least one row."""
    shape = submitted_offer.shape

    assert isinstance(shape, Submitted)
    assert shape.batch_max >= 1
    assert 0 < shape.first_poll_after_s < submitted_offer.deadline_s
    assert 0 < shape.poll_every_s <= submitted_offer.deadline_s / 10


def test_what_the_service_does_itself_costs_nothing() -> None:
    """The built-in provider has no price and may always be asked again."""
    builtin = all_providers()["enrich"]

    assert builtin.repeats == "free"
    assert all(isinstance(offer.shape, Local) for offer in builtin.offers)
    assert {0} == {offer.price_found for offer in builtin.offers}

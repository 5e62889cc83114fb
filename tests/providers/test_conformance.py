"""Every adapter reads what its vendor says, and asks as its vendor documents."""

from functools import partial
from typing import Any

from providers.contract import Offer, Provider, Submitted

API_KEY = "key-0123456789"
TIMEOUT_S = 5.0
CASES_DUE = {"found", "missing", "throttled", "refused", "out_of_credit", "broken"}
# These say nothing about the value that they tell.
WORDLESS = {
    ("aleads", "find_phone"),
    ("findymail", "find_email"),
    ("findymail", "find_phone"),
    ("leadmagic", "find_phone"),
}


async def test_a_recorded_answer_is_read_as_it_is_meant(
    recorded_case: Any, recording: Any, vendor_http: Any, play: Any
) -> None:
    """Each recorded exchange ends in its expected outcome or fault, by the documented requests."""
    provider = recorded_case.provider
    recording.expect(recorded_case, API_KEY)
    send = partial(vendor_http.send, provider, api_key=API_KEY, timeout_s=TIMEOUT_S)

    played = await play(recorded_case, send)

    assert recorded_case.expected == played.end
    assert recorded_case.requests_due == played.requests
    sent = recording.keys_sent(provider.auth, played.requests)
    assert [API_KEY] * len(played.requests) == sent


def test_every_remote_offer_has_its_recorded_cases(
    remote_offer: tuple[Provider, Offer], recorded_case_names: dict[tuple[str, str], set[str]]
) -> None:
    """A vendor cannot be added without its answers, and a submission not without a pending one."""
    provider, offer = remote_offer
    key = (provider.slug, provider.operation(offer))
    due = CASES_DUE | ({"pending"} if isinstance(offer.shape, Submitted) else set())
    due |= {"unknown_word"} if key not in WORDLESS else set()

    assert set() == due - recorded_case_names[key]


def test_a_word_that_nobody_knows_is_no_answer_and_is_kept(unknown_word_case: Any) -> None:
    """Whatever value stands beside it; the trace shows the word."""
    expected = unknown_word_case.expected
    said = unknown_word_case.answers[-1].body.decode().lower().replace("-", "_")

    assert expected["outcome"] == "no_answer"
    assert f'"{expected["reason"].partition("_")[2]}' in said

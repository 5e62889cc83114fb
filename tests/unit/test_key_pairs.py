"""Webhooks signed with ed25519: the published vectors, and what a receiver may pin."""

import pytest

from service.domain.signing import (
    PublicKey,
    Scheme,
    SigningSecret,
    Verdict,
    new_key_pair,
    read_public_key,
    read_secret,
    read_signing_key,
    verify,
    webhook_signature,
)

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PRIVATE = (
    "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA=="
)
PUBLIC = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
SIGNATURE = (
    "v1a,yYfFhCYOFZTkVCaqYlo4HBMRVU1sVPWkTsbJmTBGE84yhpi5X4toEafgWbqYq5PILaKUj/eNcaSlXtKSq5NiDQ=="
)
SHARED_SIGNATURE = "v1,3zy3FfwM6ZkVs8IkJK0W0xYVh9qhRSyfilostUUHdDo="
ID = "evt_01J8Z5Q4T3W2V1X0Y9Z8A7B6C5"
TIMESTAMP_S = 1_767_225_600
BODY = (
    '{"type":"lead.enriched","timestamp":"2026-01-01T00:00:00Z","data":{"id":"ld_1","name":"Zoë"}}'
).encode()


def headers(signature: str) -> dict[str, str]:
    """Return the headers of the vector with this signature."""
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(TIMESTAMP_S),
        "webhook-signature": signature,
    }


def test_the_vector_matches() -> None:
    """The signature, and the public key that follows from the private one, are the published."""
    key = read_signing_key(PRIVATE)

    assert (key.scheme, key.public_key) == (Scheme.KEY_PAIR, PUBLIC)
    assert webhook_signature(ID, TIMESTAMP_S, BODY, [key]) == SIGNATURE


@pytest.mark.parametrize(
    ("signature", "signing", "verdict"),
    [
        (SIGNATURE, read_public_key(PUBLIC), Verdict.AUTHENTIC),
        (SIGNATURE, read_signing_key(PRIVATE), Verdict.AUTHENTIC),
        (f"{SHARED_SIGNATURE} {SIGNATURE}", read_public_key(PUBLIC), Verdict.AUTHENTIC),
        (f"{SHARED_SIGNATURE} {SIGNATURE}", read_secret(SECRET), Verdict.AUTHENTIC),
        (f"v1a,x {SIGNATURE}", read_public_key(PUBLIC), Verdict.AUTHENTIC),
        (SIGNATURE.replace("v1a", "v1"), read_public_key(PUBLIC), Verdict.SIGNATURE_MISMATCH),
        (SIGNATURE.replace("yY", "yZ"), read_public_key(PUBLIC), Verdict.SIGNATURE_MISMATCH),
        (f"{SIGNATURE}, {SIGNATURE}", read_public_key(PUBLIC), Verdict.SIGNATURE_MISMATCH),
        (SIGNATURE, read_secret(SECRET), Verdict.SIGNATURE_MISMATCH),
        (SHARED_SIGNATURE, read_public_key(PUBLIC), Verdict.SIGNATURE_MISMATCH),
    ],
)
def test_only_its_own_key_verifies(
    signature: str, signing: SigningSecret | PublicKey, verdict: Verdict
) -> None:
    """Each scheme counts for its own keys alone, wherever its entry stands."""
    assert verify(headers(signature), BODY, [signing], TIMESTAMP_S) is verdict


@pytest.mark.parametrize(
    "text", ["", "whsk_", "whsk_AAECAw==", PRIVATE[:-4] + "AA==", PUBLIC, PRIVATE[5:], "whsk_ä"]
)
def test_a_bad_private_key_is_refused(text: str) -> None:
    """Its public half must be its own."""
    with pytest.raises(ValueError, match=r"."):
        read_signing_key(text)


@pytest.mark.parametrize("text", ["", "whpk_", PRIVATE, PUBLIC[5:], "whpk_AAECAw=="])
def test_a_bad_public_key_is_refused(text: str) -> None:
    """It is 32 bytes with its prefix."""
    with pytest.raises(ValueError, match="A public key is"):
        read_public_key(text)


def test_new_pairs_differ() -> None:
    """Each is read back whole, and none shows in a repr."""
    assert new_key_pair() != new_key_pair()
    assert repr(read_signing_key(new_key_pair())) == "SigningSecret()"

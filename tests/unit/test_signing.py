"""Signing and verifying webhooks: the published vectors, and every way a request can be off."""

import base64
import hashlib
import hmac
import time

import pytest
import standardwebhooks
from multidict import CIMultiDict

from service.domain.signing import (
    SigningSecret,
    Verdict,
    body_signature,
    new_secret,
    read_secret,
    sign,
    verify,
    webhook_signature,
)

ID = "evt_01J8Z5Q4T3W2V1X0Y9Z8A7B6C5"
TIMESTAMP_S = 1_767_225_600
BODY = (
    '{"type":"lead.enriched","timestamp":"2026-01-01T00:00:00Z","data":{"id":"ld_1","name":"Zoë"}}'
).encode()
KEY_A = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
KEY_B = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
SIGNED_A = "v1,3zy3FfwM6ZkVs8IkJK0W0xYVh9qhRSyfilostUUHdDo="
SIGNED_B = "v1,UCRpgqAPdwEmRnMeTHYXvXQZGKrJ6bG3tZ3hmPBceQw="
SIGNED_V1A = (
    "v1a,yYfFhCYOFZTkVCaqYlo4HBMRVU1sVPWkTsbJmTBGE84yhpi5X4toEafgWbqYq5PILaKUj/eNcaSlXtKSq5NiDQ=="
)

SECRET_A, SECRET_B = read_secret(KEY_A), read_secret(KEY_B)


def request(**changed: str) -> dict[str, str]:
    """Return the headers of the vector signed with key A, some of them changed."""
    headers = {
        "webhook-id": ID,
        "webhook-timestamp": str(TIMESTAMP_S),
        "webhook-signature": SIGNED_A,
    }
    return headers | {f"webhook-{name}": value for name, value in changed.items()}


def secret_of(size: int) -> str:
    """Return a `whsec_` secret that stands for so many bytes."""
    return "whsec_" + base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize(
    ("secret", "signature"), [(SECRET_A, SIGNED_A), (SECRET_B, SIGNED_B)], ids=["a", "b"]
)
def test_the_vectors_match(secret: SigningSecret, signature: str) -> None:
    """A signature is the published one, byte for byte."""
    assert signature == sign(ID, TIMESTAMP_S, BODY, secret.key)


def test_every_current_key_signs_in_order_up_to_three() -> None:
    """The header has one entry per key, the current one first, and never more than three."""
    signing = [SECRET_A, SECRET_B, SECRET_A, SECRET_B]

    header = webhook_signature(ID, TIMESTAMP_S, BODY, signing)

    assert f"{SIGNED_A} {SIGNED_B} {SIGNED_A}" == header


def test_the_public_library_accepts_what_is_signed_now() -> None:
    """A receiver with the public library and a fresh secret takes our signature."""
    text = new_secret()
    timestamp_s = int(time.time())
    headers = {
        "webhook-id": ID,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": webhook_signature(ID, timestamp_s, BODY, [read_secret(text)]),
    }

    parsed = standardwebhooks.Webhook(text).verify(BODY, headers)

    assert parsed["type"] == "lead.enriched"


def test_an_empty_body_can_be_signed() -> None:
    """A body of no bytes has a signature that verifies."""
    headers = request(signature=sign(ID, TIMESTAMP_S, b"", SECRET_A.key))

    assert verify(headers, b"", [SECRET_A], TIMESTAMP_S) == Verdict.AUTHENTIC


def test_the_body_signature_is_keyed_with_the_text_as_shown() -> None:
    """SendKit's header is lower-case hex, and its key is the secret's text, prefix and all."""
    expected = hmac.new(KEY_A.encode(), BODY, hashlib.sha256).hexdigest()

    assert expected == body_signature(BODY, SECRET_A)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (KEY_A, bytes(range(32))),
        (secret_of(24), bytes(24)),
        (secret_of(64), bytes(64)),
        ("00" * 24, bytes(24)),
        ("aB" * 64, b"\xab" * 64),
    ],
)
def test_a_secret_is_base64_or_hex(text: str, key: bytes) -> None:
    """Both forms are read, at both ends of the allowed length, and the text is kept as given."""
    secret = read_secret(text)

    assert (text, key) == (secret.text, secret.key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_AA",
        secret_of(23),
        secret_of(65),
        KEY_A.removeprefix("whsec_"),
        KEY_A.replace("=", ""),
        KEY_A + "\n",
        KEY_A.replace("A", "-", 1),
        "00" * 23,
        "00" * 65,
        "0" * 49,
        "correct horse battery staple",
    ],
)
def test_anything_else_is_refused_without_being_repeated(text: str) -> None:
    """A bad secret is refused with a sentence that does not hold it."""
    with pytest.raises(ValueError, match=r"^A secret .*\.$") as refusal:
        read_secret(text)

    assert text[:12] not in str(refusal.value) or len(text) < 12


def test_a_new_secret_is_readable_and_never_the_same() -> None:
    """Fresh secrets stand for 32 bytes and differ."""
    assert (len(read_secret(new_secret()).key), len({new_secret(), new_secret()})) == (32, 2)


def test_a_secret_is_not_in_its_repr() -> None:
    """Neither form of a secret shows when it is printed."""
    assert repr(SECRET_A) == "SigningSecret()"


@pytest.mark.parametrize(
    "signature",
    [
        SIGNED_A,
        f"{SIGNED_B} {SIGNED_A}",
        f"nocomma {SIGNED_A}",
        f"v1,a,b {SIGNED_A}",
        f"v1,  {SIGNED_A}",
        f"  {SIGNED_A}",
        f"v1,!!! {SIGNED_A}",
        f"{SIGNED_V1A} {SIGNED_A}",
        f"v9,whatever {SIGNED_A}",
    ],
)
def test_a_good_entry_counts_whatever_stands_beside_it(signature: str) -> None:
    """Entries that are malformed, of another key or of an unknown version are passed over."""
    verdict = verify(request(signature=signature), BODY, [SECRET_A], TIMESTAMP_S)

    assert verdict == Verdict.AUTHENTIC


@pytest.mark.parametrize("secrets", [[SECRET_A], [SECRET_B, SECRET_A]])
def test_any_of_the_receivers_secrets_will_do(secrets: list[SigningSecret]) -> None:
    """A receiver that is changing secrets takes either."""
    assert verify(request(), BODY, secrets, TIMESTAMP_S) == Verdict.AUTHENTIC


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, Verdict.HEADER_MISSING),
        ({"webhook-id": ID, "webhook-signature": SIGNED_A}, Verdict.HEADER_MISSING),
        (request(id=f"{ID}.1"), Verdict.ID_INVALID),
        (request(id=""), Verdict.ID_INVALID),
        (request(id=f"{ID}, {ID}"), Verdict.ID_INVALID),
        (request(id="a" * 65), Verdict.ID_INVALID),
        (request(timestamp=f"{TIMESTAMP_S}.5"), Verdict.TIMESTAMP_INVALID),
        (request(timestamp=f"+{TIMESTAMP_S}"), Verdict.TIMESTAMP_INVALID),
        (request(timestamp="1.7e9"), Verdict.TIMESTAMP_INVALID),
        (request(timestamp="١٧٦٧٢٢٥٦٠٠"), Verdict.TIMESTAMP_INVALID),
        (request(timestamp="1" * 13), Verdict.TIMESTAMP_INVALID),
        (request(timestamp=f"{TIMESTAMP_S}, {TIMESTAMP_S}"), Verdict.TIMESTAMP_INVALID),
        (request(timestamp=str(TIMESTAMP_S - 301)), Verdict.TIMESTAMP_TOO_OLD),
        (request(timestamp=str(TIMESTAMP_S + 301)), Verdict.TIMESTAMP_TOO_NEW),
        (request(timestamp=f"0{TIMESTAMP_S}"), Verdict.SIGNATURE_MISMATCH),
        (request(signature=""), Verdict.SIGNATURE_MISMATCH),
        (request(signature=SIGNED_B), Verdict.SIGNATURE_MISMATCH),
        (request(signature=SIGNED_A.replace("v1", "v2")), Verdict.SIGNATURE_MISMATCH),
        (request(signature=SIGNED_A[:20] + "\n" + SIGNED_A[20:]), Verdict.SIGNATURE_MISMATCH),
        (request(signature=SIGNED_A.removesuffix("=")), Verdict.SIGNATURE_MISMATCH),
        (request(signature=f"{SIGNED_A}, {SIGNED_A}"), Verdict.SIGNATURE_MISMATCH),
        (request(id="evt_other"), Verdict.SIGNATURE_MISMATCH),
    ],
)
def test_a_request_that_is_off_is_told_why(headers: dict[str, str], verdict: Verdict) -> None:
    """Each way to be wrong has its own verdict, and none of them raises."""
    assert verdict == verify(headers, BODY, [SECRET_A], TIMESTAMP_S)


@pytest.mark.parametrize("body", [BODY + b"\n", BODY[:-1], b"\xff\xfe", b""])
def test_another_body_does_not_verify(body: bytes) -> None:
    """A changed body fails, also one that is not UTF-8."""
    assert verify(request(), body, [SECRET_A], TIMESTAMP_S) == Verdict.SIGNATURE_MISMATCH


def test_a_body_that_is_not_text_verifies_when_signed() -> None:
    """Authentic and parseable are two things: bytes are verified as they are."""
    headers = request(signature=sign(ID, TIMESTAMP_S, b"\xff{", SECRET_A.key))

    assert verify(headers, b"\xff{", [SECRET_A], TIMESTAMP_S) == Verdict.AUTHENTIC


def test_header_names_count_in_any_case() -> None:
    """Title-case names are found."""
    headers = {name.title(): value for name, value in request().items()}

    assert verify(headers, BODY, [SECRET_A], TIMESTAMP_S) == Verdict.AUTHENTIC


def test_a_header_that_came_twice_fails() -> None:
    """Two signature headers are as bad as one that a proxy joined."""
    headers = CIMultiDict(request())
    headers.add("Webhook-Signature", SIGNED_A)

    assert verify(headers, BODY, [SECRET_A], TIMESTAMP_S) == Verdict.SIGNATURE_MISMATCH


@pytest.mark.parametrize("skew_s", [-300, 0, 300])
def test_five_minutes_either_way_are_tolerated(skew_s: int) -> None:
    """The tolerance includes its ends."""
    assert verify(request(), BODY, [SECRET_A], TIMESTAMP_S + skew_s) == Verdict.AUTHENTIC

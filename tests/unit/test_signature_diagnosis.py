"""A captured request that does not verify is told apart: clock, secret, body or header."""

import base64
import hmac

import pytest

from service.domain.signature_diagnosis import diagnose, parse_request
from service.domain.signing import (
    SigningSecret,
    Verdict,
    body_signature,
    new_key_pair,
    new_secret,
    read_secret,
    read_signing_key,
    webhook_signature,
)

SECRET = read_secret(new_secret())
ID = "evt_1"
NOW_S = 1_767_225_600
BODY = '{"type":"test","data":{"name":"Zoë"}}'.encode()


def signed(secret: SigningSecret = SECRET, **changed: str) -> dict[str, str]:
    """Return the headers of an authentic request, some of them changed."""
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(NOW_S),
        "webhook-signature": webhook_signature(ID, NOW_S, BODY, [secret]),
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }


def by_text() -> str:
    """Return an entry keyed with the secret's text, as a common mistake of senders has it."""
    signed_bytes = f"{ID}.{NOW_S}.".encode() + BODY
    digest = hmac.digest(SECRET.text.encode(), signed_bytes, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def test_an_authentic_request_is_called_so() -> None:
    """There is nothing to look at."""
    found = diagnose(signed(), BODY, SECRET, NOW_S)

    assert (found.verdict, found.part) == (Verdict.AUTHENTIC, None)


@pytest.mark.parametrize(
    ("headers", "body", "now_s", "part", "words"),
    [
        ({}, BODY, NOW_S, "header", "webhook-id, webhook-timestamp, webhook-signature did not"),
        (signed(webhook_id="evt.1"), BODY, NOW_S, "header", "webhook-id is not"),
        (signed(webhook_timestamp="1.5"), BODY, NOW_S, "header", "webhook-timestamp is not"),
        (signed(), BODY, NOW_S + 400, "clock", "400 s behind"),
        (signed(), BODY, NOW_S - 400, "clock", "400 s ahead of"),
        (signed(), BODY + b"\n", NOW_S, "body", "without the line break"),
        (signed(), b"\xef\xbb\xbf" + BODY, NOW_S, "body", "byte order mark"),
        (signed(), BODY.replace(b":", b": "), NOW_S, "body", "without blanks"),
        (signed(), BODY.replace(b"test", b"toast"), NOW_S, "secret", "no entry"),
        (signed(webhook_signature="v1,a, v1,a"), BODY, NOW_S, "header", "came twice"),
        (signed(webhook_signature="v1a,abcd"), BODY, NOW_S, "secret", "holds v1a only"),
        (signed(webhook_signature=by_text()), BODY, NOW_S, "secret", "the secret's text"),
        (signed(read_secret(new_secret())), BODY, NOW_S, "secret", "another endpoint's"),
        (
            signed(webhook_id="evt_2", X_Webhook_Signature=body_signature(BODY, SECRET)),
            BODY,
            NOW_S,
            "header",
            "secret and body are right",
        ),
    ],
)
def test_what_is_wrong_is_named(
    headers: dict[str, str], body: bytes, now_s: float, part: str, words: str
) -> None:
    """The sentence says what to look at, and repeats no secret."""
    found = diagnose(headers, body, SECRET, now_s)

    assert found.part == part
    assert words in found.sentence
    assert SECRET.text not in found.sentence


def test_a_key_pair_cannot_verify_a_shared_signature() -> None:
    """The versions that came are named."""
    found = diagnose(signed(), BODY, read_signing_key(new_key_pair()), NOW_S)

    assert "begin with v1a, but the header holds v1 only" in found.sentence


@pytest.mark.parametrize("gap", [b"\n", b"\r\n"])
@pytest.mark.parametrize("first", [b"", b"POST /in HTTP/1.1"])
def test_a_request_is_read_as_captured(first: bytes, gap: bytes) -> None:
    """The body stays as it is; header names count in any case, doubled ones are joined."""
    lines = [*([first] if first else []), b"Webhook-Id: evt_1", b"X-A: 1", b"x-a: 2", b"", BODY]

    headers, body = parse_request(gap.join(lines))

    assert headers == {"webhook-id": "evt_1", "x-a": "1, 2"}
    assert body == BODY


@pytest.mark.parametrize("raw", [b"", b"a: b", b"not a header\n\nbody"])
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    """It has headers, an empty line and a body."""
    with pytest.raises(ValueError, match=r"."):
        parse_request(raw)

"""Signs and verifies webhooks: Standard Webhooks `v1`, and the SendKit body signature beside it.

It works on bytes and integers only: what a body means is nobody's business here.
"""

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
NEW_SECRET_BYTES: Final = 32
SIGNING_KEYS_MAX: Final = 3
TOLERANCE_S: Final = 300

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{43}=")


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret in both of its forms.

    Attributes:
        text: As it is shown to its owner; keys SendKit's `X-Webhook-Signature`.
        key: The bytes it stands for; keys `webhook-signature`.
    """

    text: str = field(repr=False)
    key: bytes = field(repr=False)


class Verdict(StrEnum):
    """What a receiver can say of a request; only `authentic` is good."""

    AUTHENTIC = "authentic"
    HEADER_MISSING = "header_missing"
    ID_INVALID = "id_invalid"
    TIMESTAMP_INVALID = "timestamp_invalid"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    TIMESTAMP_TOO_NEW = "timestamp_too_new"
    SIGNATURE_MISMATCH = "signature_mismatch"


def new_secret() -> str:
    """Return a fresh secret as it is shown: `whsec_` and the base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(NEW_SECRET_BYTES)).decode()


def read_secret(text: str) -> SigningSecret:
    """Read a secret: `whsec_` + standard base64, or hex digits, of 24 to 64 bytes.

    Raises:
        ValueError: it is neither; the message is a sentence for its owner and repeats none of it.
    """
    key = _decode(text)
    if key is None:
        raise ValueError(
            f"A secret is {SECRET_PREFIX} followed by base64, or {SECRET_BYTES_MIN * 2} to "
            f"{SECRET_BYTES_MAX * 2} hex digits."
        )
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(
            f"A secret stands for {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes; "
            f"this one stands for {len(key)}."
        )
    return SigningSecret(text, key)


def sign(message_id: str, timestamp_s: int, body: bytes, key: bytes) -> str:
    """Return one entry of `webhook-signature`: `v1,` and the base64 of the HMAC-SHA256."""
    return "v1," + _digest_text(f"{message_id}.{timestamp_s}.".encode(), body, key)


def webhook_signature(
    message_id: str, timestamp_s: int, body: bytes, signing: Sequence[SigningSecret]
) -> str:
    """Return the whole `webhook-signature` header: one entry per secret, the current one first.

    At most three secrets sign; the caller puts those that count first.
    """
    return " ".join(
        sign(message_id, timestamp_s, body, secret.key) for secret in signing[:SIGNING_KEYS_MAX]
    )


def body_signature(body: bytes, secret: SigningSecret) -> str:
    """Return SendKit's `X-Webhook-Signature`: lower-case hex, keyed with the text as shown."""
    return hmac.new(secret.text.encode(), body, "sha256").hexdigest()


def verify(
    headers: Mapping[str, str], body: bytes, signing: Sequence[SigningSecret], now_s: float
) -> Verdict:
    """Tell whether a request was signed with one of the secrets within the last five minutes.

    Header names count in any case. A header that came twice, or that a proxy joined to `a, a`,
    makes the request fail. The body is taken as it arrived and is not parsed.
    """
    by_name: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        by_name[lower] = f"{by_name[lower]}, {value}" if lower in by_name else value
    message_id = by_name.get("webhook-id")
    timestamp = by_name.get("webhook-timestamp")
    signatures = by_name.get("webhook-signature")
    if message_id is None or timestamp is None or signatures is None:
        return Verdict.HEADER_MISSING
    # A full stop in the id would let one signed string be read as another message.
    if not _ID.fullmatch(message_id):
        return Verdict.ID_INVALID
    if not _TIMESTAMP.fullmatch(timestamp):
        return Verdict.TIMESTAMP_INVALID
    age_s = now_s - int(timestamp)
    if age_s > TOLERANCE_S:
        return Verdict.TIMESTAMP_TOO_OLD
    if age_s < -TOLERANCE_S:
        return Verdict.TIMESTAMP_TOO_NEW
    # The timestamp is signed as it was written, leading zeros included.
    prefix = f"{message_id}.{timestamp}.".encode()
    expected = [_digest_text(prefix, body, secret.key) for secret in signing]
    # A list, so that every candidate is compared whichever matches.
    matches = [
        hmac.compare_digest(given, good) for given in _entries(signatures) for good in expected
    ]
    return Verdict.AUTHENTIC if any(matches) else Verdict.SIGNATURE_MISMATCH


def _decode(text: str) -> bytes | None:
    if text.startswith(SECRET_PREFIX):
        encoded = text.removeprefix(SECRET_PREFIX)
        if not _BASE64.fullmatch(encoded):
            return None
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return None
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def _digest_text(prefix: bytes, body: bytes, key: bytes) -> str:
    digest = hmac.new(key, prefix, "sha256")
    digest.update(body)
    return base64.b64encode(digest.digest()).decode()


def _entries(header: str) -> list[str]:
    """Return the well-formed `v1` signatures; everything else in the header is passed over."""
    entries = header.split(" ")
    # "v1,…, v1,…" is the header twice, joined on the way: no sender means that.
    if any(entry.count(",") > 1 and entry.endswith(",") for entry in entries):
        return []
    parts = [entry.partition(",") for entry in entries]
    return [
        signature
        for version, _, signature in parts
        if version == "v1" and _SIGNATURE.fullmatch(signature)
    ]

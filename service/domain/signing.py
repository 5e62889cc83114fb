"""Signs and verifies webhooks: Standard Webhooks `v1` and `v1a`, and SendKit's body signature.

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

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
PRIVATE_KEY_PREFIX: Final = "whsk_"
PUBLIC_KEY_PREFIX: Final = "whpk_"
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
_KEY_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{86}==")
_SEED_BYTES: Final = 32


class Scheme(StrEnum):
    """How requests are signed: with a secret both sides know, or with a private key."""

    SHARED = "v1"
    KEY_PAIR = "v1a"


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret in both of its forms.

    Attributes:
        text: As it is shown to its owner; keys SendKit's `X-Webhook-Signature`.
        key: The bytes it stands for, of a key pair its seed; keys `webhook-signature`.
    """

    text: str = field(repr=False)
    key: bytes = field(repr=False)
    scheme: Scheme = field(default=Scheme.SHARED, repr=False)

    @property
    def public_key(self) -> str | None:
        """The `whpk_` text that a receiver pins; None where the secret itself is shared."""
        if self.scheme is Scheme.SHARED:
            return None
        return _public_text(Ed25519PrivateKey.from_private_bytes(self.key).public_key())


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a receiver verifies `v1a` with."""

    key: bytes

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this key's other half signed the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


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


def new_key_pair() -> str:
    """Return a fresh private key for `v1a`: `whsk_` and the base64 of seed and public key."""
    private = Ed25519PrivateKey.generate()
    both = private.private_bytes_raw() + private.public_key().public_bytes_raw()
    return PRIVATE_KEY_PREFIX + base64.b64encode(both).decode()


def read_signing_key(text: str) -> SigningSecret:
    """Read what signs, of either scheme: a secret, or a private key made by `new_key_pair`.

    Raises:
        ValueError: it is neither; the message repeats none of it.
    """
    if not text.startswith(PRIVATE_KEY_PREFIX):
        return read_secret(text)
    both = _from_base64(text.removeprefix(PRIVATE_KEY_PREFIX)) or b""
    seed, public = both[:_SEED_BYTES], both[_SEED_BYTES:]
    if len(seed) != _SEED_BYTES or public != _public_bytes(seed):
        raise ValueError("A private key is whsk_ and the base64 of its seed and public key.")
    return SigningSecret(text, seed, Scheme.KEY_PAIR)


def read_public_key(text: str) -> PublicKey:
    """Read a public key: `whpk_` and the base64 of 32 bytes.

    Raises:
        ValueError: it is none.
    """
    key = _from_base64(text.removeprefix(PUBLIC_KEY_PREFIX)) or b""
    if not text.startswith(PUBLIC_KEY_PREFIX) or len(key) != _SEED_BYTES:
        raise ValueError(f"A public key is {PUBLIC_KEY_PREFIX} and the base64 of 32 bytes.")
    return PublicKey(key)


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


def sign_with_key(message_id: str, timestamp_s: int, body: bytes, seed: bytes) -> str:
    """Return one entry of `webhook-signature`: `v1a,` and the base64 of the ed25519 signature.

    Copies the body once: ed25519 reads its message twice, and the library takes it in one piece.
    """
    message = f"{message_id}.{timestamp_s}.".encode() + body
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(message)
    return "v1a," + base64.b64encode(signature).decode()


def webhook_signature(
    message_id: str, timestamp_s: int, body: bytes, signing: Sequence[SigningSecret]
) -> str:
    """Return the whole `webhook-signature` header: one entry per secret, the current one first.

    At most three secrets sign; the caller puts those that count first.
    """
    return " ".join(
        sign(message_id, timestamp_s, body, secret.key)
        if secret.scheme is Scheme.SHARED
        else sign_with_key(message_id, timestamp_s, body, secret.key)
        for secret in signing[:SIGNING_KEYS_MAX]
    )


def body_signature(body: bytes, secret: SigningSecret) -> str:
    """Return SendKit's `X-Webhook-Signature`: lower-case hex, keyed with the text as shown."""
    return hmac.new(secret.text.encode(), body, "sha256").hexdigest()


def verify(
    headers: Mapping[str, str],
    body: bytes,
    signing: Sequence[SigningSecret | PublicKey],
    now_s: float,
) -> Verdict:
    """Tell whether a request was signed with one of the secrets within the last five minutes.

    Header names count in any case. A header that came twice, or that a proxy joined to `a, a`,
    makes the request fail. The body is taken as it arrived and is not parsed.
    """
    by_name = headers_by_name(headers)
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
    authentic = signature_matches(signatures, prefix, body, signing)
    return Verdict.AUTHENTIC if authentic else Verdict.SIGNATURE_MISMATCH


def signature_matches(
    signatures: str, prefix: bytes, body: bytes, signing: Sequence[SigningSecret | PublicKey]
) -> bool:
    """Tell whether a `webhook-signature` header holds an entry that one of the secrets made.

    Args:
        prefix: what is signed before the body: id, timestamp and their full stops.
    """
    expected = [
        _digest_text(prefix, body, each.key)
        for each in signing
        if isinstance(each, SigningSecret) and each.scheme is Scheme.SHARED
    ]
    # A list, so that every candidate is compared whichever matches.
    matches = [
        hmac.compare_digest(given, good)
        for given in _entries(signatures, Scheme.SHARED)
        for good in expected
    ]
    public = [key for each in signing if (key := _public_half(each)) is not None]
    matches += [
        key.signed(base64.b64decode(given), prefix + body)
        for given in _entries(signatures, Scheme.KEY_PAIR)
        for key in public
    ]
    return any(matches)


def headers_by_name(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case name; one that came twice is joined as proxies do."""
    by_name: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        by_name[lower] = f"{by_name[lower]}, {value}" if lower in by_name else value
    return by_name


def _public_half(each: SigningSecret | PublicKey) -> PublicKey | None:
    if isinstance(each, PublicKey):
        return each
    return PublicKey(_public_bytes(each.key)) if each.scheme is Scheme.KEY_PAIR else None


def _public_bytes(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _public_text(key: Ed25519PublicKey) -> str:
    return PUBLIC_KEY_PREFIX + base64.b64encode(key.public_bytes_raw()).decode()


def _from_base64(encoded: str) -> bytes | None:
    if not _BASE64.fullmatch(encoded):
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None


def _decode(text: str) -> bytes | None:
    if text.startswith(SECRET_PREFIX):
        return _from_base64(text.removeprefix(SECRET_PREFIX))
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def _digest_text(prefix: bytes, body: bytes, key: bytes) -> str:
    digest = hmac.new(key, prefix, "sha256")
    digest.update(body)
    return base64.b64encode(digest.digest()).decode()


def _entries(header: str, scheme: Scheme) -> list[str]:
    """Return the well-formed signatures of a scheme; everything else is passed over."""
    entries = header.split(" ")
    # "v1,…, v1,…" is the header twice, joined on the way: no sender means that.
    if any(entry.count(",") > 1 and entry.endswith(",") for entry in entries):
        return []
    form = _SIGNATURE if scheme is Scheme.SHARED else _KEY_SIGNATURE
    parts = [entry.partition(",") for entry in entries]
    return [
        signature
        for version, _, signature in parts
        if version == scheme and form.fullmatch(signature)
    ]

"""Says what is wrong with a webhook that does not verify: clock, secret, changed body or header."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.domain.signing import (
    TOLERANCE_S,
    PublicKey,
    Scheme,
    SigningSecret,
    Verdict,
    body_signature,
    headers_by_name,
    signature_matches,
    verify,
)

_SENTENCES: Final[Mapping[Verdict, str]] = {
    Verdict.ID_INVALID: (
        "Header: webhook-id is not 1 to 64 letters, digits, hyphens and underscores; "
        "it was changed on the way, or came twice."
    ),
    Verdict.TIMESTAMP_INVALID: (
        "Header: webhook-timestamp is not a whole number of seconds since 1970; "
        "it was changed on the way, or came twice."
    ),
}
_REQUIRED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found; `part` is what to look at, None when nothing is wrong."""

    verdict: Verdict
    part: str | None
    sentence: str


def diagnose(
    headers: Mapping[str, str], body: bytes, key: SigningSecret | PublicKey, now_s: float
) -> Diagnosis:
    """Verify a captured request, and where that fails find the likeliest reason."""
    verdict = verify(headers, body, [key], now_s)
    by_name = headers_by_name(headers)
    match verdict:
        case Verdict.AUTHENTIC:
            return Diagnosis(verdict, None, "The request is authentic.")
        case Verdict.HEADER_MISSING:
            missing = [name for name in _REQUIRED if name not in by_name]
            return Diagnosis(
                verdict, "header", f"Header: {', '.join(missing)} did not arrive with the request."
            )
        case Verdict.TIMESTAMP_TOO_OLD | Verdict.TIMESTAMP_TOO_NEW:
            return _clock(verdict, now_s - int(by_name["webhook-timestamp"]))
        case Verdict.SIGNATURE_MISMATCH:
            return _mismatch(by_name, body, key)
        case _:
            return Diagnosis(verdict, "header", _SENTENCES[verdict])


def _clock(verdict: Verdict, age_s: float) -> Diagnosis:
    side = "behind" if age_s > 0 else "ahead of"
    return Diagnosis(
        verdict,
        "clock",
        f"Clock: webhook-timestamp is {abs(age_s):.0f} s {side} the time of verifying; "
        f"{TOLERANCE_S} s are allowed. Check this host's clock, or give the time of arrival.",
    )


def _mismatch(by_name: Mapping[str, str], body: bytes, key: SigningSecret | PublicKey) -> Diagnosis:
    signatures = by_name["webhook-signature"]
    prefix = f"{by_name['webhook-id']}.{by_name['webhook-timestamp']}.".encode()
    found = (
        _joined(signatures)
        or _wrong_scheme(signatures, key)
        or _changed_body(signatures, prefix, body, key)
        or _wrong_use_of_secret(signatures, prefix + body, key)
        or _by_body_signature(by_name.get("x-webhook-signature"), body, key)
        or (
            "secret",
            (
                "Secret: no entry of webhook-signature was made with this secret over this body. "
                "Either the secret is another endpoint's or an older one, or the body was changed."
            ),
        )
    )
    return Diagnosis(Verdict.SIGNATURE_MISMATCH, *found)


def _joined(signatures: str) -> tuple[str, str] | None:
    if ", " not in signatures:
        return None
    return (
        "header",
        (
            "Header: webhook-signature came twice and was joined with a comma; "
            "something between sender and receiver doubles headers."
        ),
    )


def _wrong_scheme(signatures: str, key: SigningSecret | PublicKey) -> tuple[str, str] | None:
    shared = isinstance(key, SigningSecret) and key.scheme is Scheme.SHARED
    wanted = f"{Scheme.SHARED if shared else Scheme.KEY_PAIR},"
    entries = signatures.split(" ")
    if any(entry.startswith(wanted) for entry in entries):
        return None
    versions = ", ".join(sorted({entry.partition(",")[0][:8] for entry in entries}))
    return (
        "secret",
        (
            f"Secret: this kind of secret verifies entries that begin with {wanted} "
            f"but the header holds {versions} only."
        ),
    )


def _changed_body(
    signatures: str, prefix: bytes, body: bytes, key: SigningSecret | PublicKey
) -> tuple[str, str] | None:
    for what, variant in _variants(body):
        if variant != body and signature_matches(signatures, prefix, variant, [key]):
            return (
                "body",
                (
                    f"Changed body: the signature is good for the body {what}. "
                    "Verify the bytes as they arrive, before anything parses them."
                ),
            )
    return None


def _variants(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "without the line break at its end", body.rstrip(b"\r\n")
    yield "with a line break at its end", body + b"\n"
    yield "with its line breaks as they were (LF)", body.replace(b"\r\n", b"\n")
    yield "without the byte order mark before it", body.removeprefix(b"\xef\xbb\xbf")
    try:
        text = body.decode()
        parsed = json.loads(text)
    except ValueError:
        return
    yield "in Latin-1 turned back to UTF-8", _unmangled(text)
    # How the sender writes JSON, and how those that re-encode it usually do.
    ways: tuple[tuple[str, Callable[[object], str]], ...] = (
        ("without blanks (it was parsed and written anew)", _compact),
        ("with blanks (it was parsed and written anew)", _spaced),
    )
    for what, write in ways:
        yield what, write(parsed).encode(errors="surrogatepass")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _spaced(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _unmangled(text: str) -> bytes:
    return text.encode("latin-1", errors="replace")


def _wrong_use_of_secret(
    signatures: str, signed: bytes, key: SigningSecret | PublicKey
) -> tuple[str, str] | None:
    if isinstance(key, PublicKey) or key.scheme is not Scheme.SHARED:
        return None
    texts = (key.text, key.text.removeprefix("whsec_"))
    expected = {
        base64.b64encode(hmac.digest(text.encode(), signed, "sha256")).decode() for text in texts
    }
    if not any(entry.partition(",")[2] in expected for entry in signatures.split(" ")):
        return None
    return (
        "secret",
        (
            "Secret: the sender keyed the signature with the secret's text; "
            "Standard Webhooks uses the bytes that the text stands for."
        ),
    )


def _by_body_signature(
    given: str | None, body: bytes, key: SigningSecret | PublicKey
) -> tuple[str, str] | None:
    """Use SendKit's signature, which covers the body alone, to tell body and header apart."""
    if given is None or isinstance(key, PublicKey):
        return None
    if not hmac.compare_digest(given.encode(), body_signature(body, key).encode()):
        return None
    return (
        "header",
        "Header: secret and body are right, so webhook-id or webhook-timestamp was changed.",
    )


def parse_request(raw: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a captured request: header lines, an empty line, the body.

    A request line before the headers is passed over. Of a header that came twice the values are
    joined.

    Raises:
        ValueError: there is no empty line, or a line before it is no header.
    """
    for gap in (b"\r\n\r\n", b"\n\n"):
        head, found, body = raw.partition(gap)
        if found:
            break
    else:
        raise ValueError("there is no empty line between headers and body")
    lines = head.decode("latin-1").splitlines()
    if lines and lines[0].split(" ")[0].isupper() and "HTTP/" in lines[0]:
        lines = lines[1:]
    return parse_headers(lines), body


def parse_headers(lines: Sequence[str]) -> dict[str, str]:
    """Return headers from lines such as `webhook-id: evt_1`.

    Raises:
        ValueError: a line is no header.
    """
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"not a header: {line[:40]!r}")
        lower = name.strip().lower()
        value = value.strip()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    return headers

"""Sends a receiver twelve cases and scores its answers: what it must take, what it must refuse."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from yarl import URL

from service.commands.failures import CommandFailure
from service.domain.attempt_class import SENTENCES
from service.domain.identifiers import event_header_id, new_id
from service.domain.signing import (
    TOLERANCE_S,
    Scheme,
    SigningSecret,
    new_secret,
    read_secret,
    sign,
)
from service.edges.dial_guard import EgressPolicy, normal_host
from service.edges.guarded_resolver import ask_system
from service.edges.receiver_http import Answered, ReceiverHTTP

TIMEOUT_S: Final = 15.0
LARGEST_BODY_BYTES: Final = 256 * 1024
_TAKEN: Final = range(200, 300)
_REFUSED: Final = range(400, 500)


@dataclass(frozen=True, slots=True)
class Probe:
    """One request to a receiver, before it is signed.

    Attributes:
        altered_body: sent instead of the body that was signed.
        signatures: the header, with places for a `{good}` and an `{other}` entry; empty sends
            none.
    """

    message_id: str
    body: bytes = field(repr=False)
    timestamp_s: int
    sequence: int = 1
    altered_body: bytes | None = field(default=None, repr=False)
    signatures: str = "{good}"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that a receiver must get right.

    Attributes:
        taken: whether 2xx is right; else 4xx is.
    """

    name: str
    probe: Probe = field(repr=False)
    why: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a receiver did with a case."""

    name: str
    passed: bool
    status: int | None
    said: str


def twelve_cases(now_s: int) -> list[Case]:
    """Return the cases in the order in which they are sent."""
    valid = _probe(now_s, sequence=2)
    unknown = _probe(now_s, type="something.new", data={"unknownField": [1, {"deep": None}]})
    late, early = now_s - 2 * TOLERANCE_S, now_s + 2 * TOLERANCE_S
    taken = (
        ("valid", valid, "an authentic event is taken"),
        ("repeated id", valid, "the same event again is taken, and acted on once"),
        ("out of order", _probe(now_s), "a lower number after a higher one is taken"),
        ("two signatures", _forged(valid, "{other} {good}"), "rotation: any good one counts"),
        ("unknown version", _forged(valid, "v9,AAAA {good}"), "what is not known is skipped"),
        ("unknown type", unknown, "a type or field that is not known yet is no error"),
        ("largest body", _probe(now_s, data={"x": "x" * LARGEST_BODY_BYTES}), "256 KiB fit"),
    )
    refused = (
        ("bad signature", _forged(_probe(now_s), "{other}"), "a forged event is refused"),
        ("no signature", _forged(_probe(now_s), ""), "an unsigned event is refused"),
        ("changed body", _changed(_probe(now_s)), "a body that was changed is refused"),
        ("old timestamp", _probe(late), "what was recorded and is sent again is refused"),
        ("future timestamp", _probe(early), "what would stay good for long is refused"),
    )
    return [
        *(Case(name, probe, why, taken=True) for name, probe, why in taken),
        *(Case(name, probe, why, taken=False) for name, probe, why in refused),
    ]


async def check_receiver(url: str, secret: SigningSecret) -> list[Outcome]:
    """Send the cases to `url`, which its caller vouches for, one after the other.

    Raises:
        CommandFailure: the URL cannot be used, or the secret is not a shared one.
    """
    if secret.scheme is not Scheme.SHARED:
        raise CommandFailure("The check signs with v1: give a whsec_ secret or hex digits.")
    try:
        parsed = URL(url)
        policy = EgressPolicy.parse([f"{normal_host(parsed.host or '')}:{parsed.port}"])
    except ValueError:
        raise CommandFailure("This is not a URL that can be posted to.") from None
    async with ReceiverHTTP(policy, ask_system) as http:
        return [await _run(http, url, secret, case) for case in twelve_cases(int(time.time()))]


async def _run(http: ReceiverHTTP, url: str, secret: SigningSecret, case: Case) -> Outcome:
    probe = case.probe
    result = await http.post(
        url,
        probe.body if probe.altered_body is None else probe.altered_body,
        _headers(probe, secret),
        timeout_s=TIMEOUT_S,
    )
    right = _TAKEN if case.taken else _REFUSED
    wanted = "2xx" if case.taken else "4xx"
    if not isinstance(result, Answered):
        said = f"wanted {wanted}, but {SENTENCES[result.attempt_class]}"
        return Outcome(case.name, passed=False, status=None, said=said)
    passed = result.status in right
    said = case.why if passed else f"wanted {wanted}, got {result.status}: {case.why}"
    return Outcome(case.name, passed, result.status, said)


def _headers(probe: Probe, secret: SigningSecret) -> Mapping[str, str]:
    good = sign(probe.message_id, probe.timestamp_s, probe.body, secret.key)
    other = sign(probe.message_id, probe.timestamp_s, probe.body, read_secret(new_secret()).key)
    headers = {
        "content-type": "application/json",
        "webhook-id": probe.message_id,
        "webhook-timestamp": str(probe.timestamp_s),
        "webhook-attempt": "1",
        "webhook-sequence": str(probe.sequence),
    }
    signatures = probe.signatures.format(good=good, other=other)
    return {**headers, "webhook-signature": signatures} if signatures else headers


def _probe(timestamp_s: int, *, sequence: int = 1, **fields: Any) -> Probe:
    event = {
        "type": "test",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": {"message": "One of twelve cases that check this receiver. Zoë."},
        **fields,
    }
    return Probe(event_header_id(new_id()), orjson.dumps(event), timestamp_s, sequence)


def _forged(probe: Probe, signatures: str) -> Probe:
    return replace(probe, message_id=event_header_id(new_id()), signatures=signatures)


def _changed(probe: Probe) -> Probe:
    return replace(probe, altered_body=probe.body.replace(b"twelve", b"eleven"))

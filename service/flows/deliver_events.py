"""Carries events to their endpoints: claim, sign, send, complete; at least once, bytes unchanged.

Nothing of the database is held while a request is under way: the claim is committed before it,
and what came of it is written afterwards, in a batch with others.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import UUID

import structlog

from service.domain.attempt_class import SILENT, UNREACHED, AttemptClass
from service.domain.carried_clock import CarriedClock
from service.domain.identifiers import event_header_id
from service.domain.retry import Answer, Chance, Decision, Disable, Hold, decide, draw_jitter
from service.domain.signing import (
    SIGNING_KEYS_MAX,
    Scheme,
    SigningSecret,
    body_signature,
    webhook_signature,
)
from service.edges.receiver_http import Answered, Failed, Passage, ReceiverHTTP
from service.edges.secret_box import SecretBox
from service.flows.endpoint_news import GivenUp, news_events
from service.flows.open_secrets import open_headers, open_signing_secrets
from service.store.connection import Pool
from service.store.deliveries import (
    ClaimKey,
    Completion,
    Delivery,
    EndpointEffect,
    EndpointNews,
    affect_endpoints,
    claim,
    complete,
    lock_endpoints,
)
from service.store.events import insert_events
from service.store.secrets import SealedSecret, Signer, read_signing_secrets
from service.store.transient import until_done

FAILURES_BEFORE_HOLD: Final = 5
FAILING_HOURS_MAX: Final = 120
EXHAUSTED_QUIET_S: Final = 3_600.0
"""Of an endpoint it is told so often, at most, that deliveries to it were given up."""

NOT_AUTHENTIC: Final = frozenset({400, 401, 403})
"""What receivers answer to a signature that is not good."""

_PATIENCE_S: Final = 60.0

_log = structlog.get_logger()


async def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Terms:
    """How deliveries are sent.

    Attributes:
        deadline_s: for a whole request; an endpoint's own timeout may be shorter.
        schedule_s: pause before each attempt after the first.
    """

    deadline_s: float
    schedule_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SignedFor:
    """A claimed delivery with the secrets that sign it; none when they cannot be read.

    Attributes:
        secret_ids: the rows of the secrets, in the same order.
        whole: whether every secret that should sign could be read.
        headers: those its owner added; None when they cannot be read.
    """

    delivery: Delivery
    signing: tuple[SigningSecret, ...] = field(repr=False)
    secret_ids: tuple[int, ...] = ()
    whole: bool = True
    headers: Mapping[str, str] | None = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery after its attempt: what happened and what was decided, not yet written."""

    delivery: Delivery
    decision: Decision
    result: Answered | Failed
    started_at: datetime
    body_sha256: bytes = field(repr=False)
    secret_ids: tuple[int, ...] = ()

    def completion(self) -> Completion:
        """Return it as it is written."""
        passage = self.result.passage
        answered = self.result if isinstance(self.result, Answered) else None
        return Completion(
            event_id=self.delivery.event_id,
            endpoint_id=self.delivery.endpoint_id,
            epoch=self.delivery.epoch,
            state=self.decision.state,
            delay_s=self.decision.delay_s,
            counted=self.decision.counts_attempt,
            status=None if answered is None else answered.status,
            reason=self.decision.reason,
            started_at=self.started_at,
            duration_ms=round(passage.duration_s * 1_000),
            address=passage.address,
            attempt_class=self.decision.attempt_class.value,
            answer=(answered.answer or None) if answered else None,
            body_sha256=self.body_sha256,
            dns_ms=_between(0.0, passage.dns_s),
            connect_ms=None if passage.reused else _between(passage.dns_s, passage.connected_s),
            ttfb_ms=_between(passage.connected_s, passage.headers_s),
            reused=passage.reused if passage.began else None,
            tls_version=passage.tls_version,
            secret_ids=self.secret_ids,
            tls_ms=_between(0.0, passage.tls_s),
        )


async def claim_deliveries(
    pool: Pool, box: SecretBox, owner: UUID, shares: Mapping[Signer, int]
) -> list[SignedFor]:
    """Claim and number up to so many deliveries per endpoint, and fetch what signs them.

    Both at the same time: what signs is nobody's who claims. A claim whose secrets could not be
    read stands nevertheless, and is given back like any that nobody was told of.
    """
    claimed, sealed = await asyncio.gather(
        _claim(pool, owner, {signer.endpoint_id: size for signer, size in shares.items()}),
        _read_secrets(pool, sorted(shares)),
    )
    keys: dict[int, tuple[tuple[SigningSecret, ...], tuple[int, ...], bool]] = {}
    for workspace_id, endpoint_id, _ in shares:
        found = sealed.get(endpoint_id, [])
        opened = open_signing_secrets(box, workspace_id, found)
        keys[endpoint_id] = (
            tuple(secret for _, secret in opened),
            tuple(secret_id for secret_id, _ in opened),
            len(opened) == len(found),
        )
    return [
        SignedFor(
            each,
            *keys[each.endpoint_id],
            open_headers(box, each.workspace_id, each.endpoint_id, each.headers_ciphertext),
        )
        for each in claimed
    ]


async def send_delivery(
    signed_for: SignedFor,
    http: ReceiverHTTP,
    clock: CarriedClock,
    terms: Terms,
    random: Random,
    *,
    is_egress_down: Callable[[], Awaitable[bool]] = _never,
) -> Sent:
    """Make one attempt and decide what follows from it; whatever happens, there is an answer.

    Args:
        is_egress_down: asked where no answer came: whether that was for a fault of ours.
    """
    delivery = signed_for.delivery
    started_at = clock.now()
    body = delivery.payload
    if body is None:
        lost = Failed(AttemptClass.OUR_FAULT, Passage(0.0))
        reason = "the event is no longer kept"
        decision = Decision("aborted", lost.attempt_class, reason, counts_attempt=False)
        return _finished(signed_for, decision, lost, started_at, b"")
    result = await _post(signed_for, body, http, started_at, terms)
    unanswered = isinstance(result, Failed) and result.attempt_class in UNREACHED | SILENT
    if unanswered and await is_egress_down():
        result = Failed(AttemptClass.EGRESS_DOWN, result.passage)
    chance = Chance(
        attempt=delivery.attempt_count + 1,
        retry_count_max=delivery.retry_count_max,
        schedule_s=terms.schedule_s,
        now=clock.now(),
        jitter=draw_jitter(random),
        unsent_claim_count=delivery.unsent_claim_count,
        elapsed_s=(started_at - (delivery.tried_since or started_at)).total_seconds(),
    )
    decision = decide(_happened(result, whole=signed_for.whole), chance)
    return _finished(signed_for, decision, result, started_at, body)


async def complete_deliveries(pool: Pool, owner: UUID, batch: Sequence[Sent]) -> list[str | None]:
    """Write what became of a batch; return each one's new state, None if its claim was lost.

    A lost claim changes nothing: not the delivery, not its endpoint, and no attempt is kept.
    """
    states, news = await until_done(
        lambda: _complete(pool, owner, batch), name="complete_deliveries", patience_s=_PATIENCE_S
    )
    for each in news:
        if each.switched_off:
            _log.warning("endpoint.disabled", endpoint=each.public_id, reason=each.disabled_reason)
        if each.given_up_at is not None:
            _log.warning("endpoint.exhausted", endpoint=each.public_id)
    return [states.get(sent.delivery.claim_key) for sent in batch]


def delivery_headers(
    delivery: Delivery, body: bytes, signing: Sequence[SigningSecret], timestamp_s: int
) -> dict[str, str]:
    """Return the headers of one attempt; between attempts only time, number and signature change.

    `signing` begins with the current secret.
    """
    event_type = None if delivery.hidden else delivery.event_type
    headers = signed_headers(
        event_header_id(delivery.event_id), body, signing, timestamp_s, event_type=event_type
    )
    headers["webhook-attempt"] = str(delivery.next_number)
    headers["webhook-sequence"] = str(delivery.sequence)
    return headers


def signed_headers(
    message_id: str,
    body: bytes,
    signing: Sequence[SigningSecret],
    timestamp_s: int,
    *,
    event_type: str | None,
) -> dict[str, str]:
    """Return the headers that say and prove what a request is.

    Args:
        event_type: adds SendKit's headers. A body signature keyed with a private key would prove
            nothing to a receiver that has only the public one, so there is none then.
    """
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": webhook_signature(message_id, timestamp_s, body, signing),
    }
    if event_type is not None:
        headers["X-Webhook-Event"] = event_type
        if signing[0].scheme is Scheme.SHARED:
            headers["X-Webhook-Signature"] = body_signature(body, signing[0])
    return headers


async def _claim(pool: Pool, owner: UUID, sizes: Mapping[int, int]) -> list[Delivery]:
    async with pool.acquire() as connection:
        return await claim(connection, owner, sizes)


async def _read_secrets(pool: Pool, signers: Sequence[Signer]) -> dict[int, list[SealedSecret]]:
    async with pool.acquire() as connection:
        return await read_signing_secrets(connection, signers, count_max=SIGNING_KEYS_MAX)


async def _complete(
    pool: Pool, owner: UUID, batch: Sequence[Sent]
) -> tuple[dict[ClaimKey, str], list[EndpointNews]]:
    completions = [sent.completion() for sent in batch]
    expected = _effects(batch)
    async with pool.acquire() as connection:
        if not expected:
            return await complete(connection, owner, completions), []
        # Together, so that nobody claims for a receiver that has just asked to be left alone.
        async with connection.transaction():
            await lock_endpoints(connection, [each.endpoint_id for each in expected])
            states = await complete(connection, owner, completions)
            counted = [sent for sent in batch if sent.delivery.claim_key in states]
            news = await affect_endpoints(
                connection,
                _effects(counted),
                patience=FAILURES_BEFORE_HOLD,
                failing_hours_max=FAILING_HOURS_MAX,
                quiet_s=EXHAUSTED_QUIET_S,
            )
            if news:
                await insert_events(connection, news_events(news, _given_up(counted)))
            return states, news


async def _post(
    signed_for: SignedFor, body: bytes, http: ReceiverHTTP, started_at: datetime, terms: Terms
) -> Answered | Failed:
    delivery = signed_for.delivery
    if not signed_for.signing or signed_for.headers is None:
        return Failed(AttemptClass.SECRET_UNREADABLE, Passage(0.0))
    try:
        return await http.post(
            delivery.url,
            body,
            {
                **signed_for.headers,
                **delivery_headers(delivery, body, signed_for.signing, int(started_at.timestamp())),
            },
            timeout_s=min(delivery.timeout_ms / 1_000, terms.deadline_s),
            owner=delivery.workspace_id,
        )
    # The edge of the job: one delivery must not stop the others. Only the name of the error is
    # logged, because its text may repeat the URL.
    except Exception as error:  # noqa: BLE001
        _log.error("attempt.failed", event_id=str(delivery.event_id), error=type(error).__name__)
        return Failed(AttemptClass.OUR_FAULT, Passage(0.0))


def _happened(result: Answered | Failed, *, whole: bool) -> Answer | AttemptClass:
    if isinstance(result, Failed):
        return result.attempt_class
    if not whole and result.status in NOT_AUTHENTIC:  # It may hold the secret that did not sign.
        return AttemptClass.SECRET_UNREADABLE
    return Answer(result.status, result.retry_after, result.wish)


def _finished(
    signed_for: SignedFor,
    decision: Decision,
    result: Answered | Failed,
    started_at: datetime,
    body: bytes,
) -> Sent:
    delivery = signed_for.delivery
    answered = result if isinstance(result, Answered) else None
    rule = result.rule if isinstance(result, Failed) else None
    said: dict[str, Any] = {
        "event_id": delivery.event_id,
        "endpoint": delivery.endpoint_public_id,
        "attempt": delivery.next_number,
        "attempt_class": decision.attempt_class.value,
        "decision": decision.state,
        "duration_ms": round(result.passage.duration_s * 1_000, 1),
    }
    if answered is not None:
        said["status"] = answered.status
        if answered.location_host is not None:
            said["location_host"] = answered.location_host
    if decision.delay_s:
        said["delay_s"] = round(decision.delay_s, 1)
    if rule is None:
        _log.info("attempt.finished", **said)
    else:
        # An operator must learn of a refused destination from its first attempt on.
        _log.warning("attempt.finished", **said, rule=rule)
    body_sha256 = hashlib.sha256(body).digest()
    return Sent(delivery, decision, result, started_at, body_sha256, signed_for.secret_ids)


def _given_up(batch: Sequence[Sent]) -> dict[int, GivenUp]:
    """Return, of each endpoint, the last delivery of the batch that had its last attempt."""
    return {
        sent.delivery.endpoint_id: GivenUp(
            sent.delivery.event_id, sent.delivery.event_type, sent.decision.reason
        )
        for sent in batch
        if sent.decision.state == "exhausted"
    }


def _between(from_s: float | None, to_s: float | None) -> float | None:
    return None if to_s is None else (to_s - (from_s or 0.0)) * 1_000


def _effects(batch: Sequence[Sent]) -> list[EndpointEffect]:
    """Return what the batch means for its endpoints, but for those where nothing changes."""
    effects: dict[int, EndpointEffect] = {}
    for sent in batch:
        delivery, decision = sent.delivery, sent.decision
        before = effects.get(delivery.endpoint_id, EndpointEffect(delivery.endpoint_id))
        hold_s = decision.effect.seconds if isinstance(decision.effect, Hold) else 0.0
        disable = decision.effect.reason if isinstance(decision.effect, Disable) else None
        recovers = decision.state == "delivered" and delivery.failure_count > 0
        if not (recovers or decision.blames_receiver or hold_s or disable):
            continue
        effects[delivery.endpoint_id] = EndpointEffect(
            delivery.endpoint_id,
            succeeded=before.succeeded or recovers,
            failed=before.failed + decision.blames_receiver,
            hold_s=max(before.hold_s, hold_s),
            disable=before.disable or disable,
            exhausted=before.exhausted or decision.state == "exhausted",
        )
    return list(effects.values())

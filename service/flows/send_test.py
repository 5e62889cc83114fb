"""Sends a test event to an endpoint at once, through the same guarded client as every delivery."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from service.domain.attempt_class import SENTENCES
from service.domain.event_types import EventType
from service.domain.face_answers import iso
from service.domain.identifiers import event_header_id, new_id
from service.domain.retry import Answer, Chance, decide
from service.domain.signing import SIGNING_KEYS_MAX
from service.edges.receiver_http import Answered, ReceiverHTTP
from service.edges.secret_box import SecretBox
from service.errors import SecretsUnavailable, TooBusy
from service.flows.deliver_events import signed_headers
from service.flows.manage_endpoints import require_endpoint
from service.flows.open_secrets import open_headers, open_signing_secrets
from service.flows.publish_finished import event_body
from service.store.connection import Pool
from service.store.endpoints import Endpoint, read_now
from service.store.secrets import Signer, read_signing_secrets

TESTS_AT_ONCE_MAX: Final = 64
TESTS_OF_WORKSPACE_MAX: Final = 4
"""So many receivers of one workspace may hang without a neighbour having to wait."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of a test.

    Attributes:
        status: None when there was no answer.
        said: one sentence for the endpoint's owner.
        answer: the first 4 KiB of the receiver's answer.
    """

    status: int | None
    delivered: bool
    said: str
    duration_ms: float
    address: str | None
    answer: bytes = field(default=b"", repr=False)


class Tester:
    """Sends tests, a few at a time: each may take as long as its receiver's timeout."""

    def __init__(self, pool: Pool, http: ReceiverHTTP) -> None:
        self._pool = pool
        self._http = http
        self._under_way: Counter[int] = Counter()

    async def send(self, box: SecretBox, workspace_id: int, public_id: str) -> Tested:
        """Send one test event; nothing of it is stored, and it changes nothing of the endpoint.

        Raises:
            NotFound: the workspace has no such endpoint.
            SecretsUnavailable: what signs for it cannot be read.
            TooBusy: as many tests are under way as may be, of the workspace or of all.
        """
        if (
            self._under_way[workspace_id] >= TESTS_OF_WORKSPACE_MAX
            or self._under_way.total() >= TESTS_AT_ONCE_MAX
        ):
            raise TooBusy
        self._under_way[workspace_id] += 1
        try:
            return await self._send(box, workspace_id, public_id)
        finally:
            self._under_way[workspace_id] -= 1
            if not self._under_way[workspace_id]:
                del self._under_way[workspace_id]

    async def _send(self, box: SecretBox, workspace_id: int, public_id: str) -> Tested:
        async with self._pool.acquire() as connection:
            endpoint = await require_endpoint(connection, workspace_id, public_id)
            now = await read_now(connection)
            signer = Signer(workspace_id, endpoint.id, hidden=False)
            sealed = await read_signing_secrets(connection, [signer], count_max=SIGNING_KEYS_MAX)
        signing = open_signing_secrets(box, workspace_id, sealed.get(endpoint.id, []))
        own = open_headers(box, workspace_id, endpoint.id, endpoint.headers_ciphertext)
        if not signing or own is None:
            raise SecretsUnavailable
        body = event_body(EventType.TEST, iso(now), _data(endpoint))
        headers = signed_headers(
            event_header_id(new_id()),
            body,
            [secret for _, secret in signing],
            int(now.timestamp()),
            event_type=EventType.TEST,
        )
        result = await self._http.post(
            endpoint.url,
            body,
            {**own, **headers, "webhook-attempt": "1"},
            timeout_s=endpoint.timeout_ms / 1_000,
            owner=workspace_id,
        )
        duration_ms = round(result.passage.duration_s * 1_000, 1)
        if not isinstance(result, Answered):
            said = SENTENCES[result.attempt_class]
            return Tested(
                None,
                delivered=False,
                said=said,
                duration_ms=duration_ms,
                address=result.passage.address,
            )
        chance = Chance(attempt=1, retry_count_max=0, schedule_s=(), now=now)
        decision = decide(Answer(result.status), chance)
        return Tested(
            result.status,
            delivered=decision.state == "delivered",
            said=decision.reason.partition(";")[0],
            duration_ms=duration_ms,
            address=result.passage.address,
            answer=result.answer,
        )


def _data(endpoint: Endpoint) -> dict[str, str]:
    return {
        "webhookId": endpoint.public_id,
        "message": "This is a test. A receiver that answers with 2xx is set up.",
    }

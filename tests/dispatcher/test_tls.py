"""A receiver whose certificate nobody vouches for gets nothing, and operators can see it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import REGISTRY

from service.edges.dial_guard import EgressPolicy
from service.edges.receiver_http import Answered, ReceiverHTTP
from tests.dispatcher.conftest import unresolved

Start = Callable[..., Awaitable[Any]]


@pytest.fixture
async def untrusted(tmp_path: Path) -> AsyncIterator[str]:
    """A receiver with a certificate that it made itself, in `receiver.pem`; gives its URL."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    both = tmp_path / "receiver.pem"
    both.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    server.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await writer.drain()
    writer.close()


def counted() -> float:
    """Return how many attempts have ended so."""
    return REGISTRY.get_sample_value("leadfall_attempts_total", {"class": "tls_failed"}) or 0.0


async def test_a_certificate_nobody_vouches_for_is_told(
    world: Any, dispatch: Start, untrusted: str
) -> None:
    """The attempt says that no secure connection could be agreed, and a metric counts it."""
    before = counted()
    await world.add_endpoint(untrusted)
    await dispatch()

    [event_id] = await world.publish()
    delivery = await world.until_attempted(event_id)

    [attempt] = await world.attempts(event_id)
    assert (attempt["class"], delivery["state"], counted() - before) == ("tls_failed", "due", 1.0)


async def test_a_handshake_is_timed(
    untrusted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long agreeing on TLS took is known apart, of a new connection that is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "receiver.pem"))
    policy = EgressPolicy.parse(["127.0.0.0/8"])
    async with ReceiverHTTP(policy, unresolved) as client:
        result = await client.post(untrusted, b"{}", {}, timeout_s=5)

    passage = result.passage
    assert isinstance(result, Answered)
    assert passage.tls_version is not None
    assert passage.tls_s is not None
    assert passage.connected_s is not None
    assert 0 < passage.tls_s < passage.connected_s


async def test_a_handshake_that_fails_is_timed(untrusted: str, http: ReceiverHTTP) -> None:
    """Until it was over."""
    result = await http.post(untrusted, b"{}", {}, timeout_s=5)

    assert (result.passage.tls_s or 0.0) > 0


async def test_without_tls_there_is_nothing_to_time(receive: Start, http: ReceiverHTTP) -> None:
    """Nor is there over a connection that was there already."""
    result = await http.post((await receive(204)).url, b"{}", {}, timeout_s=5)

    assert result.passage.tls_s is None

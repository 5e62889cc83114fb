"""The receiver that resets connections keeps the event, and its sender meets a reset."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson
import pytest
from standardwebhooks import Webhook

from tests.faults.inbox import Inbox, Mood

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = orjson.dumps({"type": "test", "data": {}})


def signed_request(path: str) -> bytes:
    """Return a request as a dispatcher sends it."""
    now = datetime.now(UTC)
    headers = {
        "host": "127.0.0.1",
        "content-length": str(len(BODY)),
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("evt_1", now, BODY.decode()),
    }
    head = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + BODY


async def test_resetting_receiver_keeps_the_event_and_resets() -> None:
    """The sender cannot know that the event was taken."""
    inbox = Inbox(secrets={"one": SECRET}, mood=Mood.RESETTING)
    await inbox.start()
    url = urlsplit(f"{inbox.url}/one")
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        writer.write(signed_request(url.path))

        with pytest.raises(ConnectionResetError):
            await reader.read()
    finally:
        writer.transport.abort()
        await inbox.stop()
    assert [(each.event_id, each.answered) for each in inbox.arrivals] == [("evt_1", False)]

"""Receivers in a process of their own, as cheap as can be: they note what came when, and answer.

Run as a program: it prints its ports, and for each line on its input what came since the last.
"""

import argparse
import asyncio
import re
import sys
import time
from functools import partial
from typing import Final, cast

import orjson
import uvloop

_ANSWER: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_ID: Final = re.compile(rb"\r\nwebhook-id: ?([^\r]+)", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: ?(\d+)", re.IGNORECASE)

Arrival = tuple[str, float]
"""The id of an event and when its request was there, in seconds of the monotonic clock."""


class Receiver(asyncio.Protocol):
    """One connection; a hanging one takes everything and says nothing."""

    __slots__ = ("_arrivals", "_hangs", "_received", "_transport")

    def __init__(self, arrivals: list[Arrival], *, hangs: bool) -> None:
        self._arrivals = arrivals
        self._hangs = hangs
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, separator, rest = self._received.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            if not separator or len(rest) < size:
                return
            self._received = rest[size:]
            found = _ID.search(head)
            name = found[1].decode() if found else ""
            self._arrivals.append((name, time.monotonic()))
            if self._transport is not None and not self._hangs:
                self._transport.write(_ANSWER)


async def serve(healthy: int, hanging: int) -> None:
    """Listen on so many ports of each sort until the input ends."""
    loop = asyncio.get_running_loop()
    arrivals: list[Arrival] = []
    ports: dict[str, list[int]] = {"healthy": [], "hanging": []}
    for sort, count in (("healthy", healthy), ("hanging", hanging)):
        for _ in range(count):
            server = await loop.create_server(
                partial(Receiver, arrivals, hangs=sort == "hanging"), "127.0.0.1", 0
            )
            ports[sort].append(server.sockets[0].getsockname()[1])
    _say(ports)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        told = arrivals.copy()
        arrivals.clear()
        _say(told)


def _say(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--healthy", type=int, default=20)
    parser.add_argument("--hanging", type=int, default=0)
    asked = parser.parse_args()
    uvloop.run(serve(asked.healthy, asked.hanging))

"""Reads what the service logs: the real set-up, from the log call to the JSON line.

A test writes `with logged() as lines:` around what it does and then reads `lines()`; `text()` is
for showing that something appears nowhere in the log.
"""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from service.logs import configure_logging


class LogLines:
    """What was logged so far."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream

    def __call__(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return the lines as objects; with `event`, only those of that event."""
        lines = [json.loads(line) for line in self.text().splitlines()]
        return [line for line in lines if event in {None, line["event"]}]

    def text(self) -> str:
        """Return everything as it was written."""
        self._stream.flush()
        written = self._stream.buffer
        assert isinstance(written, io.BytesIO)
        return written.getvalue().decode()


@contextmanager
def logged(*, level: str = "debug", log_format: str = "json") -> Iterator[LogLines]:
    """Configure logging as a process does, but into memory, and put the old set-up back."""
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, root_level = root.handlers[:], root.level
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    configure_logging(log_format, level=level, stream=stream, cached=False)
    try:
        yield LogLines(stream)
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(root_level)
        structlog.configure(**before)

"""SIGTERM and SIGINT: the first asks for a clean end, the second does not wait for it."""

import asyncio
import os
import signal

import structlog

_log = structlog.get_logger()


def cancel_on_sigterm() -> None:
    """Let SIGTERM cancel the running task, so that what it opened is closed; SIGINT does so too."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - only a task can call this
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def stop_on_signals() -> asyncio.Event:
    """Return an event that the first signal sets; the second ends the process with 128 + number.

    Handlers belong to the running loop and go with it.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        _log.info("stop.requested", signal=signal.Signals(number).name)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return stopping

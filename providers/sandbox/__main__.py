"""`python -m providers.sandbox`: runs the sandbox until SIGTERM, or until its parent is gone."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

import orjson
import structlog
import uvloop

from providers.sandbox.pace import TIME_SCALE_DEFAULT
from providers.sandbox.server import Addresses, start_sandbox


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run until told to stop."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    uvloop.run(_run(_parse(arguments)))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m providers.sandbox", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the addresses as one JSON line")
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument("--dns-port", type=int, default=0)
    parser.add_argument("--smtp-port", type=int, default=0)
    parser.add_argument(
        "--time-scale",
        type=float,
        default=TIME_SCALE_DEFAULT,
        help="real seconds per vendor second",
    )
    parser.add_argument(
        "--answer-after",
        type=float,
        metavar="SECONDS",
        help="real seconds for every answer, instead of each vendor's own time",
    )
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="stop when standard input, a pipe from the parent, ends",
    )
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    sandbox = await start_sandbox(
        http_port=options.http_port,
        dns_port=options.dns_port,
        smtp_port=options.smtp_port,
        time_scale=options.time_scale,
        answer_after_s=options.answer_after,
    )
    _print(sandbox.addresses, as_json=options.json)
    watcher = asyncio.create_task(_watch_parent(stopping)) if options.exit_with_parent else None
    await stopping.wait()
    if watcher is not None:
        watcher.cancel()
    await sandbox.stop()


def _print(addresses: Addresses, *, as_json: bool) -> None:
    if as_json:
        lines = [orjson.dumps(addresses.as_json()).decode()]
    else:
        dns_host, dns_port = addresses.dns_address
        lines = [
            *(f"{slug}: {url}" for slug, url in addresses.base_urls.items()),
            f"books: {addresses.http_url}/_books/summary",
            f"dns: {dns_host}:{dns_port}",
            f"smtp: port {addresses.smtp_port}",
        ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


async def _watch_parent(stopping: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while await reader.read(1024):
        pass
    stopping.set()


if __name__ == "__main__":
    main()

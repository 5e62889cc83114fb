"""The sandbox as a process of its own."""

import asyncio
import json
import signal
import sys
from typing import Any

import pytest

from providers.registry import all_providers

START_S_MAX = 10


async def start(*arguments: str) -> tuple[asyncio.subprocess.Process, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "providers.sandbox", "--json", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    async with asyncio.timeout(START_S_MAX):
        return process, json.loads(await process.stdout.readline())


async def test_it_prints_its_addresses_and_ends_at_sigterm() -> None:
    process, addresses = await start()

    process.send_signal(signal.SIGTERM)

    async with asyncio.timeout(START_S_MAX):
        assert await process.wait() == 0
    assert all_providers().keys() - {"enrich"} == addresses["base_urls"].keys()
    assert {"http_url", "base_urls", "dns_address", "smtp_port", "time_scale"} == addresses.keys()


async def test_it_ends_with_its_parent() -> None:
    process, _ = await start("--exit-with-parent")
    assert process.stdin is not None

    process.stdin.close()

    async with asyncio.timeout(START_S_MAX):
        assert await process.wait() == 0


@pytest.mark.parametrize("time_scale", ["0", "-1", "1000"])
async def test_a_senseless_time_scale_is_refused(time_scale: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "providers.sandbox", "--time-scale", time_scale),
        stderr=asyncio.subprocess.PIPE,
    )

    _, problem = await process.communicate()

    assert process.returncode != 0
    assert b"time_scale must be above 0" in problem

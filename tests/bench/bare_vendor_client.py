"""The least that asks a vendor about people: one HTTP client, nothing kept, nothing checked.

Run as a program: it asks about so many people, and prints how many were answered in a second, and
the microseconds of processor time that each took it.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator

import aiohttp
import orjson
import uvloop


async def ask_all(url: str, count: int, at_once: int) -> tuple[float, float]:
    """Ask about `count` people, `at_once` at a time; return answers a second, and the cost of one.

    The rate is that of the middle nine tenths, as it is of everything that is held against it. The
    cost is microseconds of processor time.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Authorization": "Bearer sandbox", "Content-Type": "application/json"},
    ) as http:
        left, answered_s, used_s = iter(range(count)), list[float](), time.process_time()
        await asyncio.gather(*(_ask(http, url, left, answered_s) for _ in range(at_once)))
        cost_us = (time.process_time() - used_s) / count * 1e6
    first, last = count // 20, count - count // 20 - 1
    return (last - first) / (answered_s[last] - answered_s[first]), cost_us


async def _ask(
    http: aiohttp.ClientSession, url: str, left: Iterator[int], answered_s: list[float]
) -> None:
    for number in left:
        body = orjson.dumps({"name": f"Ada Ng{number}", "domain": "brightwater.leadfall"})
        async with http.post(url + "/search/name", data=body) as answer:
            await answer.read()
        answered_s.append(time.perf_counter())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--at-once", type=int, default=64)
    asked = parser.parse_args()
    rate, cost_us = uvloop.run(ask_all(asked.url, asked.count, asked.at_once))
    sys.stdout.write(f"{rate} {cost_us}\n")

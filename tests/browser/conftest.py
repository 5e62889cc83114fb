"""A running API and a real browser that is let out to nobody else."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from cryptography.fernet import Fernet
from playwright.async_api import Page, Request, Route, async_playwright

from tests.commands.processes import start

ACTION_MS = 10_000
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
# The browser itself must look for nothing either; root may not use its sandbox.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


# Without slots: the library keeps its wrapper of a bound method on the method's owner.
@dataclass
class Visit:
    """A page, with whatever it asked of others and whatever it complained of."""

    page: Page
    base_url: str
    own: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        """Note requests, errors and what the page's policy refused, from now on."""
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in {"error", "warning"}
                else None
            ),
        )
        self.page.on("request", self._note)
        await self.page.route("**/*", self._keep_in)

    def _note(self, request: Request) -> None:
        if request.url.startswith(("data:", "blob:")):
            return
        is_own = request.url.startswith(f"{self.base_url}/")
        (self.own if is_own else self.foreign).append(request.url)

    async def _keep_in(self, route: Route) -> None:
        if route.request.url.startswith((f"{self.base_url}/", "data:", "blob:")):
            await route.continue_()
        else:
            await route.abort()


@pytest.fixture
async def visit(database_url: str, redis_url: str) -> AsyncIterator[Visit]:
    """A browser's empty page beside `leadfall api`, run as its users run it."""
    settings = {
        "LEADFALL_DATABASE_URL": database_url,
        "LEADFALL_REDIS_URL": redis_url,
        "LEADFALL_SECRET_KEYS": Fernet.generate_key().decode(),
        "LEADFALL_PORT": "0",
    }
    async with (
        start("api", settings=settings) as started,
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) as browser,
        await browser.new_page() as page,
    ):
        page.set_default_timeout(ACTION_MS)
        visit = Visit(page, started.told["base_url"])
        await visit.watch()
        yield visit

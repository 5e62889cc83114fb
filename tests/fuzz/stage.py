"""What the scenes have in hand: servers, tenants, the database, and a caller."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from service.store.connection import Pool
from tests.api.stage import Tenant
from tests.fuzz.background import Background
from tests.fuzz.caller import Caller
from tests.fuzz.servers import Servers


@dataclass(slots=True)
class FuzzStage:
    """The installation; `rich` has credits without end, `poor` has none."""

    background: Background
    pool: Pool
    servers: Servers
    rich: Tenant
    poor: Tenant
    account_id: str
    platform_key: str
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        keys = {
            "seleqtKey": self.rich.seleqt_key.text,
            "sendkitKey": self.rich.sendkit_key.text,
            "sendkitBearer": self.rich.sendkit_key.text,
            "platformKey": self.platform_key,
            "platformBearer": self.platform_key,
        }
        self.caller = Caller(self.servers.whole, keys)
        self.caller.ids["list_id"] = str(self.rich.people_list)
        self.caller.ids["workspace_id"] = self.rich.public_id

    def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Run a statement and return its rows."""

        async def work() -> list[Any]:
            async with self.pool.acquire() as connection:
                rows: list[Any] = await connection.fetch(statement, *arguments)
            return rows

        return self.background.run(work())

    @asynccontextmanager
    async def locked(self, statement: str) -> AsyncIterator[None]:
        """Hold what a statement locks."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(statement)
            yield

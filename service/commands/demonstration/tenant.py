"""The demo's workspace: keys, credits, and lists with the leads imported from CSV."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from service.commands.demonstration.people import Row, as_csv, make_people
from service.commands.failures import CommandFailure
from service.domain.kinds import Face
from service.edges.secret_box import SecretBox
from service.flows.create_list import create_list
from service.flows.create_workspace import create_workspace
from service.flows.import_leads import import_leads
from service.flows.manage_keys import create_api_key
from service.store.connection import Pool
from service.store.lead_selection import Wanted
from service.store.leads import read_page
from service.store.ledger import enter_grant

# Each list becomes a job with a webhook of its own.
LISTS_MAX: Final = 4
GRANT_PER_LEAD: Final = 10


@dataclass(frozen=True, slots=True)
class TenantLead:
    """A lead of the demo: where it is in the database, and the row it came from."""

    id: int
    public_id: str
    row: Row = field(repr=False)


@dataclass(frozen=True, slots=True)
class TenantList:
    """A list and what is in it."""

    id: int
    leads: tuple[TenantLead, ...]

    @property
    def with_email(self) -> list[TenantLead]:
        """The leads whose address was given."""
        return [lead for lead in self.leads if lead.row["email"]]

    @property
    def without_email(self) -> list[TenantLead]:
        """The leads whose address is to be found."""
        return [lead for lead in self.leads if not lead.row["email"]]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace that is ready to call."""

    workspace_id: int
    lists: tuple[TenantList, ...]
    granted: int
    seleqt_key: str = field(repr=False)
    sendkit_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    @property
    def lead_count(self) -> int:
        """How many leads there are."""
        return sum(len(each.leads) for each in self.lists)


async def make_tenant(pool: Pool, box: SecretBox, lead_count: int) -> Tenant:
    """Make a workspace with that many leads and credits enough for all of them."""
    made = await create_workspace(pool, box, "demo")
    keys = {face: (await create_api_key(pool, made.id, face, "demo"))[1].text for face in Face}
    lists = [
        await _make_list(pool, made.id, f"Demo {number}", rows)
        for number, rows in enumerate(_shares(make_people(lead_count)), start=1)
    ]
    granted = lead_count * GRANT_PER_LEAD
    async with pool.acquire() as connection:
        await enter_grant(connection, made.id, granted, "demo")
    return Tenant(
        workspace_id=made.id,
        lists=tuple(lists),
        granted=granted,
        seleqt_key=keys[Face.SELEQT],
        sendkit_key=keys[Face.SENDKIT],
        webhook_secret=made.webhook_secret,
    )


def _shares(rows: list[Row]) -> Iterator[list[Row]]:
    size = -(-len(rows) // LISTS_MAX)
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]


async def _make_list(pool: Pool, workspace_id: int, name: str, rows: list[Row]) -> TenantList:
    lead_list = await create_list(pool, workspace_id, name)
    report = await import_leads(pool, workspace_id, lead_list.id, as_csv(rows))
    if report.imported != len(rows):
        raise CommandFailure(f"Only {report.imported} of {len(rows)} sample leads were imported.")
    async with pool.acquire() as connection:
        found = await read_page(
            connection, Wanted(workspace_id, lead_list.id), limit=len(rows), offset=0
        )
    by_name = {(row["first_name"], row["last_name"]): row for row in rows}
    return TenantList(
        lead_list.id,
        tuple(
            TenantLead(
                lead["id"], lead["public_id"], by_name[lead["first_name"], lead["last_name"]]
            )
            for lead in found
        ),
    )

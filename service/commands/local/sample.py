"""The workspace of `leadfall dev`: keys, credits, two lists and 200 leads, made once and kept."""

from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

from service.commands.failures import CommandFailure
from service.commands.local.kept_secrets import KeptSecrets
from service.domain.kinds import Face
from service.edges.secret_box import SecretBox, SecretUnreadable, signing_purpose
from service.flows.create_workspace import create_workspace
from service.flows.import_leads import import_leads
from service.store.connection import Connection, Pool
from service.store.keys import find_key_owner, insert_key
from service.store.lead_selection import Wanted
from service.store.leads import count_leads
from service.store.ledger import enter_grant
from service.store.sample import ensure_list, give_public_ids, read_public_ids
from service.store.secrets import Signer, read_signing_secrets

WORKSPACE_NAME: Final = "dev"
CREDITS: Final = 100_000
# The ids in the examples of both APIs' documentation, so that these run as they stand.
PEOPLE_LIST_ID: Final = 123
COMPANY_LIST_ID: Final = 124
LEAD_PUBLIC_IDS: Final = ("507f1f77bcf86cd799439011", "507f1f77bcf86cd799439012")
_PEOPLE_LIST: Final = "Sample people"
_COMPANY_LIST: Final = "Sample companies"


@dataclass(frozen=True, slots=True)
class Sample:
    """What somebody needs to make a first call.

    Attributes:
        lead_public_ids: those with an address first.
    """

    workspace_public_id: str
    people_list_id: int
    company_list_id: int
    lead_public_ids: list[str]
    webhook_secret: str = field(repr=False)


async def prepare_sample(pool: Pool, box: SecretBox, secrets: KeptSecrets) -> Sample:
    """Make what is not there yet; each step may have been the last one of an earlier start."""
    workspace_id, public_id = await _ensure_workspace(pool, box, secrets)
    async with pool.acquire() as connection, connection.transaction():
        people = await ensure_list(
            connection, workspace_id, _PEOPLE_LIST, "PEOPLE", wanted_id=PEOPLE_LIST_ID
        )
        companies = await ensure_list(
            connection, workspace_id, _COMPANY_LIST, "COMPANY", wanted_id=COMPANY_LIST_ID
        )
        is_empty = not await count_leads(connection, Wanted(workspace_id, people), count_max=1)
    if is_empty:
        text = files("providers.sandbox").joinpath("sample_leads.csv").read_text(encoding="utf-8")
        await import_leads(pool, workspace_id, people, text.splitlines(keepends=True))
    async with pool.acquire() as connection:
        await give_public_ids(connection, people, LEAD_PUBLIC_IDS)
        return Sample(
            workspace_public_id=public_id,
            people_list_id=people,
            company_list_id=companies,
            lead_public_ids=await read_public_ids(connection, people),
            webhook_secret=await _open_secret(connection, box, workspace_id),
        )


async def _ensure_workspace(pool: Pool, box: SecretBox, secrets: KeptSecrets) -> tuple[int, str]:
    """Return the workspace that our keys belong to; it, its keys and its credits are made."""
    last_made = secrets.keys[Face.SENDKIT]
    async with pool.acquire() as connection:
        owner = await find_key_owner(connection, Face.SENDKIT, last_made.hash)
    if owner is not None:
        return owner.workspace_id, owner.workspace_public_id
    made = await create_workspace(pool, box, WORKSPACE_NAME)
    # Keys and credits come together: the key is what later starts look for.
    async with pool.acquire() as connection, connection.transaction():
        for face, key in secrets.keys.items():
            await insert_key(connection, made.id, face, WORKSPACE_NAME, key)
        await enter_grant(connection, made.id, CREDITS, "sample credits")
    return made.id, made.public_id


async def _open_secret(connection: Connection, box: SecretBox, workspace_id: int) -> str:
    """Return the workspace's current default secret, as a hidden endpoint would use it."""
    any_endpoint = 0
    found = await read_signing_secrets(
        connection, [Signer(workspace_id, any_endpoint, hidden=True)], count_max=1
    )
    try:
        sealed = found[any_endpoint][0]
        return box.open(signing_purpose(workspace_id, sealed.endpoint_id), sealed.ciphertext)
    except (SecretUnreadable, LookupError):
        raise CommandFailure(
            "The webhook secret of the sample workspace cannot be read with the keys in "
            "LEADFALL_SECRET_KEYS; give the keys it was made with."
        ) from None

"""A vendor that does not answer in time: the deadline ends the request, whoever keeps it."""

import time

import asyncpg

from providers.registry import all_providers
from providers.sandbox.server import start_sandbox
from service import app
from service.domain.identifiers import new_id
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import NoAnswer
from service.flows.ask_provider import Certainty
from service.settings import ProviderSettings, Settings

SLUG = "findymail"
DEADLINE_S = 0.2
ANSWER_AFTER_S = 30.0
LATE_S_MAX = 2.0
LEAD = LeadInput(first_name="Ada", last_name="Ng", company_domain="brightwater.leadfall")


async def test_a_request_ends_at_its_deadline(
    pool: asyncpg.Pool, database_url: str, redis_url: str
) -> None:
    """It is no answer for want of time, and nobody knows whether the vendor took it."""
    sandbox = await start_sandbox(answer_after_s=ANSWER_AFTER_S)
    settings = Settings(
        database_url=database_url,
        redis_url=redis_url,
        providers={
            SLUG: ProviderSettings(api_key="sandbox", base_url=sandbox.base_urls[SLUG]),
        },
    )
    provider = all_providers()[SLUG]
    offer = provider.offer(Capability.FIND_EMAIL)
    assert offer is not None

    async with (
        app.smtp_prober(settings) as prober,
        app.provider_desk(settings, pool, new_id(), prober) as desk,
    ):
        credential = await desk.credential(provider, None)
        assert credential is not None
        began_s = time.monotonic()
        gate = desk.gate(provider, credential, offer.capability)
        asked = await desk.ask(provider, offer, LEAD, credential, gate, deadline_s=DEADLINE_S)
        spent_s = time.monotonic() - began_s
    await sandbox.stop()

    assert asked.outcome == NoAnswer("deadline")
    assert asked.certainty is Certainty.UNKNOWN
    assert DEADLINE_S <= spent_s < DEADLINE_S + LATE_S_MAX

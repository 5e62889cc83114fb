"""What `leadfall dev` does and shows: start, print how to make the first calls, wait, stop."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.app import database
from service.commands.local.roles import require_free, run_roles
from service.commands.local.sample import LEAD_PUBLIC_IDS, Sample, prepare_sample
from service.commands.local.servers import Servers, start_servers
from service.commands.output import print_json, print_lines
from service.commands.secrets import open_box
from service.commands.stopping import stop_on_signals
from service.domain.kinds import Face


@dataclass(frozen=True, slots=True)
class _Running:
    """What is up."""

    servers: Servers
    sample: Sample
    base_url: str
    ops_url: str

    @property
    def seleqt_key(self) -> str:
        return self.servers.secrets.keys[Face.SELEQT].text

    @property
    def sendkit_key(self) -> str:
        return self.servers.secrets.keys[Face.SENDKIT].text


async def run_dev(port: int, data_dir: Path, *, as_json: bool) -> None:
    """Run until SIGTERM or SIGINT."""
    stopping = stop_on_signals()
    require_free(port)
    async with start_servers(data_dir, port=port, durable=True) as servers:
        box = open_box(servers.settings)
        async with database(servers.settings, "dev") as pool:
            sample = await prepare_sample(pool, box, servers.secrets)
        async with run_roles(servers.settings) as roles:
            running = _Running(servers, sample, roles.base_url, roles.ops_url)
            if as_json:
                print_json(_as_json(running))
            else:
                print_lines(*_lines(running))
            await stopping.wait()


def _as_json(running: _Running) -> dict[str, Any]:
    settings = running.servers.settings
    return {
        "base_url": running.base_url,
        "seleqt_api_key": running.seleqt_key,
        "sendkit_api_key": running.sendkit_key,
        "workspace_id": running.sample.workspace_public_id,
        "list_id": running.sample.people_list_id,
        "lead_ids": running.sample.lead_public_ids,
        "webhook_secret": running.sample.webhook_secret,
        "database_url": settings.database_url.get_secret_value(),
        "redis_url": settings.redis_url.get_secret_value(),
    }


def _lines(running: _Running) -> list[str]:
    sample = running.sample
    vendors = "sandbox" if running.servers.sandbox else "as you set them"
    return [
        "",
        f"Leadfall runs at {running.base_url}",
        "",
        f"  Seleqt key        {running.seleqt_key}",
        f"  SendKit key       {running.sendkit_key}",
        f"  workspace         {sample.workspace_public_id}",
        f"  list of people    {sample.people_list_id} ({len(sample.lead_public_ids)} leads)",
        f"  list of companies {sample.company_list_id}",
        f"  webhook secret    {sample.webhook_secret}",
        f"  health            {running.ops_url}/healthz",
        f"  providers         {vendors}",
        "",
        "Seleqt: what would it cost, enrich, look at the leads, enrich and wait",
        "",
        *_seleqt_calls(running),
        "",
        "SendKit: enrich two leads, look at the job (put in the jobId of the answer)",
        "",
        *_sendkit_calls(running),
        "",
        'A webhook of your own: add "webhook_url": "http://127.0.0.1:9000/" to an async body.',
        "Stop with Ctrl-C; the data stays.",
        "",
    ]


def _seleqt_calls(running: _Running) -> list[str]:
    url = f"{running.base_url}/api/v1/public/lead-lists/{running.sample.people_list_id}"
    key = f"-H 'X-API-Key: {running.seleqt_key}'"
    return [
        f"curl {key} '{url}/enrichment/count/?enrichment_type=FIND_EMAIL'",
        _post(
            key,
            f"{url}/enrichment/",
            {"enrichment_type": "FIND_EMAIL", "prospect_limit": 100, "mode": "async"},
        ),
        f"curl {key} '{url}/leads/?page=1&page_size=10'",
        _post(
            key,
            f"{url}/enrichment/",
            {"enrichment_type": "FIND_EMAIL_WATERFALL", "prospect_limit": 5, "mode": "sync"},
        ),
    ]


def _sendkit_calls(running: _Running) -> list[str]:
    known = [each for each in LEAD_PUBLIC_IDS if each in running.sample.lead_public_ids]
    chosen = known or running.sample.lead_public_ids[:2]
    key = f"-H 'X-Api-Key: {running.sendkit_key}'"
    url = f"{running.base_url}/v1/enrichment"
    return [
        _post(
            key, f"{url}/enrich", {"leadIds": chosen, "enrichmentTypes": ["email", "segGateway"]}
        ),
        f"curl {key} '{url}/jobs/JOB_ID'",
    ]


def _post(key: str, url: str, body: dict[str, Any]) -> str:
    return f"curl {key} -H 'Content-Type: application/json' '{url}' -d '{json.dumps(body)}'"

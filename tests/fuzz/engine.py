"""Runs Schemathesis over the whole document: every phase, every check."""

from typing import Any, Final

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from tests.fuzz.caller import Caller
from tests.fuzz.formats import register_formats

RESPONSE_S_MAX: Final = 10.0

_ACCEPTED: Final = ["2xx", "401", "403", "404", "409", "503"]
# Where no schema can tell a good request: what there is decides, or how two parameters go together.
_STATE_DECIDES: Final = {
    "addLeads": "a list takes people or companies, by its own type",
    "startEnrichment": "a list of companies has nobody to enrich, and a used key is kept: 422",
    "countEnrichable": "a list of companies has nobody to enrich",
    "importProspects": "a list of companies takes no people",
    "enrichLeads": "a provider needs a key of the workspace, and a used key is kept: 422",
    "arrangeProviders": "a provider needs a key, and is named once",
    "createProviderKey": "the vendor decides whether it accepts the key",
    "setProviderKey": "the vendor decides whether it accepts the key",
    "showUsage": "the span between two moments is bounded",
    "listEvents": "where there are several webhooks, one must be named",
    "createWebhook": "a secret goes without a key pair",
    "rotateWebhook": "a secret goes without a key pair",
    "changeLead": "a lead's fields are merged, and bounded together",
}
_STATE_CHECKED: Final = {
    "positive_data_acceptance": {"expected-statuses": [*_ACCEPTED, "400", "422"]}
}
# Their 404 may be about an id in the body, not about what the path names.
_NAMES_OTHERS: Final = frozenset({"addLeads", "enrichLeads"})


def _checked(name: str) -> dict[str, Any]:
    return {"ensure_resource_availability": {"enabled": name not in _NAMES_OTHERS}}


def run(
    caller: Caller, *, examples: int, phases: tuple[str, ...], seed: int
) -> tuple[int, list[str]]:
    """Return how many requests were sent, and what was found.

    Args:
        examples: of each operation in a phase.
    """
    register_formats()
    config = SchemathesisConfig.from_dict(_config(caller, examples, phases, seed))
    schema = schemathesis.openapi.from_dict(caller.document, config=config)
    found: list[str] = []
    sent = 0
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished(recorder=recorder):
                sent += len(recorder.interactions)
                found += [
                    f"{check.name}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                    for checks in recorder.checks.values()
                    for check in checks
                    if check.failure_info is not None
                ]
            case events.NonFatalError() | events.FatalError():
                found.append(str(event))
    return sent, list(dict.fromkeys(found))


def _config(caller: Caller, examples: int, phases: tuple[str, ...], seed: int) -> dict[str, Any]:
    keys, known = caller.keys, caller.ids
    return {
        "base-url": caller.base_url,
        "continue-on-failure": True,
        "request-timeout": RESPONSE_S_MAX,
        "auth": {
            "openapi": {
                name: {"bearer" if name.endswith("Bearer") else "api_key": key}
                for name, key in keys.items()
            }
        },
        "dictionaries": {name: {"values": [value]} for name, value in known.items()},
        "parameters": {
            **{f"path.{name}": _mostly(name) for name in caller.ids},
            "header.X-Workspace-Id": _mostly("workspace_id"),
        },
        "checks": {
            "max_response_time": RESPONSE_S_MAX,
            "positive_data_acceptance": {"expected-statuses": _ACCEPTED},
        },
        "operations": [
            {"include-operation-id": name, "checks": {**_STATE_CHECKED, **_checked(name)}}
            for name in _STATE_DECIDES
        ],
        # A NUL in a text is refused everywhere, which a schema can say but for each text apart.
        "generation": {"max-examples": examples, "allow-x00": False},
        "phases": {"enabled": False, **{name: {"enabled": True} for name in phases}},
        "seed": seed,
    }


def _mostly(name: str) -> dict[str, Any]:
    """Return how often an id is that of something that is there."""
    return {"dictionary": name, "probability": 0.8}

"""Runs Schemathesis over the whole document: every phase, every check."""

from collections.abc import Iterator
from typing import Any, Final

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

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
    "changeLead": "a lead's fields are merged, and bounded together",
}
# How often a vendor may be asked about a key decides as well.
_ASK_VENDORS: Final = frozenset({"createProviderKey", "setProviderKey"})
# Their 404 may be about an id in the body, not about what the path names.
_NAMES_OTHERS: Final = frozenset({"addLeads", "enrichLeads"})


def _checked(name: str) -> dict[str, Any]:
    paced = ["429"] if name in _ASK_VENDORS else []
    return {
        "positive_data_acceptance": {"expected-statuses": [*_ACCEPTED, "400", "422", *paced]},
        "ensure_resource_availability": {"enabled": name not in _NAMES_OTHERS},
    }


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
                found += _failures(recorder)
            case events.NonFatalError() | events.FatalError():
                found.append(str(event))
    return sent, list(dict.fromkeys(found))


def _failures(recorder: ScenarioRecorder) -> Iterator[str]:
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None and not _is_wanted(recorder, case_id, check.name):
                info = check.failure_info
                yield f"{check.name}: {info.failure}\n{info.code_sample}"


def _is_wanted(recorder: ScenarioRecorder, case_id: str, check: str) -> bool:
    """Tell whether a blank body was taken for none at all, which some clients send."""
    body = recorder.interactions[case_id].request.body
    return check == "negative_data_rejection" and body is not None and not body.strip()


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
            {"include-operation-id": name, "checks": _checked(name)} for name in _STATE_DECIDES
        ],
        # A NUL in a text is refused everywhere, which a schema can say but for each text apart.
        "generation": {"max-examples": examples, "allow-x00": False},
        "phases": {"enabled": False, **{name: {"enabled": True} for name in phases}},
        "seed": seed,
    }


def _mostly(name: str) -> dict[str, Any]:
    """Return how often an id is that of something that is there."""
    return {"dictionary": name, "probability": 0.8}

"""The errors that belong to a few operations: the scene of each is set for real."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.fuzz.common_errors import OWN_KEY_ASKED
from tests.fuzz.life import ADA
from tests.fuzz.stage import FuzzStage

SINCE = {"since": "2026-01-01T00:00:00Z"}
# Whatever is to be found takes longer than a search may, while somebody else holds these.
LOCK_ALL = "lock table leads, jobs, ledger in access exclusive mode"
LOCK_LEADS = "select from leads for update"
LOCK_KEYS = "lock table idempotency_keys in share mode"
ENDPOINTS_MAX = 500
REVOKED = {"apiKey": "sandbox-revoked"}
CHECKS_AT_ONCE = 5
# Without a filter these read a list in its own order, which takes no time worth a bound.
FILTERED: dict[str, Any] = {
    "startEnrichment": {"body": {"filters": {"job_title": "analyst"}}},
    "countEnrichable": {"query": {"filters": '{"job_title": "analyst"}'}},
    "listProspects": {"query": {"filters": '{"job_title": "analyst"}'}},
}


def meet_own_errors(stage: FuzzStage) -> None:
    """Meet each of them at each operation that documents it."""
    _search_too_long(stage)
    _be_short_of_credits(stage)
    _repeat_otherwise(stage)
    _ask_for_providers(stage)
    _create_twice(stage)
    _cancel_twice(stage)
    _have_too_many_webhooks(stage)
    _rotate_too_often(stage)
    _replay_too_much(stage)


def _search_too_long(stage: FuzzStage) -> None:
    expected = {name for name, _, code in stage.caller.expected if code == "FILTER_TOO_BROAD"}
    within = stage.background.within

    def search(name: str) -> None:
        stage.caller.send(name, 400, "FILTER_TOO_BROAD", **FILTERED.get(name, {}))

    with within(stage.locked(LOCK_ALL)), ThreadPoolExecutor() as threads:
        list(threads.map(search, expected - {"deleteLeads"}))
    with within(stage.locked(LOCK_LEADS)):
        stage.caller.send("deleteLeads", 400, "FILTER_TOO_BROAD", body={"deleteAll": True})


def _be_short_of_credits(stage: FuzzStage) -> None:
    send, poor = stage.caller.send, stage.poor
    lead = send("createLead", key=poor.sendkit_key.text)["data"]
    send(
        "addLeads",
        key=poor.seleqt_key.text,
        ids={"list_id": str(poor.people_list)},
        body={"prospect_ids": [lead["prospectId"]]},
    )
    body = {"leadIds": [lead["_id"]], "enrichmentTypes": ["email"]}
    send("enrichLeads", 402, "INSUFFICIENT_CREDITS", key=poor.sendkit_key.text, body=body)
    send(
        "startEnrichment",
        400,
        "INSUFFICIENT_CREDITS",
        key=poor.seleqt_key.text,
        ids={"list_id": str(poor.people_list)},
        body={"enrichment_type": "FIND_PHONE"},
    )


def _repeat_otherwise(stage: FuzzStage) -> None:
    send, bodies = stage.caller.send, stage.caller.bodies
    others = {
        "startEnrichment": {"prospect_limit": 1},
        "enrichLeads": {**bodies["enrichLeads"], "metadata": {"a": "b"}},
    }
    for name, other in others.items():
        first = {"Idempotency-Key": f"first-{name}"}
        send(name, headers=first)
        send(name, 422, "IDEMPOTENCY_KEY_REUSED", body=other, headers=first)

    def send_meanwhile(name: str) -> None:
        second = {"Idempotency-Key": f"second-{name}"}
        send(name, 409, "IDEMPOTENCY_KEY_IN_PROGRESS", headers=second)

    with (
        stage.background.within(stage.locked(LOCK_KEYS)),
        ThreadPoolExecutor() as threads,
    ):
        list(threads.map(send_meanwhile, others))


def _ask_for_providers(stage: FuzzStage) -> None:
    send, bare = stage.caller.send, stage.servers.bare
    asked = stage.caller.bodies["enrichLeads"]
    send(
        "startEnrichment",
        400,
        "NO_PROVIDER_AVAILABLE",
        at=bare,
        body={"enrichment_type": "FIND_PHONE"},
    )
    send(
        "enrichLeads",
        400,
        "NO_PROVIDER_AVAILABLE",
        at=bare,
        body={**asked, "enrichmentTypes": ["phoneEnrichment"]},
    )
    send(
        "enrichLeads",
        400,
        "PROVIDER_NOT_CONFIGURED",
        body={**asked, **OWN_KEY_ASKED, "emailProvider": "zerobounce"},
    )
    send(
        "enrichLeads",
        400,
        "PROVIDER_LACKS_CAPABILITY",
        body={**asked, "enrichmentTypes": ["phoneEnrichment"], "phoneProvider": "zerobounce"},
    )
    for name in ("createProviderKey", "setProviderKey"):
        send(name, 400, "PROVIDER_KEY_REJECTED", body=REVOKED)
        _check_keys_too_often(stage, name)


def _check_keys_too_often(stage: FuzzStage, name: str) -> None:
    """Ask a vendor of one request a second about more keys at once than fit into one."""

    def check(_: int) -> tuple[int, str | None]:
        return stage.caller.find(name, ids={"provider": "fullenrich"}, body=REVOKED)

    with ThreadPoolExecutor() as threads:
        found = set(threads.map(check, range(CHECKS_AT_ONCE)))
    assert (429, "PROVIDER_CHECKS_LIMITED") in found, found


def _create_twice(stage: FuzzStage) -> None:
    send = stage.caller.send
    send("createLead", 409, "DUPLICATE_LEAD", body={"email": ADA})
    send("createLead", 409, "PERSON_SUPPRESSED", body={"email": "gone@engines.example"})
    send("createWorkspaceKey", 409, "CONFLICT")


def _cancel_twice(stage: FuzzStage) -> None:
    stage.caller.send("cancelJob", 409, "JOB_NOT_CANCELLABLE")


def _have_too_many_webhooks(stage: FuzzStage) -> None:
    send, key = stage.caller.send, stage.poor.sendkit_key.text
    send("createWebhook", key=key)
    stage.fetch(
        "insert into endpoints (workspace_id, name, url, host, port, event_types) "
        "select workspace_id, name, url, host, port, event_types "
        "from endpoints, generate_series(1, $2) where workspace_id = $1",
        stage.poor.id,
        ENDPOINTS_MAX - 1,
    )
    send("createWebhook", 409, "TOO_MANY_WEBHOOKS", key=key)


def _rotate_too_often(stage: FuzzStage) -> None:
    send = stage.caller.send
    send("rotateWebhook")
    send("rotateWebhook", 409, "ROTATION_MUST_WAIT")


def _replay_too_much(stage: FuzzStage) -> None:
    send, ids = stage.caller.send, stage.caller.ids
    send("replayFailed", body=SINCE)
    send("replayFailed", 409, "REPLAY_RUNNING", body=SINCE)
    send("enableWebhook", 409, "REPLAY_RUNNING", body={"replayParked": True})
    send("disableWebhook")
    send("replayFailed", 409, "WEBHOOK_INACTIVE", body=SINCE)
    send("replayDelivery", 409, "WEBHOOK_INACTIVE")
    send("enableWebhook", body={})
    stage.fetch(
        "update deliveries set state = 'sending', owner = gen_random_uuid() "
        "where endpoint_id = (select id from endpoints where public_id = $1)",
        ids["webhook_id"],
    )
    send("replayDelivery", 409, "DELIVERY_NOT_REPLAYABLE")

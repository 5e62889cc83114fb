"""The good life: every operation once as its users use it, each answered with success."""

from typing import Any

from tests.fuzz.stage import FuzzStage

ADA = "ada@engines.example"
BEA = "bea@engines.example"
VENDOR_KEY = "sandbox-user-0123456789abcdef-Zebulon"
SECRET_ID = "made-up-token"


def live(stage: FuzzStage) -> None:
    """Send one good request of every operation; the caller knows afterwards what there is."""
    _health(stage)
    _leads(stage)
    _lists(stage)
    _providers(stage)
    _webhooks(stage)
    _enrichments(stage)
    _deliveries(stage)
    _credits_and_accounts(stage)


def _health(stage: FuzzStage) -> None:
    caller = stage.caller
    caller.send("isAlive")
    caller.send("isReady")
    stage.fetch(
        "insert into submissions (id, provider, capability, credential, token, deadline_at, "
        "created_at) values (gen_random_uuid(), 'fullenrich', 'find_email', 'operator', $1, "
        "now() + interval '1 day', now())",
        SECRET_ID,
    )
    caller.ids |= {"provider": "fullenrich", "token": SECRET_ID}
    caller.send("takeCallback")


def _leads(stage: FuzzStage) -> None:
    caller = stage.caller
    lead = caller.send("createLead")["data"]
    caller.ids["lead_id"] = lead["_id"]
    caller.bodies["enrichLeads"] = {"leadIds": [lead["_id"]], "enrichmentTypes": ["segGateway"]}
    caller.bodies["addLeads"] = {"prospect_ids": [lead["prospectId"]]}
    caller.send("showLead")
    caller.send("changeLead")
    caller.send("listLeads")
    caller.send("searchLeads")
    caller.send("createLeads", body={"leads": [{"email": "cy@engines.example"}, {"email": "?"}]})
    caller.send("importLeads")
    other = caller.send("createLead", body={"email": BEA})["data"]["_id"]
    caller.bodies["deleteLeads"] = {"leadIds": [other]}
    caller.send("deleteLeads")
    caller.send("erasePeople", body={"emails": ["gone@engines.example"]})


def _lists(stage: FuzzStage) -> None:
    caller = stage.caller
    caller.send("listSeleqtKeys")
    caller.send("createLeadList")
    caller.send("listLeadLists")
    caller.send("showLeadList")
    caller.send("addLeads")
    caller.send("importProspects")
    caller.send("listProspects")
    caller.send("listProspects", ids={"list_id": str(stage.rich.company_list)})
    caller.send("searchProspects")
    caller.send("countEnrichable")


def _providers(stage: FuzzStage) -> None:
    caller = stage.caller
    caller.ids["provider"] = "leadmagic"
    caller.bodies["createProviderKey"] = {"apiKey": VENDOR_KEY}
    caller.bodies["setProviderKey"] = {"apiKey": VENDOR_KEY}
    caller.send("createProviderKey")
    caller.send("setProviderKey")
    caller.send("showProvider")
    caller.send("listProviders")
    caller.send("arrangeProviders")
    caller.send("removeProviderKey")
    caller.send("setProviderKey")


def _webhooks(stage: FuzzStage) -> None:
    caller = stage.caller
    caller.bodies["createWebhook"] = {
        "name": "all",
        "url": "https://hooks.example.com/x",
        "events": ["*"],
    }
    caller.ids["webhook_id"] = caller.send("createWebhook")["data"]["_id"]
    for name in ("listWebhooks", "showWebhook", "changeWebhook", "replaceWebhook", "testWebhook"):
        caller.send(name)
    caller.send("showWebhook", ids={"webhook_id": "default"})
    caller.send("disableWebhook")
    caller.send("enableWebhook", body={})
    caller.send("rotateWebhook")
    passing = caller.send("createWebhook")["data"]["_id"]
    caller.send("removeWebhook", ids={"webhook_id": passing})


def _enrichments(stage: FuzzStage) -> None:
    caller = stage.caller
    job = caller.send("startEnrichment")
    caller.send("startEnrichment", body={"mode": "sync", "enrichment_type": "FIND_PHONE"})
    caller.send("listEnrichmentResults", ids={"job_id": job["job_id"]})
    started = caller.send("enrichLeads")["data"]["jobs"][0]
    caller.ids["job_id"] = started["jobId"]
    for name in ("listJobs", "showJob", "listJobResults", "showTrace"):
        caller.send(name)
    caller.send("cancelJob")


def _deliveries(stage: FuzzStage) -> None:
    caller = stage.caller
    delivery: dict[str, Any] = caller.send("listDeliveries")["data"][0]
    caller.ids["delivery_id"] = delivery["id"]
    for name in ("showDelivery", "replayDelivery", "listWebhookEvents"):
        caller.send(name)
    caller.send("listEvents", query={"webhookId": caller.ids["webhook_id"]})
    caller.send("replayFailed")
    replay = caller.send("replayFailed", body={"since": "2026-01-01T00:00:00Z"})["data"]
    caller.ids["replay_id"] = replay["id"]
    caller.send("showReplay")
    caller.send("cancelReplay")


def _credits_and_accounts(stage: FuzzStage) -> None:
    caller = stage.caller
    for name in ("showCredits", "listLedger", "showUsage", "showAccount", "listWorkspaces"):
        caller.send(name)
    # A workspace without a key, as an operator makes one for an account.
    stage.fetch(
        "with made as (insert into workspaces (public_id, name) values ($1, 'New') returning id) "
        "insert into workspace_members (account_id, workspace_id, role) "
        "select accounts.id, made.id, 'owner' from accounts, made where accounts.public_id = $2",
        NEW_WORKSPACE,
        stage.account_id,
    )
    caller.send("createWorkspaceKey", ids={"workspace_id": NEW_WORKSPACE})


NEW_WORKSPACE = "0123456789abcdef01234567"

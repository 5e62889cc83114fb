"""The whole way: check the cost, enrich, wait while leads say `Loading...`, look at the leads."""

import json
import os
import sys
import time
from urllib.parse import urlencode
from urllib.request import Request, urlopen

API_KEY = os.environ["SELEQT_KEY"]
BASE_URL = f"{os.environ['LEADFALL']}/api/v1"


def call(path, params=None, body=None):
    """Return the answer to a GET, or to a POST if there is a body."""
    request = Request(
        f"{BASE_URL}{path}?{urlencode(params or {})}",
        headers={"X-API-Key": API_KEY, "Content-Type": "application/json"},
        data=None if body is None else json.dumps(body).encode(),
    )
    with urlopen(request) as response:
        return json.load(response)


def wait_for_enrichment(lead_list_id, timeout=40):
    """Poll the list until no lead is being looked up."""
    start_time = time.time()
    while time.time() - start_time < timeout:
        page = call(f"/public/lead-lists/{lead_list_id}/leads/", {"page": 1, "page_size": 100})
        loading = sum(1 for each in page["prospects"] if each.get("email") == "Loading...")
        if loading == 0:
            print("Enrichment complete!")
            return
        print(f"Still processing... ({loading} prospects remaining)")
        time.sleep(1)
    sys.exit("Timeout reached")


def enrich_lead_list_emails(lead_list_id, max_prospects=100):
    """Check, enrich and verify."""
    count = call(
        f"/public/lead-lists/{lead_list_id}/enrichment/count/", {"enrichment_type": "FIND_EMAIL"}
    )
    unenriched = count["unenriched_count"]
    print(f"Found {unenriched} prospects without emails")
    if not count["has_enough_credits"]:
        sys.exit(f"Need {count['total_cost']} credits, have {count['available_credits']}")

    to_enrich = min(unenriched, max_prospects)
    started = call(
        f"/public/lead-lists/{lead_list_id}/enrichment/",
        body={"enrichment_type": "FIND_EMAIL", "prospect_limit": to_enrich},
    )
    print(f"Enriching {started['enriched_count']} prospects")
    print(f"{started['credits_deducted']} credits deducted")
    print(f"{started['remaining_credits']} credits remaining")

    wait_for_enrichment(lead_list_id)

    page = call(f"/public/lead-lists/{lead_list_id}/leads/", {"page": 1, "page_size": to_enrich})
    enriched = sum(1 for lead in page["prospects"] if lead.get("email") and "@" in lead["email"])
    print(f"{enriched}/{to_enrich} prospects now have emails")


enrich_lead_list_emails(123, max_prospects=100)

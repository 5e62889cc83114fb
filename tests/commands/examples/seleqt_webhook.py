"""Checks the cost, then enriches a list in the background; a webhook gets the results."""

import json
import os
import sys
from urllib.request import Request, urlopen

API_KEY = os.environ["SELEQT_KEY"]
LIST_URL = f"{os.environ['LEADFALL']}/api/v1/public/lead-lists/123"
WEBHOOK_URL = os.environ["WEBHOOK_URL"]

count_request = Request(
    f"{LIST_URL}/enrichment/count/?enrichment_type=FIND_EMAIL", headers={"X-API-Key": API_KEY}
)
with urlopen(count_request) as response:
    count = json.load(response)
print(f"Will enrich {count['unenriched_count']} prospects")
print(f"Cost: {count['total_cost']} credits")
if not count["has_enough_credits"]:
    sys.exit("Not enough credits!")

enrich_request = Request(
    f"{LIST_URL}/enrichment/",
    headers={"X-API-Key": API_KEY, "Content-Type": "application/json"},
    data=json.dumps(
        {
            "enrichment_type": "FIND_EMAIL",
            "prospect_limit": count["unenriched_count"],
            "mode": "async",
            "webhook_url": WEBHOOK_URL,
        }
    ).encode(),
)
with urlopen(enrich_request) as response:
    started = json.load(response)
if not started["success"]:
    sys.exit(f"Error: {started.get('message')}")
print(f"Enrichment started for {started['enriched_count']} prospects")
print(f"Results will be sent to {WEBHOOK_URL}")
print(f"Credits deducted: {started['credits_deducted']}")

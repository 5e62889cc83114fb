"""Checks the cost, then enriches up to fifty leads of a list and prints what came of each."""

import json
import os
import sys
from urllib.request import Request, urlopen

API_KEY = os.environ["SELEQT_KEY"]
LIST_URL = f"{os.environ['LEADFALL']}/api/v1/public/lead-lists/123"

count_request = Request(
    f"{LIST_URL}/enrichment/count/?enrichment_type=FIND_EMAIL", headers={"X-API-Key": API_KEY}
)
with urlopen(count_request) as response:
    count = json.load(response)
if not count["has_enough_credits"]:
    sys.exit("Not enough credits!")

enrich_request = Request(
    f"{LIST_URL}/enrichment/",
    headers={"X-API-Key": API_KEY, "Content-Type": "application/json"},
    data=json.dumps(
        {
            "enrichment_type": "FIND_EMAIL",
            "prospect_limit": min(count["unenriched_count"], 50),
            "mode": "sync",
        }
    ).encode(),
)
with urlopen(enrich_request) as response:
    result = json.load(response)
if not result["success"]:
    sys.exit(f"Error: {result.get('message')}")
print(f"Enriched {result['total_count']} prospects")
print(f"Success: {result['success_count']}/{result['total_count']}")
print(f"Credits used: {result['credits_deducted']}")
for prospect in result["results"]:
    name = f"{prospect['first_name']} {prospect['last_name']}"
    if prospect["success"]:
        print(f"  found {name}: {prospect['data'].get('email')}")
    else:
        print(f"  missed {name}: {prospect.get('message')}")

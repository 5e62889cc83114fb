"""Enriches two leads over SendKit's API and prints the answer."""

import json
import os
from urllib.request import Request, urlopen

KEY = os.environ["SENDKIT_KEY"]

data = {
    "leadIds": ["507f1f77bcf86cd799439011", "507f1f77bcf86cd799439012"],
    "enrichmentTypes": ["email", "phoneEnrichment", "segGateway"],
}
request = Request(
    f"{os.environ['LEADFALL']}/v1/enrichment/enrich",
    data=json.dumps(data).encode(),
    headers={
        "Content-Type": "application/json",
        "X-Api-Key": KEY,
        "Authorization": f"Bearer {KEY}",
    },
)
with urlopen(request) as response:
    print(json.dumps(json.load(response)))

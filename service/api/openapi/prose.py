"""The sentences of the document that belong to no single operation."""

from typing import Any, Final

LEADS: Final = "Leads"
LISTS: Final = "Lead lists"
ENRICHMENT: Final = "Enrichment"
JOBS: Final = "Enrichment jobs"
IMPORTS: Final = "Imports"
CREDITS: Final = "Credits"
ACCOUNT: Final = "Account and workspaces"
PROVIDERS: Final = "Provider keys"
WEBHOOKS: Final = "Webhooks"
DELIVERIES: Final = "Deliveries and events"
SELEQT: Final = "Seleqt"
EVENTS: Final = "Events"
OPERATION: Final = "Health and callbacks"

TAGS: Final = {
    SELEQT: "The Seleqt face: lists, leads and their enrichment under `/api/v1/`. Every path works "
    "with and without its final slash.",
    ENRICHMENT: "The SendKit face: enrich leads by their ids.",
    JOBS: "The SendKit face: what becomes of an enrichment, lead by lead and step by step.",
    LEADS: "The SendKit face: leads, one at a time or many.",
    IMPORTS: "The SendKit face: thousands of leads at once.",
    ACCOUNT: "The SendKit face: whose key it is, and where it may act.",
    CREDITS: "Balance, ledger and usage. An extension, in the SendKit face's form.",
    PROVIDERS: "A workspace's own keys for providers. An extension, in the SendKit face's form.",
    WEBHOOKS: "The SendKit face: the endpoints that are told of events.",
    DELIVERIES: "What became of each event at each endpoint. An extension.",
    EVENTS: "What endpoints are sent, signed as Standard Webhooks describe.",
    OPERATION: "For probes and vendors, not for callers.",
}

INFO: Final[dict[str, Any]] = {
    "title": "Leadfall",
    "summary": "Self-hosted lead enrichment: waterfalls over many providers, exact credits, "
    "signed webhooks.",
    "description": (
        "Leadfall speaks two APIs, so that clients written for either work with another base URL "
        "and key: the Seleqt face under `/api/v1/`, the SendKit face under `/v1/`.\n\n"
        "**Errors** keep each face's own form. Each has a stable code in the header "
        "`X-Error-Code`, says what was wrong and what to do, and names every bad field at once. "
        "A fault of ours is a 500 with the code `INTERNAL_ERROR` and the id of the request; "
        "an unknown path is a 404, a wrong method a 405 with `Allow`, an unknown expectation a "
        "417, and what is no HTTP a 400 with the code `BAD_REQUEST`.\n\n"
        "**Compressed bodies** are taken with `Content-Encoding: gzip` or `deflate`, but for "
        "forms; bounds are those of what they decode to.\n\n"
        "**Request ids**: every answer carries `X-Request-Id`, which is in the server's logs; send "
        "your own to have it used. The 503 of a server that is full always has one of ours; the "
        "log has what it begins with, before the number.\n\n"
        "**Repeating**: a request that charges is safe to repeat with the same `Idempotency-Key`.\n"
        "\n"
        "**Pages**: cursors are opaque, and stable while rows are added. Totals are exact to "
        "10,000; beyond, they stay there and say that they are capped. Pages by number end at "
        "1,000; cursors go on.\n\n"
        "**Limits** in this document are those of a server with default settings."
    ),
}

SECURITY: Final[dict[str, Any]] = {
    "seleqtKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key of the Seleqt face.",
    },
    "sendkitKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "A workspace's key (`sk_…`), or a platform key (`sk_user_…`) together with "
        "`X-Workspace-Id`.",
    },
    "sendkitBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same keys as `Authorization: Bearer …`.",
    },
    "platformKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "An account's platform key (`sk_user_…`).",
    },
    "platformBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A platform key as `Authorization: Bearer …`.",
    },
}

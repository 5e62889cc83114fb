"""Every operation that is published, in the order in which the document shows them."""

from typing import Final

from service.api.openapi import health
from service.api.openapi.operation import Operations
from service.api.openapi.seleqt import enrichment as seleqt_enrichment
from service.api.openapi.seleqt import imports, lists
from service.api.openapi.sendkit import (
    account,
    credits,  # noqa: A004 - the resource is called so
    deliveries,
    enrichment,
    leads,
    provider_keys,
    webhooks,
)

OPERATIONS: Final[Operations] = {
    **lists.OPERATIONS,
    **imports.OPERATIONS,
    **seleqt_enrichment.OPERATIONS,
    **enrichment.OPERATIONS,
    **leads.OPERATIONS,
    **account.OPERATIONS,
    **credits.OPERATIONS,
    **provider_keys.OPERATIONS,
    **webhooks.OPERATIONS,
    **deliveries.OPERATIONS,
    **health.OPERATIONS,
}

"""Words the question that a call puts to a provider, for memory and for those who wait for it."""

from dataclasses import replace

import orjson

from providers.contract import Batched, Local, Offer, Provider, Row, Submitted, VendorRequest
from service.domain.email_patterns import clean_last_name
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.phone_number import region_of
from service.domain.question import plain_lead, question_of


def word_question(provider: Provider, offer: Offer, scope: int, lead: LeadInput) -> bytes:
    """Return the hash of what a provider is asked about a lead: 32 bytes.

    It is taken from the request itself, without key, references and callback: two leads have the
    same question exactly where the vendor is told the same of both, and an adapter need not state
    once more what it sends. So a verifier is asked about an address once, whatever else is known
    of its lead. The built-in provider sends no request; it looks at what its offer says it needs.

    Beside the request, only a lead's country has a say in what an answer means: a number without a
    country code is read in it.

    Args:
        scope: a workspace whose own key asks, or `question.SHARED`.
        lead: one that the offer accepts.
    """
    plain = plain_lead(lead)
    country = region_of(lead.country) if offer.capability is Capability.FIND_PHONE else None
    told = [*_told(offer, plain, lead), country or ""]
    return question_of(offer.capability, provider.slug, provider.version, scope, told)


def _told(offer: Offer, plain: LeadInput, lead: LeadInput) -> list[str]:
    shape = offer.shape
    if isinstance(shape, Local):
        return _looked_at(offer, plain, lead)
    if isinstance(shape, Submitted):
        return _words(shape.submit([Row("", plain)], "", None))
    if isinstance(shape, Batched):
        return _words(shape.request([Row("", plain)]))
    return _words(shape.request(plain))


def _looked_at(offer: Offer, plain: LeadInput, lead: LeadInput) -> list[str]:
    # A company's name stands in for a domain that is not known, and is not looked at beside one.
    seen = replace(plain, company_name=None) if plain.company_domain else plain
    fields = sorted({name for names in offer.needs for name in names})
    looked_at = [f"{name}={getattr(seen, name) or ''}" for name in fields]
    if "last_name" in fields:
        # Its capitals tell a name from a degree: Nguyen Ba, and Nguyen BA.
        looked_at.append(f"family={clean_last_name(lead.last_name or '')}")
    return looked_at


def _words(request: VendorRequest) -> list[str]:
    told = orjson.dumps([dict(request.query), request.json], option=orjson.OPT_SORT_KEYS)
    return [request.method, request.path, told.decode()]

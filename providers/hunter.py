"""Hunter: work email from a name and a company, and email verification. No phones.

Beware of its statuses: 403 means too many requests, 429 means the plan's quota is used up, 202 and
222 are answers of the verifier, and 451 is a person who asked not to be processed.
"""

from collections.abc import Mapping
from typing import Final

from providers.contract import (
    NAME_AND_COMPANY,
    AskAgain,
    Auth,
    Direct,
    Limits,
    Offer,
    OutOfCredit,
    Provider,
    Throttled,
    VendorAnswer,
    VendorRequest,
    get,
    read_object,
)
from providers.vocabulary import Verdict, found_email, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, NoAnswer, Outcome, RejectedInput
from service.domain.verdict import VerdictStatus

_FIND_S: Final = 10  # Hunter searches for 3 to 20 s; this is its own default, said aloud
_THROTTLED_WAIT_S: Final = 60.0
_STILL_VERIFYING_WAIT_S: Final = 5.0

_FIND_VERDICTS: Final[Mapping[str, VerdictStatus]] = {
    "valid": "deliverable",
    "webmail": "deliverable",
    "accept_all": "risky",
    "disposable": "risky",
    "invalid": "undeliverable",
    "unknown": "unknown",
}
_VERIFY_VERDICTS: Final[Mapping[str, Verdict]] = {
    "valid": ("deliverable", "accepted_email"),
    "accept_all": ("risky", "catch_all"),
    "disposable": ("risky", "disposable"),
    "invalid": ("undeliverable", "no_mailbox"),
    "unknown": ("unknown", "unclear_reply"),
    "webmail": ("unknown", "unclear_reply"),
}


def find_request(lead: LeadInput) -> VendorRequest:
    """Ask for a person's address at a company, by domain where one is known."""
    return get(
        "/email-finder",
        domain=lead.company_domain,
        company=None if lead.company_domain else lead.company_name,
        first_name=lead.first_name,
        last_name=lead.last_name,
        max_duration=str(_FIND_S),
    )


def read_find(answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the address and the verdict of Hunter's own verification of it."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    # Its pages do not say whether an unknown person is a null address or a 404 of its own making.
    if answer.status == 404 and answer.object().objects("errors"):  # noqa: PLR2004
        return Missing()
    data = read_object(answer, leads=[lead]).object("data")
    status = data.side_object("verification").side_text("status")
    if status is None and data.side_flag("accept_all"):
        status = "accept_all"
    score = data.side_number("score")
    confidence = None if score is None else score / 100
    return found_email(data.text_or_none("email"), status, _FIND_VERDICTS, confidence=confidence)


def read_verify(answer: VendorAnswer, lead: LeadInput) -> Outcome | AskAgain:
    """Read the verdict; while Hunter is still asking the mail server, ask again."""
    if (rejected := _read_refusal(answer)) is not None:
        return rejected
    if answer.status == 202:  # noqa: PLR2004
        return AskAgain(_STILL_VERIFYING_WAIT_S)
    if answer.status == 222:  # noqa: PLR2004
        return NoAnswer("mail_server_failed")
    data = read_object(answer, leads=[lead]).object("data")
    status = data.text_or_none("status")
    # `webmail` names the kind of host only; whether the mailbox was seen stands in a field beside.
    if status == "webmail" and data.side_flag("smtp_check"):
        status = "valid"
    named = data.text_or_none("email")
    return verified_email(lead.email, status, _VERIFY_VERDICTS, named=named)


def _read_refusal(answer: VendorAnswer) -> RejectedInput | None:
    match answer.status:
        case 400 | 422:
            return RejectedInput("refused_by_vendor")
        case 451:
            return RejectedInput("opted_out")
        case 403:
            raise Throttled(answer.retry_after_s(), usual_wait_s=_THROTTLED_WAIT_S)
        case 429:
            raise OutOfCredit
        case _:
            return None


PROVIDER: Final = Provider(
    slug="hunter",
    name="Hunter",
    base_url="https://api.hunter.io/v2",
    auth=Auth("header", "X-API-KEY"),
    limits=Limits(requests_per_minute=500, requests_per_second=15, concurrency=15),
    # Only repeats of a verification still in progress are said to count once. Nothing says that a
    # finder hit or a finished verification is free when asked for again, so it may cost twice.
    repeats="cheap",
    source="stated, 2026-11: hunter.io/api-documentation/v2; the shape of a miss is inferred",
    version=2,
    key_check=get("/account"),
    key_proof=("data",),
    offers=(
        Offer(
            Capability.FIND_EMAIL,
            needs=NAME_AND_COMPANY,
            shape=Direct(find_request, read_find),
            price_found=1_000,
        ),
        Offer(
            Capability.VERIFY_EMAIL,
            needs=(("email",),),
            shape=Direct(lambda lead: get("/email-verifier", email=lead.email), read_verify),
            deadline_s=60.0,
            price_found=500,
            price_missing=500,
            price_unknown=500,
            limits=Limits(requests_per_minute=300, requests_per_second=10, concurrency=10),
        ),
    ),
)

"""LeadMagic: work email, email verification and mobile numbers, one by one or as jobs of rows.

Its words for a verdict have changed between releases, so those of all releases are understood.

Of a job it states how it is submitted, how seldom it may be polled, and that each row of its
results has what was asked beside what was found. In which words a row or a job tells how far it
is, what a failed row looks like and what the answer to a submit calls the job is inferred, so
several spellings are understood. A row is named by what was asked and never by its place: the
vendor itself warns of that.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from providers.complaint import (
    error_words,
    is_about_credit,
    is_about_nobody,
    raise_for_failure,
    raise_for_words,
)
from providers.contract import (
    NAME_AND_COMPANY,
    Auth,
    BrokenAnswer,
    Direct,
    JsonObject,
    Limits,
    NotReady,
    Offer,
    OutOfCredit,
    Provider,
    Row,
    Submitted,
    VendorAnswer,
    VendorRequest,
    get,
    post,
    raw_reason,
    read_any_object,
    read_rows,
)
from providers.vocabulary import Verdict, found_email, verified_email
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, NoAnswer, Outcome, RejectedInput
from service.domain.phone_number import region_of
from service.domain.value_outcome import phone_outcome

# The vendor takes 500,000; with the answer to a submit all of its rows are lost.
_ROWS_MAX: Final = 100
_FIRST_POLL_S: Final = 20.0
_POLL_S: Final = 45.0  # stated as the least between two polls
_JOB_S: Final = 900.0
_JOB_NAMES: Final = ("job_id", "jobId", "id")
_ROWS_NAMES: Final = ("rows", "results", "data")
_ASKED_NAMES: Final = ("lm_input", "input")
_ANSWERED_NAMES: Final = ("lm_output", "output", "result")
_CODE_NAMES: Final = ("error", "errors", "code", "error_code")
_WAITING: Final = frozenset(
    {"accepted", "created", "pending", "queued", "scheduled", "submitted", "waiting"}
)
_WORKING: Final = frozenset({"in_progress", "processing", "retrying", "running", "started"})
_RUNNING: Final = _WAITING | _WORKING | {"paused", "validating"}
_ENDED: Final = frozenset({"complete", "completed", "completed_with_errors", "done", "finished"})
_FAILED: Final = frozenset({"canceled", "cancelled", "failed"})
_ROW_FAILED: Final = _FAILED | {"error", "errored", "failure", "skipped"}
_ROW_UNFIT: Final = frozenset({"invalid_input", "rejected", "validation_error"})
_ROW_MISSING: Final = frozenset({"missing", "no_match", "no_result", "no_results", "not_found"})
_OUT_OF_CREDIT: Final = NoAnswer("out_of_credit")
_BEFORE_A_PROFILE: Final = re.compile(r"^(?:https?://)?(?:www\.)?")

_VERDICTS: Final[Mapping[str, Verdict]] = {
    "valid": ("deliverable", "accepted_email"),
    "valid_catch_all": ("risky", "catch_all"),
    "catch_all": ("risky", "catch_all"),
    "invalid": ("undeliverable", "no_mailbox"),
    "not_found": ("undeliverable", "no_mailbox"),
    "unknown": ("unknown", "unclear_reply"),
}


def find_request(lead: LeadInput) -> VendorRequest:
    """Ask for a person's address at a company, by domain where one is known."""
    return post(
        "/v1/people/email-finder",
        {
            "first_name": lead.first_name,
            "last_name": lead.last_name,
            "domain": lead.company_domain,
            "company_name": lead.company_name,
        },
    )


def phone_request(lead: LeadInput) -> VendorRequest:
    """Ask for a mobile number by profile and address; a name and a company are not enough."""
    return post(
        "/v1/people/mobile-finder", {"profile_url": lead.linkedin_url, "work_email": lead.email}
    )


def verify_request(lead: LeadInput) -> VendorRequest:
    """Ask for a verdict on the address."""
    return post("/v1/people/email-validation", {"email": lead.email})


def read_find(found: JsonObject, _lead: LeadInput) -> Outcome:
    """Read the address and its verdict."""
    word = _decided(found.side_text("status"), found)
    return found_email(found.text_or_none("email"), word, _VERDICTS)


def read_verify(checked: JsonObject, lead: LeadInput) -> Outcome:
    """Read the verdict; an undecided one on a catch-all domain is risky, not unknown."""
    named = checked.text_or_none("email")
    word = _decided(checked.text_or_none("email_status"), checked)
    return verified_email(lead.email, word, _VERDICTS, named=named)


def read_phone(found: JsonObject, lead: LeadInput) -> Outcome:
    """Read the number; one without a country code cannot be placed and counts as unreadable."""
    return phone_outcome(found.phone_or_none("mobile_number"), region_of(lead.country))


def read_answer(capability: Capability, answer: VendorAnswer, lead: LeadInput) -> Outcome:
    """Read the answer about one lead: a result, or in words that there is nobody."""
    if answer.status in {400, 422}:
        return RejectedInput("refused_by_vendor")
    how, body = _HOW[capability], read_any_object(answer)
    # That there is nobody is said so, whatever flag stands beside; the text is not stated.
    words = _words(body, lead)
    is_missing = is_about_nobody(words)
    if _is_failure(body):
        raise_for_words(words, answer.retry_after_s())
        if not is_missing:
            raise_for_failure(body, answer.retry_after_s(), [lead])
    if not is_missing:
        body.require(*how.told)
    return how.read(body, lead)


def submit(
    capability: Capability, rows: Sequence[Row], _reference: str, _callback_url: str | None
) -> VendorRequest:
    """Ask the same as one by one, of each person once; what a callback says is not published."""
    how = _HOW[capability]
    asked = {_name(capability, row.lead): how.request(row.lead).json for row in rows}
    return post("/bulk/submit", {"product": how.product, "rows": list(asked.values())})


def read_handle(answer: VendorAnswer, leads: Sequence[LeadInput]) -> str:
    """Read the job's id, under whichever name it stands."""
    body = read_any_object(answer, statuses=(200, 201, 202))
    if _is_failure(body):
        raise_for_failure(body, answer.retry_after_s(), leads)
    places = (body, body.side_object("job"), body.side_object("data"))
    named = (place.handle_or_none(name) for place in places for name in _JOB_NAMES)
    handle = next((each for each in named if each is not None), None)
    if handle is None:
        raise BrokenAnswer("expected a handle")
    return handle


def read_results(
    capability: Capability, answer: VendorAnswer, leads: Sequence[LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    """Read each row, once no lead's is to be waited for, or the job is told to be over.

    A job that is over without a row is not believed, unless it has failed.
    """
    body = read_any_object(answer, statuses=(200, 202))
    state = _status(body) or _status(body.side_object("job"))
    rows = next((body.rows(name) for name in _ROWS_NAMES if body.says(name)), [])
    asked = _by_name(capability, leads)
    if state == "paused":  # stated: so does one that runs out of credit, and it goes on after that
        raise OutOfCredit
    if not rows:
        return _read_without_rows(state, body, answer.retry_after_s(), asked)
    ended = [row for row in rows if _has_ended(capability, row)]
    is_running = any(_status(row) in _RUNNING for row in rows)
    is_whole = not is_running and _is_whole(asked, [_name_of(capability, row) for row in ended])
    if not is_whole and state not in _ENDED | _FAILED:
        return NotReady()
    read = partial(_read_row, capability, asked)
    outcomes = read_rows(ended, partial(_name_of, capability), read)
    if outcomes and all(outcome == _OUT_OF_CREDIT for outcome in outcomes.values()):
        raise OutOfCredit
    return outcomes


def _read_without_rows(
    state: str, body: JsonObject, retry_after_s: float | None, asked: Mapping[str, LeadInput]
) -> Mapping[str, Outcome] | NotReady:
    if state in _FAILED:
        words = error_words(body, "message", "error", "errors", "reason", leads=asked.values())
        raise_for_words(words, retry_after_s)
        return dict.fromkeys(asked, NoAnswer(f"status_{state}"))
    if _is_failure(body):
        raise_for_failure(body, retry_after_s, asked.values())
    return NotReady()


def _is_whole(asked: Collection[str], names: Sequence[str | None]) -> bool:
    """Tell whether each lead has one of these rows, or may have one that does not say whose it is.

    Where they name none of the leads they are not as they are stated to be, so that waiting for
    others is in vain.
    """
    missing = set(asked) - set(names)
    if len(missing) == len(asked):
        return len(names) >= len(asked)
    return len(missing) <= names.count(None)


def _has_ended(capability: Capability, row: JsonObject) -> bool:
    """Tell whether a row says anything at all of how it ended."""
    status = _status(row)
    is_told = bool(status) or _is_failure(row) or _output(capability, row) is not None
    return is_told and status not in _RUNNING


def _read_row(capability: Capability, asked: Mapping[str, LeadInput], row: JsonObject) -> Outcome:
    """Read a row as the answer about its lead; its failure is no fault of the others."""
    how, status = _HOW[capability], _status(row)
    lead = asked.get(_name_of(capability, row) or "", _echo(row))
    output = _output(capability, row)
    parts = [part for part in (row, output) if part is not None]
    words = " || ".join(_words(part, lead) for part in parts)
    is_missing = status in _ROW_MISSING or is_about_nobody(words)
    has_failed = status in _ROW_FAILED | _ROW_UNFIT or any(map(_is_failure, parts))
    if has_failed and not is_missing:
        return _read_failure(row, parts, words)
    if output is None:
        may_miss = is_missing and capability is not Capability.VERIFY_EMAIL
        return Missing() if may_miss else _keep_status(row)
    if not is_missing:
        output.require(*how.told)
    return how.read(output, lead)


def _read_failure(row: JsonObject, parts: Iterable[JsonObject], words: str) -> Outcome:
    if is_about_credit(words):
        return _OUT_OF_CREDIT
    codes = {code for part in parts for name in _CODE_NAMES for code in part.texts(name)}
    is_unfit = bool((codes | {_status(row)}) & _ROW_UNFIT)
    return RejectedInput("refused_by_vendor") if is_unfit else _keep_status(row)


def _keep_status(row: JsonObject) -> NoAnswer:
    return NoAnswer(raw_reason("status", row.side_text("status")))


def _name_of(capability: Capability, row: JsonObject) -> str | None:
    """Return what a row says it was asked about; None where it leaves out a part of that."""
    name = _name(capability, _echo(row))
    return name if all(name.split("\n")) else None


def _by_name(capability: Capability, leads: Sequence[LeadInput]) -> dict[str, LeadInput]:
    """Return whom each row is about; nobody's country counts where several ask and differ in it."""
    asked: dict[str, LeadInput] = {}
    for lead in leads:
        name = _name(capability, lead)
        other = asked.get(name, lead)
        is_same = region_of(other.country) == region_of(lead.country)
        asked[name] = lead if is_same else replace(lead, country=None)
    return asked


def _name(capability: Capability, lead: LeadInput) -> str:
    """Return what makes a question about a lead another one; its parts stand in lines."""
    match capability:
        case Capability.FIND_EMAIL:
            company = lead.company_domain or lead.company_name
            parts = [lead.first_name, lead.last_name, company]
        case Capability.FIND_PHONE if lead.linkedin_url:
            profile, _, _ = lead.linkedin_url.partition("?")
            parts = [_BEFORE_A_PROFILE.sub("", profile.strip().lower()).rstrip("/")]
        case _:
            parts = [lead.email]
    return "\n".join(" ".join((part or "").split()).casefold() for part in parts)


def _echo(row: JsonObject) -> LeadInput:
    """Return whom a row repeats: beside its result, within it, or among its own fields."""
    told = (_part(row, _ASKED_NAMES + _ANSWERED_NAMES) or row).side_text
    return LeadInput(
        first_name=told("first_name"),
        last_name=told("last_name"),
        company_domain=told("domain") or told("company_domain"),
        company_name=told("company_name"),
        linkedin_url=told("profile_url"),
        email=told("work_email") or told("email"),
    )


def _output(capability: Capability, row: JsonObject) -> JsonObject | None:
    """Return what was found, which may stand among the row's own fields."""
    is_flat = any(row.says(name) for name in _HOW[capability].told)
    return _part(row, _ANSWERED_NAMES) or (row if is_flat else None)


def _part(row: JsonObject, names: Sequence[str]) -> JsonObject | None:
    return next((row.side_object(name) for name in names if row.says(name)), None)


def _status(body: JsonObject) -> str:
    return re.sub(r"[- ]", "_", (body.side_text("status") or "").lower())


def _words(body: JsonObject, lead: LeadInput) -> str:
    return error_words(body, "message", "error", "errors", leads=[lead])


def _is_failure(body: JsonObject) -> bool:
    return body.says("error") or body.says("errors") or body.side_flag("success") is False


def _decided(word: str | None, answer: JsonObject) -> str | None:
    is_undecided = word is None or word == "unknown"
    return "catch_all" if is_undecided and answer.side_flag("is_domain_catch_all") else word


class _How(NamedTuple):
    """How a capability is asked about and read, one by one or as rows.

    Attributes:
        told: fields of a result, at least one of which is there.
    """

    product: str
    request: Callable[[LeadInput], VendorRequest]
    read: Callable[[JsonObject, LeadInput], Outcome]
    told: tuple[str, ...]


_HOW: Final = {
    Capability.FIND_EMAIL: _How("email_finder", find_request, read_find, ("email",)),
    Capability.VERIFY_EMAIL: _How(
        "email_validation", verify_request, read_verify, ("email_status", "email")
    ),
    Capability.FIND_PHONE: _How("mobile_finder", phone_request, read_phone, ("mobile_number",)),
}


def _offer(capability: Capability, needs: tuple[tuple[str, ...], ...], price: int) -> Offer:
    single = Direct(_HOW[capability].request, partial(read_answer, capability))
    jobs = Submitted(
        batch_max=_ROWS_MAX,
        submit=partial(submit, capability),
        read_handle=read_handle,
        poll=lambda job: get(f"/bulk/jobs/{job}/results", limit=str(_ROWS_MAX)),
        read=partial(read_results, capability),
        first_poll_after_s=_FIRST_POLL_S,
        poll_every_s=_POLL_S,
        name_of=lambda row: _name(capability, row.lead),
    )
    offer = Offer(capability, needs, single, price_found=price)
    return offer.with_bulk(jobs, deadline_s=_JOB_S)


PROVIDER: Final = Provider(
    slug="leadmagic",
    name="LeadMagic",
    base_url="https://api.leadmagic.io",
    auth=Auth("header", "X-API-Key"),
    # Stated as 3,000 a minute today and as 1,000 on older pages: the lower holds for both.
    limits=Limits(requests_per_minute=1_000, concurrency=50),
    # No idempotency key and no free repeats: a second request for the same hit is charged again.
    repeats="cheap",
    source=(
        "stated, 2026-11: leadmagic.io/docs/v1 and the vendor's OpenAPI file; its own skills for "
        "jobs, whose words are inferred"
    ),
    version=2,
    key_check=get("/v1/credits"),
    key_proof=("credits",),
    offers=(
        _offer(Capability.FIND_EMAIL, NAME_AND_COMPANY, 1_000),
        _offer(Capability.VERIFY_EMAIL, (("email",),), 250),
        _offer(Capability.FIND_PHONE, (("linkedin_url",), ("email",)), 5_000),
    ),
)

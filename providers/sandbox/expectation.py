"""What a waterfall must end with for a lead in this world, so that a demo or test can check it.

It follows the rules of the built-in provider, of the vendors' adapters and of waterfalls, but asks
nobody. A mailbox that is full or takes everything is found with a doubtful verdict, so whether it
ends a waterfall depends on what its step accepts. A greylist is waited out.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from providers.sandbox.domains import Reception, Records, domain_at
from providers.sandbox.truth import (
    BUILTIN_SLUGS,
    Mailbox,
    Person,
    Verdict,
    binary_verdict,
    is_opted_out,
    known_email,
    known_phone,
    known_phone_of_address,
    known_valid_email,
    mailbox_at,
    person_of_profile,
    vendor_verdict,
)
from service.domain.kinds import Capability, Kind
from service.domain.lead_input import LeadInput
from service.domain.outcome import OutcomeName
from service.domain.verdict import VerdictStatus
from service.domain.waterfall import Step

# The order in which the built-in finder tries them; those it tries besides never exist here.
BUILTIN_PATTERNS: Final = ("{first}.{last}", "{initial}{last}", "{initial}.{last}")

_VERDICTS: Final[dict[Verdict, VerdictStatus]] = {
    Verdict.VALID: "deliverable",
    Verdict.INVALID: "undeliverable",
    Verdict.CATCH_ALL: "risky",
    Verdict.UNKNOWN: "unknown",
}
_MAILBOX_VERDICTS: Final[dict[Mailbox, VerdictStatus]] = {
    Mailbox.OPEN: "deliverable",
    Mailbox.FULL: "risky",
    Mailbox.ABSENT: "undeliverable",
}
# What a vendor says of an address it found, where it differs from the table above.
_FINDERS: Final[dict[str, dict[Verdict, VerdictStatus]]] = {
    "aleads": {},
    "bettercontact": {Verdict.UNKNOWN: "risky"},
    "dropcontact": {},
    "enrow": {Verdict.UNKNOWN: "deliverable", Verdict.CATCH_ALL: "deliverable"},
    "findymail": {},
    "fullenrich": {Verdict.UNKNOWN: "risky"},
    "hunter": {},
    "icypeas": {Verdict.UNKNOWN: "risky"},
    "leadmagic": {Verdict.UNKNOWN: "deliverable"},
    "prospeo": {},
}
# The same of an address that it was given to verify.
_VERIFIERS: Final[dict[str, dict[Verdict, VerdictStatus]]] = {
    "aleads": {},
    "dropcontact": {},
    "enrow": {},
    "findymail": {Verdict.CATCH_ALL: "unknown", Verdict.INVALID: "unknown"},
    "hunter": {},
    "icypeas": {Verdict.CATCH_ALL: "unknown"},
    "leadmagic": {},
    "millionverifier": {},
    "neverbounce": {},
    "zerobounce": {},
}
_READ_PROFILES: Final = frozenset({"findymail", "fullenrich", "prospeo"})
# It says so in a word that its pages do not list, which is no answer.
_DOUBT_IN_NO_LISTED_WORD: Final = frozenset({"dropcontact"})
_TELL_ONLY_VERIFIED: Final = frozenset({"findymail", "prospeo"})
_ANY_VERDICT: Final = frozenset[VerdictStatus]({"deliverable", "risky", "undeliverable", "unknown"})


class Expectation(NamedTuple):
    """An outcome and, when it is found, its value.

    Attributes:
        value: the address, the verdict, the E.164 number, or the slug of the gateway or mail
            host; None as well when none is visible, although that is a finding.
    """

    outcome: OutcomeName
    value: str | None = None


class _Answer(NamedTuple):
    outcome: OutcomeName
    value: str | None = None
    verdict: VerdictStatus | None = None

    def ends(self, step: Step) -> bool:
        is_accepted = self.verdict is None or self.verdict in step.accept
        return self.outcome is OutcomeName.FOUND and is_accepted


_MISSING: Final = _Answer(OutcomeName.MISSING)
_NO_ANSWER: Final = _Answer(OutcomeName.NO_ANSWER)
_REJECTED: Final = _Answer(OutcomeName.REJECTED_INPUT)
# Nobody is asked about somebody of whom one vendor may not speak.
_OPTED_OUT: Final = _Answer(OutcomeName.REJECTED_INPUT, "opted_out")


def expected(lead: LeadInput, kind: Kind, steps: Sequence[Step | str]) -> Expectation:
    """Return what a waterfall with these steps must end with.

    A slug alone stands for a step that accepts every verdict. The lead is taken as it stands: a
    phone asked for by e-mail address depends on `lead.email`.
    """
    answers = []
    for step in steps:
        taken = Step(step, _ANY_VERDICT) if isinstance(step, str) else step
        answer = _ask(taken.provider, lead, kind.capability)
        if answer is _OPTED_OUT:
            return Expectation(answer.outcome)
        if answer.ends(taken):
            return Expectation(answer.outcome, answer.value)
        answers.append(answer)
    return _conclude(kind, answers)


def _conclude(kind: Kind, answers: Sequence[_Answer]) -> Expectation:
    """Return what is left when no step was sure: a doubtful verdict counts, an address does not."""
    outcomes = {answer.outcome for answer in answers}
    if OutcomeName.FOUND in outcomes and kind is Kind.VERIFY_EMAIL:
        first = next(answer for answer in answers if answer.outcome is OutcomeName.FOUND)
        return Expectation(first.outcome, first.value)
    if outcomes & {OutcomeName.FOUND, OutcomeName.MISSING}:
        return Expectation(OutcomeName.MISSING)
    if OutcomeName.NO_ANSWER in outcomes or not answers:
        return Expectation(OutcomeName.NO_ANSWER)
    return Expectation(OutcomeName.REJECTED_INPUT)


def _ask(slug: str, lead: LeadInput, capability: Capability) -> _Answer:
    is_builtin = slug in BUILTIN_SLUGS
    match capability:
        case Capability.FIND_EMAIL:
            return _find_built_in(lead) if is_builtin else _find_email(slug, lead)
        case Capability.VERIFY_EMAIL:
            return _verify(slug, lead, is_builtin=is_builtin)
        case Capability.FIND_PHONE:
            return _find_phone(slug, lead)
        case Capability.DETECT_GATEWAY | Capability.DETECT_ESP:
            return _detect(lead, capability) if is_builtin else _REJECTED


def _person(lead: LeadInput, *, also_by_profile: bool = False) -> Person:
    """Return whom a vendor makes of a lead: the names and company, else perhaps the profile."""
    person = Person.named(
        lead.first_name or "",
        lead.last_name or "",
        domain=lead.company_domain or "",
        company_name=lead.company_name or "",
    )
    if person.is_whole or not also_by_profile:
        return person
    return person_of_profile(lead.linkedin_url or "") or person


def _find_built_in(lead: LeadInput) -> _Answer:
    person = _person(lead)
    if not (lead.company_domain and (person.first or person.last)):
        return _REJECTED
    domain = domain_at(person.domain)
    if domain is None or domain.is_dead or domain.reception is Reception.CATCH_ALL:
        return _MISSING
    if not domain.takes_mail or domain.reception in {Reception.REFUSING, Reception.HANGING}:
        return _NO_ANSWER
    for pattern in BUILTIN_PATTERNS if person.is_whole else ():
        local = pattern.format(first=person.first, last=person.last, initial=person.first[0])
        address = f"{local}@{domain.name}"
        if (state := mailbox_at(address)) is not Mailbox.ABSENT:
            return _Answer(OutcomeName.FOUND, address, _MAILBOX_VERDICTS[state])
    return _MISSING


def _find_email(slug: str, lead: LeadInput) -> _Answer:
    person = _person(lead, also_by_profile=slug in _READ_PROFILES)
    if not person.is_whole:
        return _REJECTED
    if slug == "hunter" and is_opted_out(person):
        return _OPTED_OUT
    if slug == "aleads" and not lead.company_domain:
        return _REJECTED
    known = known_valid_email if slug in _TELL_ONLY_VERIFIED else known_email
    address = known(slug, person)
    if address is None:
        return _MISSING
    verdict = _word(_FINDERS[slug], vendor_verdict(address))
    if verdict == "unknown" and slug in _DOUBT_IN_NO_LISTED_WORD:
        return _NO_ANSWER
    return _Answer(OutcomeName.FOUND, address, verdict)


def _verify(slug: str, lead: LeadInput, *, is_builtin: bool) -> _Answer:
    if not lead.email or not (is_builtin or slug in _VERIFIERS):
        return _REJECTED
    if is_builtin:
        verdict = _built_in_verdict(lead.email)
    else:
        sees_through = slug == "enrow"
        checked = binary_verdict(lead.email) if sees_through else vendor_verdict(lead.email)
        verdict = _word(_VERIFIERS[slug], checked)
    return _NO_ANSWER if verdict == "unknown" else _Answer(OutcomeName.FOUND, verdict, verdict)


def _word(own: Mapping[Verdict, VerdictStatus], verdict: Verdict) -> VerdictStatus:
    return own.get(verdict, _VERDICTS[verdict])


def _built_in_verdict(address: str) -> VerdictStatus:
    domain = domain_at(address.rpartition("@")[2])
    if domain is None or domain.is_dead:
        return "undeliverable"
    if not domain.takes_mail:
        return "unknown"
    match domain.reception:
        case Reception.REFUSING | Reception.HANGING:
            return "unknown"
        case Reception.CATCH_ALL:
            return "risky"
        case Reception.DECISIVE | Reception.GREYLISTING:
            return _MAILBOX_VERDICTS[mailbox_at(address.strip().lower())]


def _find_phone(slug: str, lead: LeadInput) -> _Answer:
    number: str | None
    match slug:
        case "bettercontact" | "fullenrich" | "prospeo":
            person = _person(lead, also_by_profile=slug in _READ_PROFILES)
            if person.is_whole:
                number = known_phone(slug, person)
            elif slug == "prospeo" and lead.email:
                number = known_phone_of_address(slug, lead.email)
            else:
                return _REJECTED
        case "aleads" | "enrow" | "findymail" | "leadmagic" if lead.linkedin_url:
            named = person_of_profile(lead.linkedin_url)
            number = None if named is None else known_phone(slug, named)
        case "enrow" if _person(lead).is_whole:
            number = known_phone(slug, _person(lead))
        case "leadmagic" if lead.email:
            number = known_phone_of_address(slug, lead.email)
        case _:
            return _REJECTED
    return _MISSING if number is None else _Answer(OutcomeName.FOUND, number)


def _detect(lead: LeadInput, capability: Capability) -> _Answer:
    name = (lead.email or "").rpartition("@")[2] or lead.company_domain
    if not name:
        return _REJECTED
    domain = domain_at(name)
    if domain is None or domain.is_dead:
        return _MISSING
    if domain.records in {Records.FAILING, Records.SILENT}:
        return _NO_ANSWER
    slug = domain.gateway if capability is Capability.DETECT_GATEWAY else domain.esp
    return _Answer(OutcomeName.FOUND, slug)

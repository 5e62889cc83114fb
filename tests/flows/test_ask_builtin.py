"""What the built-in provider answers, as outcomes, over a real name server and mail server."""

from collections.abc import AsyncIterator

import pytest

from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, RejectedInput
from service.flows.ask_builtin import Builtin
from service.flows.controls import GREYLIST_RETRY_S
from tests.flows.mail_verifier import Verifier
from tests.flows.mail_world import ACCEPTED, MailWorld


@pytest.fixture
async def builtin() -> AsyncIterator[Builtin]:
    """The built-in in a world with one company that has two mailboxes."""
    async with MailWorld() as world:
        world.domain(
            "acme.test",
            {"jane.doe": ACCEPTED, "info": ACCEPTED, "grey": "450 4.7.1 Greylisted"},
        )
        verifier = Verifier(world)
        yield Builtin(verifier.resolver, verifier.prober, verifier.controls)
        await verifier.prober.close()


@pytest.mark.parametrize(
    ("company_domain", "company_name"),
    [
        ("acme.test", None),
        (None, "acme.test"),
        (None, "www.Acme.test"),
        ("Acme Tools Ltd", "acme.test"),
    ],
)
async def test_a_domain_is_used_wherever_it_stands(
    builtin: Builtin, company_domain: str | None, company_name: str | None
) -> None:
    """A domain that was written where the company's name belongs finds the person too."""
    lead = LeadInput("Jane", "Doe", company_name, company_domain)

    outcome = await builtin.find_email(lead)

    assert isinstance(outcome, Found)
    assert (
        outcome.value["email"],
        outcome.value["verdict"],
    ) == ("jane.doe@acme.test", "deliverable")


@pytest.mark.parametrize(
    ("lead", "outcome"),
    [
        (LeadInput("Jane", "Doe", "Brightwater Tools Ltd"), RejectedInput("no_domain")),
        (LeadInput("Jane", "Doe", None, "Brightwater Tools"), RejectedInput("no_domain")),
        (LeadInput("李", "明", None, "acme.test"), RejectedInput("no_name")),
        (LeadInput("Jane", "Doe", None, "gmail.com"), Missing()),
        (LeadInput("Nobody", "Special", None, "acme.test"), Missing()),
        (LeadInput("Jane", "Doe", None, "nowhere.test"), Missing()),
    ],
)
async def test_not_finding_says_whether_anybody_looked(
    builtin: Builtin, lead: LeadInput, outcome: Outcome
) -> None:
    """Where the lead lacks what looking takes, it is the input; else nobody is there."""
    assert outcome == await builtin.find_email(lead)


async def test_a_verdict_has_its_reason_and_the_class_of_the_address(builtin: Builtin) -> None:
    """Verifying tells status, sub-reason, and whether it is a role, disposable or free mail."""
    outcome = await builtin.verify_email(LeadInput(email="info@acme.test"))

    assert outcome == Found(
        {
            "email": "info@acme.test",
            "verdict": "risky",
            "reason": "role",
            "role": True,
            "disposable": False,
            "free": False,
        }
    )


async def test_an_unknown_verdict_is_no_answer_that_may_be_asked_for_again(
    builtin: Builtin,
) -> None:
    """A greylisted address has no verdict yet, and the answer says when it may have one."""
    outcome = await builtin.verify_email(LeadInput(email="grey@acme.test"))

    assert NoAnswer("greylisted", GREYLIST_RETRY_S) == outcome


async def test_a_gateway_is_looked_for_at_a_domain_only(builtin: Builtin) -> None:
    """A company's name is no mail domain."""
    outcome = await builtin.detect_gateway(LeadInput(company_name="Brightwater Tools Ltd"))

    assert RejectedInput("no_domain") == outcome

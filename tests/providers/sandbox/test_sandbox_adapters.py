"""The real adapters and the real built-in: each sample lead ends as it is expected to."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from providers.contract import AskAgain, Direct, NotReady, Provider, Row, Submitted, VendorRequest
from providers.contract import VendorAnswer as Answer
from providers.registry import all_providers
from providers.sandbox.expectation import Expectation, expected
from providers.sandbox.sample import read_sample
from providers.sandbox.server import Sandbox
from service.domain.kinds import Kind
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, OutcomeName, RejectedInput
from service.edges.dial_guard import EgressPolicy
from service.edges.dns import Resolver
from service.edges.mail_exchanger import Courtesy
from service.edges.smtp import SmtpProber
from service.edges.vendor_http import VendorHTTP
from service.flows.guess_address import CouldNotAsk, Guess, Guessed, NoneFits, guess_address
from service.flows.verify_address import Controls, verify_address

CONCURRENCY = 8
SAMPLE = read_sample()


class Desk:
    """Asks one provider for leads, without limits or patience."""

    def __init__(self, sandbox: Sandbox, http: VendorHTTP, provider: Provider) -> None:
        self._base_url = sandbox.base_urls[provider.slug]
        self._http = http
        self._provider = provider
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def send(self, request: VendorRequest) -> Answer:
        return await self._http.send(
            self._provider, request, api_key="sandbox", base_url=self._base_url, timeout_s=5
        )

    async def ask(self, shape: Direct, lead: LeadInput) -> Outcome:
        async with self._slots, asyncio.timeout(5):
            while True:
                read = shape.read(await self.send(shape.request(lead)), lead)
                if not isinstance(read, AskAgain):
                    return read

    async def ask_all(self, shape: Submitted, leads: Sequence[LeadInput]) -> list[Outcome]:
        rows = [Row(f"{number}", lead) for number, lead in enumerate(leads)]
        handle = shape.read_handle(await self.send(shape.submit(rows, "submission-1", None)))
        async with asyncio.timeout(5):
            while isinstance(read := shape.read(await self.send(shape.poll(handle))), NotReady):
                pass
        return [read.get(row.reference, Missing()) for row in rows]


def shown(outcome: Outcome) -> Expectation:
    """Write an outcome as expectations are written."""
    match outcome:
        case Found(value):
            return Expectation(OutcomeName.FOUND, value.get("phone") or value.get("email"))
        case Missing() | NoAnswer() | RejectedInput():
            return Expectation(outcome.name)


def shown_verdict(outcome: Outcome) -> Expectation:
    """Write the outcome of a verification as expectations are written."""
    value = outcome.value["verdict"] if isinstance(outcome, Found) else None
    return Expectation(outcome.name, value)


@pytest.mark.parametrize(
    ("slug", "kind"),
    [
        ("hunter", Kind.FIND_EMAIL),
        ("leadmagic", Kind.FIND_EMAIL),
        ("leadmagic", Kind.FIND_PHONE),
    ],
)
async def test_a_direct_adapter_reads_every_sample_lead_as_expected(
    sandbox: Sandbox, vendor_http: VendorHTTP, slug: str, kind: Kind
) -> None:
    provider = all_providers()[slug]
    offer = provider.offer(kind.capability)
    assert offer is not None
    assert isinstance(offer.shape, Direct)
    leads = [lead for lead in SAMPLE if offer.accepts(lead)]
    desk = Desk(sandbox, vendor_http, provider)

    outcomes = await asyncio.gather(*(desk.ask(offer.shape, lead) for lead in leads))

    assert [shown(one) for one in outcomes] == [expected(one, kind, [slug]) for one in leads]


@pytest.mark.parametrize("slug", ["hunter", "leadmagic"])
async def test_a_verifying_adapter_reads_every_sample_email_as_expected(
    sandbox: Sandbox, vendor_http: VendorHTTP, slug: str
) -> None:
    provider = all_providers()[slug]
    offer = provider.offer(Kind.VERIFY_EMAIL.capability)
    assert offer is not None
    assert isinstance(offer.shape, Direct)
    leads = [lead for lead in SAMPLE if offer.accepts(lead)]
    desk = Desk(sandbox, vendor_http, provider)

    outcomes = await asyncio.gather(*(desk.ask(offer.shape, lead) for lead in leads))

    assert [shown_verdict(one) for one in outcomes] == [
        expected(one, Kind.VERIFY_EMAIL, [slug]) for one in leads
    ]


@pytest.mark.parametrize("kind", [Kind.FIND_EMAIL, Kind.FIND_PHONE])
async def test_a_submitting_adapter_reads_every_sample_lead_as_expected(
    sandbox: Sandbox, vendor_http: VendorHTTP, kind: Kind
) -> None:
    provider = all_providers()["fullenrich"]
    offer = provider.offer(kind.capability)
    assert offer is not None
    assert isinstance(offer.shape, Submitted)
    desk = Desk(sandbox, vendor_http, provider)

    outcomes = [
        *await desk.ask_all(offer.shape, SAMPLE[:100]),
        *await desk.ask_all(offer.shape, SAMPLE[100:]),
    ]

    assert [shown(one) for one in outcomes] == [
        expected(one, kind, ["fullenrich"]) for one in SAMPLE
    ]


@pytest.fixture
async def prober(sandbox: Sandbox, resolver: Resolver) -> AsyncIterator[SmtpProber]:
    opened = SmtpProber(
        resolver=resolver,
        policy=EgressPolicy.parse(["127.0.0.1/32"]),
        helo="prober.leadfall",
        sender="probe@prober.leadfall",
        port=sandbox.smtp_port,
        step_timeout_s=1.0,
        courtesy=Courtesy(sessions_max=4, interval_s=0.0),
    )
    yield opened
    await opened.close()


@pytest.fixture
def resolver(sandbox: Sandbox) -> Resolver:
    host, port = sandbox.dns_address
    return Resolver([f"{host}:{port}"], timeout_s=0.3)


async def test_the_built_in_finds_every_sample_lead_as_expected(
    sandbox: Sandbox, resolver: Resolver, prober: SmtpProber
) -> None:
    leads = [lead for lead in SAMPLE if lead.company_domain]
    controls = Controls()

    guesses = await asyncio.gather(
        *(
            guess_address(
                lead.first_name or "",
                lead.last_name or "",
                lead.company_domain or "",
                resolver=resolver,
                prober=prober,
                controls=controls,
            )
            for lead in leads
        )
    )

    assert [shown_guess(one) for one in guesses] == [
        expected(one, Kind.FIND_EMAIL, ["enrich"]) for one in leads
    ]
    assert sandbox.books.summary()["violations"] == {}


async def test_the_built_in_verifies_every_sample_email_as_expected(
    resolver: Resolver, prober: SmtpProber
) -> None:
    leads = [lead for lead in SAMPLE if lead.email]
    controls = Controls()

    verdicts = await asyncio.gather(
        *(
            verify_address(lead.email or "", resolver=resolver, prober=prober, controls=controls)
            for lead in leads
        )
    )

    assert [(OutcomeName.FOUND, one.status) for one in verdicts] == [
        expected(one, Kind.VERIFY_EMAIL, ["enrich"]) for one in leads
    ]


def shown_guess(guess: Guess) -> Expectation:
    """Write what guessing came to as expectations are written."""
    match guess:
        case Guessed(address=address):
            return Expectation(OutcomeName.FOUND, address)
        case NoneFits():
            return Expectation(OutcomeName.MISSING)
        case CouldNotAsk():
            return Expectation(OutcomeName.NO_ANSWER)

"""The real adapters and the real built-in: each sample lead ends as it is expected to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import pytest

from providers.contract import (
    AskAgain,
    Batched,
    BrokenAnswer,
    CredentialsRejected,
    Direct,
    NotReady,
    Offer,
    OutOfCredit,
    Provider,
    Row,
    Submitted,
    Throttled,
    VendorFault,
    VendorRequest,
)
from providers.contract import VendorAnswer as Answer
from providers.sandbox.expectation import Expectation, expected
from providers.sandbox.faults import Fault, Faults, Moment
from providers.sandbox.sample import read_sample
from providers.sandbox.server import Sandbox
from providers.sandbox.truth import normalise
from service.domain.kinds import Kind
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, Missing, NoAnswer, Outcome, OutcomeName, RejectedInput
from service.edges.dial_guard import EgressPolicy
from service.edges.dns import Resolver
from service.edges.mail_exchanger import Courtesy
from service.edges.smtp import SmtpProber
from service.edges.vendor_http import VendorHTTP
from service.flows.controls import Controls
from service.flows.guess_address import CouldNotAsk, Guess, Guessed, NoneFits, guess_address
from service.flows.verify_address import verify_address

CONCURRENCY = 8
TIME_SCALE = 0.0001
REPEATS_MAX = 3
POLL_EVERY_S = 0.001
FAULTS: dict[str, type[VendorFault]] = {
    "sandbox-limited": Throttled,
    "no-such-key": CredentialsRejected,
    "sandbox-empty": OutOfCredit,
}
# One sentence of ZeroBounce's stands for a wrong key and for an empty account.
FAULTS_OF: dict[tuple[str, str], type[VendorFault]] = {
    ("zerobounce", "no-such-key"): OutOfCredit,
}
SAMPLE = read_sample()


class Desk:
    """Asks one provider for leads, without limits or patience."""

    def __init__(
        self, sandbox: Sandbox, http: VendorHTTP, provider: Provider, api_key: str = "sandbox"
    ) -> None:
        self._base_url = sandbox.base_urls[provider.slug]
        self._http = http
        self._provider = provider
        self._api_key = api_key
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def send(self, request: VendorRequest) -> Answer:
        return await self._http.send(
            self._provider, request, api_key=self._api_key, base_url=self._base_url, timeout_s=5
        )

    async def ask_all(self, offer: Offer, leads: Sequence[LeadInput]) -> list[Outcome]:
        """Ask for every lead, in batches where the offer has them."""
        shape = offer.shape
        if isinstance(shape, Direct):
            return await asyncio.gather(*(self._ask(shape, lead) for lead in leads))
        assert isinstance(shape, Batched | Submitted)
        size = shape.batch_max
        batches = [leads[n : n + size] for n in range(0, len(leads), size)]
        answers = await asyncio.gather(*(self._ask_about(offer, batch) for batch in batches))
        return [outcome for batch in answers for outcome in batch]

    async def _ask(self, shape: Direct, lead: LeadInput) -> Outcome:
        async with self._slots, asyncio.timeout(10):
            while True:
                read = shape.read(await self.send(shape.request(lead)), lead)
                if not isinstance(read, AskAgain):
                    return read
                await asyncio.sleep(0)

    async def submit(self, offer: Offer, lead: LeadInput) -> str:
        """Submit one lead and return its handle."""
        assert isinstance(offer.shape, Submitted)
        request = offer.shape.submit([Row("0", lead)], "submission-1", None)
        return offer.shape.read_handle(await self.send(request), [lead])

    async def poll(
        self, offer: Offer, handle: str, leads: Sequence[LeadInput] = ()
    ) -> Mapping[str, Outcome] | NotReady:
        """Poll once."""
        shape = offer.shape
        assert isinstance(shape, Submitted)
        read = shape.read(await self.send(shape.poll(handle)), leads)
        if isinstance(read, VendorRequest):
            read = shape.read(await self.send(read), leads)
        assert not isinstance(read, VendorRequest)
        return read

    async def result(self, offer: Offer, handle: str) -> Outcome:
        """Poll until the one lead that was submitted has its outcome."""
        async with asyncio.timeout(10):
            while isinstance(read := await self.poll(offer, handle), NotReady):
                await asyncio.sleep(POLL_EVERY_S)
        return next(iter(read.values()), Missing())

    async def _ask_about(self, offer: Offer, leads: Sequence[LeadInput]) -> list[Outcome]:
        shape = offer.shape
        assert isinstance(shape, Batched | Submitted)
        rows = [Row(f"{number}", lead) for number, lead in enumerate(leads)]
        async with self._slots, asyncio.timeout(10):
            if isinstance(shape, Batched):
                read = shape.read(await self.send(shape.request(rows)), leads)
            else:
                read = await self._submit(offer, shape.submit(rows, "submission-1", None), leads)
        return [read.get(shape.name_of(row), Missing()) for row in rows]

    async def _submit(
        self, offer: Offer, request: VendorRequest, leads: Sequence[LeadInput]
    ) -> Mapping[str, Outcome]:
        assert isinstance(offer.shape, Submitted)
        handle = offer.shape.read_handle(await self.send(request), leads)
        while isinstance(read := await self.poll(offer, handle, leads), NotReady):
            await asyncio.sleep(POLL_EVERY_S)
        return read


def shown(outcome: Outcome, kind: Kind) -> Expectation:
    """Write an outcome as expectations are written."""
    match outcome:
        case Found(value):
            name = {Kind.VERIFY_EMAIL: "verdict", Kind.FIND_PHONE: "phone"}.get(kind, "email")
            return Expectation(OutcomeName.FOUND, value[name])
        case Missing() | NoAnswer() | RejectedInput():
            return Expectation(outcome.name)


def lead_named(last_name: str) -> LeadInput:
    """Return somebody about whom every provider can be asked everything."""
    return LeadInput(
        first_name="Nadia",
        last_name=last_name,
        company_name="Brightwater Tools",
        company_domain="brightwater.leadfall",
        linkedin_url=f"https://www.linkedin.com/in/nadia-{normalise(last_name)}-brightwater",
        email=f"nadia.{normalise(last_name)}@brightwater.leadfall",
    )


def kind_of(offer: Offer) -> Kind:
    """Return the kind whose lookups this offer answers."""
    return next(kind for kind in Kind if kind.capability is offer.capability)


async def test_an_adapter_reads_every_sample_lead_as_expected(
    sandbox: Sandbox, vendor_http: VendorHTTP, remote_offer: tuple[Provider, Offer]
) -> None:
    provider, offer = remote_offer
    leads = [lead for lead in SAMPLE if offer.accepts(lead)]
    desk = Desk(sandbox, vendor_http, provider)

    outcomes = await desk.ask_all(offer, leads)

    kind = kind_of(offer)
    assert [expected(one, kind, [provider.slug]) for one in leads] == [
        shown(one, kind) for one in outcomes
    ]
    assert sandbox.books.summary()["violations"] == {}


@pytest.mark.parametrize("known_to", ["its own provider", "nobody"])
async def test_an_adapter_finds_whom_its_vendor_knows_and_nobody_else(
    sandbox: Sandbox, vendor_http: VendorHTTP, remote_offer: tuple[Provider, Offer], known_to: str
) -> None:
    provider, offer = remote_offer
    last_name = {"its own provider": f"Only-{provider.slug}", "nobody": "Only-Nobody"}[known_to]
    lead = lead_named(last_name)
    desk = Desk(sandbox, vendor_http, provider)

    (outcome,) = await desk.ask_all(offer, [lead])

    kind = kind_of(offer)
    assert expected(lead, kind, [provider.slug]) == shown(outcome, kind)


@pytest.mark.parametrize("api_key", ["sandbox-limited", "no-such-key", "sandbox-empty"])
async def test_an_adapter_tells_why_its_vendor_turns_it_away(
    sandbox: Sandbox, vendor_http: VendorHTTP, remote_offer: tuple[Provider, Offer], api_key: str
) -> None:
    provider, offer = remote_offer
    desk = Desk(sandbox, vendor_http, provider, api_key)

    with pytest.raises(FAULTS_OF.get((provider.slug, api_key), FAULTS[api_key])):
        await desk.ask_all(offer, [lead_named("Okafor")])

    assert sum(entry.credits for entry in sandbox.books.entries()) == 0


@pytest.mark.parametrize("moment", list(Moment))
async def test_an_adapter_refuses_an_answer_that_cannot_be_read(
    sandbox: Sandbox, vendor_http: VendorHTTP, remote_offer: tuple[Provider, Offer], moment: Moment
) -> None:
    provider, offer = remote_offer
    desk = Desk(sandbox, vendor_http, provider)
    sandbox.world.faults = Faults(1.0, kinds=(Fault.GARBAGE,), moments=(moment,))

    with pytest.raises(BrokenAnswer):
        await desk.ask_all(offer, [lead_named("Okafor")])


async def test_an_adapter_refuses_results_that_cannot_be_read_and_reads_them_afterwards(
    sandbox: Sandbox, vendor_http: VendorHTTP, polled_offer: tuple[Provider, Offer]
) -> None:
    provider, offer = polled_offer
    desk, lead = Desk(sandbox, vendor_http, provider), lead_named(f"Only-{provider.slug}")
    handle = await desk.submit(offer, lead)
    sandbox.world.faults = Faults(1.0, kinds=(Fault.GARBAGE,))

    with pytest.raises(BrokenAnswer):
        await desk.poll(offer, handle)

    sandbox.world.faults = None
    kind = kind_of(offer)
    assert expected(lead, kind, [provider.slug]) == shown(await desk.result(offer, handle), kind)


async def test_an_adapter_tells_results_that_are_not_ready(
    slow_sandbox: Sandbox, vendor_http: VendorHTTP, polled_offer: tuple[Provider, Offer]
) -> None:
    provider, offer = polled_offer
    desk = Desk(slow_sandbox, vendor_http, provider)
    handle = await desk.submit(offer, lead_named("Okafor"))

    assert isinstance(await desk.poll(offer, handle), NotReady)


async def test_a_key_check_tells_a_good_key_from_a_bad_one(
    sandbox: Sandbox, vendor_http: VendorHTTP, checked_provider: Provider
) -> None:
    check = checked_provider.key_check
    assert check is not None

    good = await Desk(sandbox, vendor_http, checked_provider).send(check)
    bad = await Desk(sandbox, vendor_http, checked_provider, "no-such-key").send(check)

    assert good.status == 200
    assert good.body != bad.body
    assert sandbox.books.entries() == []


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
    # So many ask at once that a stall of the machine would look like silence.
    return Resolver([f"{host}:{port}"], timeout_s=3.0)


async def test_the_built_in_finds_every_sample_lead_as_expected(
    sandbox: Sandbox, resolver: Resolver, prober: SmtpProber
) -> None:
    leads = [lead for lead in SAMPLE if lead.company_domain]
    controls = Controls()

    async def guess(lead: LeadInput) -> Guess:
        return await guess_address(
            lead.first_name or "",
            lead.last_name or "",
            lead.company_domain or "",
            resolver=resolver,
            prober=prober,
            controls=controls,
        )

    guesses = await asyncio.gather(*(until_not_put_off(guess, lead) for lead in leads))

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


async def until_not_put_off(
    guess: Callable[[LeadInput], Awaitable[Guess]], lead: LeadInput
) -> Guess:
    """Guess again as often as a runner's patience with a greylist lasts, at the sandbox's pace."""
    guessed = await guess(lead)
    for _ in range(REPEATS_MAX):
        if not isinstance(guessed, CouldNotAsk) or guessed.retry_after_s is None:
            break
        await asyncio.sleep(guessed.retry_after_s * TIME_SCALE)
        guessed = await guess(lead)
    return guessed


def shown_guess(guess: Guess) -> Expectation:
    """Write what guessing came to as expectations are written."""
    match guess:
        case Guessed(address=address):
            return Expectation(OutcomeName.FOUND, address)
        case NoneFits():
            return Expectation(OutcomeName.MISSING)
        case CouldNotAsk():
            return Expectation(OutcomeName.NO_ANSWER)

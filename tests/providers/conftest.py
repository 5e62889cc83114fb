"""The recorded answers of every vendor, and how a recorded case is played through an adapter.

A test that asks for `recorded_case` runs once for each case. A case is played over any sender, so
the same cases serve recorded answers, a local server and the sandbox.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aioresponses import aioresponses
from yarl import URL

from providers.contract import (
    AskAgain,
    Auth,
    Batched,
    Direct,
    Local,
    NotReady,
    Offer,
    Provider,
    Row,
    Submitted,
    Throttled,
    VendorAnswer,
    VendorFault,
    VendorRequest,
)
from providers.registry import all_providers
from service.domain.lead_input import LeadInput
from service.domain.outcome import Missing, Outcome
from service.edges.vendor_http import VendorHTTP

RECORDED = Path(__file__).parent / "recorded"
ROW_REFERENCE = "17"
SUBMISSION_REFERENCE = "submission-1"
CALLBACK_URL = "https://leadfall.test/callbacks/1"
SOMEBODY = LeadInput(first_name="Nadia", email="nadia@brightwater.leadfall")

Sender = Callable[[VendorRequest], Awaitable[VendorAnswer]]


@dataclass(frozen=True, slots=True)
class RecordedCase:
    """One exchange with a vendor and what must be read from it.

    Attributes:
        operation: what the provider calls the offer that it is about.
        requests: what must be asked; the last one stands for all that follow it.
        answers: what the vendor says, one to each request.
        expected: the end as `describe` writes it.
    """

    provider: Provider
    operation: str
    name: str
    lead: LeadInput
    requests: Sequence[dict[str, Any]]
    answers: Sequence[VendorAnswer]
    expected: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.provider.slug}-{self.operation}-{self.name}"

    @property
    def offer(self) -> Offer:
        """The offer that the case is about."""
        provider = self.provider
        return next(
            offer for offer in provider.every_offer() if provider.operation(offer) == self.operation
        )

    @property
    def requests_due(self) -> list[Mapping[str, Any]]:
        """One expected request for each recorded answer."""
        usual = {"file": None, "base_url": None, "key_field": "", "key_query": ""}
        last = len(self.requests) - 1
        return [usual | self.requests[min(turn, last)] for turn in range(len(self.answers))]


@dataclass(slots=True)
class Played:
    """What came of playing a case: its end, described, and the requests that led there."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that ask for a recorded case, a provider or an offer once for each."""
    if "recorded_case" in metafunc.fixturenames:
        metafunc.parametrize("recorded_case", list(recorded_cases()), ids=str)
    if "unknown_word_case" in metafunc.fixturenames:
        cases = [case for case in recorded_cases() if case.name.startswith("unknown_word")]
        metafunc.parametrize("unknown_word_case", cases, ids=str)
    if "declared_provider" in metafunc.fixturenames:
        every = list(all_providers().values())
        metafunc.parametrize("declared_provider", every, ids=[provider.slug for provider in every])
    if "remote_offer" in metafunc.fixturenames:
        remote = [
            (provider, offer)
            for provider in all_providers().values()
            for offer in provider.every_offer()
            if not isinstance(offer.shape, Local)
        ]
        ids = [f"{provider.slug}-{provider.operation(offer)}" for provider, offer in remote]
        metafunc.parametrize("remote_offer", remote, ids=ids)
    if "polled_offer" in metafunc.fixturenames:
        polled = [
            (provider, offer)
            for provider in all_providers().values()
            for offer in provider.every_offer()
            if isinstance(offer.shape, Submitted)
        ]
        ids = [f"{provider.slug}-{provider.operation(offer)}" for provider, offer in polled]
        metafunc.parametrize("polled_offer", polled, ids=ids)
    if "checked_provider" in metafunc.fixturenames:
        checked = [one for one in all_providers().values() if one.key_check is not None]
        metafunc.parametrize("checked_provider", checked, ids=[one.slug for one in checked])
    if "submitted_offer" in metafunc.fixturenames:
        submitted = {
            f"{provider.slug}-{provider.operation(offer)}": offer
            for provider in all_providers().values()
            for offer in provider.every_offer()
            if isinstance(offer.shape, Submitted)
        }
        metafunc.parametrize("submitted_offer", submitted.values(), ids=submitted)
    if "reader" in metafunc.fixturenames:
        readers = dict(_readers())
        metafunc.parametrize("reader", readers.values(), ids=readers)


def _readers() -> Iterator[tuple[str, Callable[[VendorAnswer], object]]]:
    """Yield every pure function that reads an answer, with a name for it."""
    for slug, provider in all_providers().items():
        for offer in provider.every_offer():
            name = f"{slug}-{provider.operation(offer)}"
            match offer.shape:
                case Direct(read=read):
                    yield name, partial(_read_for_somebody, read)
                case Batched(read=read):
                    yield name, partial(_read_for_some, read)
                case Submitted(read_handle=read_handle, read=read):
                    yield f"{name}-handle", partial(_read_for_some, read_handle)
                    yield f"{name}-results", partial(_read_for_some, read)


def _read_for_somebody(
    read: Callable[[VendorAnswer, LeadInput], object], answer: VendorAnswer
) -> object:
    return read(answer, SOMEBODY)


def _read_for_some(
    read: Callable[[VendorAnswer, Sequence[LeadInput]], object], answer: VendorAnswer
) -> object:
    return read(answer, [SOMEBODY])


def recorded_cases() -> Iterator[RecordedCase]:
    """Yield every recorded case of every vendor.

    The page's faults, and its answer to a submit, count for each operation that has no others.
    """
    for path in sorted(RECORDED.glob("*.json")):
        page = json.loads(path.read_text())
        provider = all_providers()[path.stem]
        for operation, section in page["operations"].items():
            cases = section["cases"] | _faults(page | section)
            for name, case in cases.items():
                yield RecordedCase(
                    provider=provider,
                    operation=operation,
                    name=name,
                    lead=LeadInput(**section["lead"]),
                    requests=section["requests"],
                    answers=[_answer(answer) for answer in case["answers"]],
                    expected=case["expected"],
                )


def _faults(page: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page's faults as cases: of the first request, and of a poll where there is one."""
    cases: dict[str, Any] = {}
    for name, fault in page["faults"].items():
        cases[name] = {"answers": [fault["answer"]], "expected": fault["expected"]}
        if "accepted" in page:
            answers = [page["accepted"], fault["answer"]]
            cases[f"{name}_while_polling"] = {"answers": answers, "expected": fault["expected"]}
    return cases


def _answer(raw: Mapping[str, Any]) -> VendorAnswer:
    text = json.dumps(raw["json"]) if "json" in raw else raw["text"]
    headers = {name.lower(): value for name, value in raw.get("headers", {}).items()}
    return VendorAnswer(raw["status"], headers, text.encode())


async def play(case: RecordedCase, send: Sender) -> Played:
    """Take a case as far as its recorded answers reach, and describe how it ends."""
    played = Played()

    async def send_and_note(request: VendorRequest) -> VendorAnswer:
        played.requests.append(asdict(request))
        return await send(request)

    try:
        played.end = describe(await _play(case, send_and_note))
    except VendorFault as fault:
        played.end = describe(fault)
    return played


async def _play(case: RecordedCase, send: Sender) -> Outcome | AskAgain | NotReady:
    shape = case.offer.shape
    if isinstance(shape, Direct):
        return await _play_direct(shape, case, send)
    if isinstance(shape, Batched):
        row = Row(ROW_REFERENCE, case.lead)
        read = shape.read(await send(shape.request([row])), [case.lead])
        return read.get(shape.name_of(row), Missing())
    assert isinstance(shape, Submitted)
    return await _play_submitted(shape, case, send)


async def _play_direct(shape: Direct, case: RecordedCase, send: Sender) -> Outcome | AskAgain:
    end = shape.read(await send(shape.request(case.lead)), case.lead)
    for _ in case.answers[1:]:
        assert isinstance(end, AskAgain)
        end = shape.read(await send(shape.request(case.lead)), case.lead)
    return end


async def _play_submitted(shape: Submitted, case: RecordedCase, send: Sender) -> Outcome | NotReady:
    rows = [Row(ROW_REFERENCE, case.lead)]
    leads = [case.lead]
    submitted = await send(shape.submit(rows, SUBMISSION_REFERENCE, CALLBACK_URL))
    handle = shape.read_handle(submitted, leads)
    end: Mapping[str, Outcome] | NotReady | VendorRequest = NotReady()
    for _ in case.answers[1:]:
        assert isinstance(end, NotReady | VendorRequest)
        request = end if isinstance(end, VendorRequest) else shape.poll(handle)
        end = shape.read(await send(request), leads)
    assert not isinstance(end, VendorRequest)
    return end if isinstance(end, NotReady) else end.get(shape.name_of(rows[0]), Missing())


def describe(end: Outcome | AskAgain | NotReady | VendorFault) -> dict[str, Any]:
    """Write an end in the words of the recorded pages."""
    if isinstance(end, VendorFault):
        waits = vars(end) if isinstance(end, Throttled) else {}
        return {"fault": end.slug} | waits
    if isinstance(end, AskAgain):
        return {"ask_again_s": end.after_s}
    if isinstance(end, NotReady):
        return {"not_ready": True}
    known = {name: getattr(end, name) for name in ("value", "reason") if hasattr(end, name)}
    return {"outcome": str(end.name)} | known


class RecordedResponse(aiohttp.ClientResponse):
    """A response without a writer: aioresponses builds its responses as aiohttp before 3.14 did."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, stream_writer=SimpleNamespace(output_size=0))  # type: ignore[arg-type]  # only its size is read


@dataclass(frozen=True, slots=True)
class Recording:
    """Vendors that answer as recorded, and what reached them."""

    mocked: aioresponses

    def expect(self, case: RecordedCase, api_key: str) -> None:
        """Let each request that the case should make be answered as recorded, once."""
        auth = case.provider.auth
        for request, answer in zip(case.requests_due, case.answers, strict=True):
            is_usual = auth.place == "query" and not request["key_field"]
            name = request["key_query"] or (auth.name if is_usual else "")
            key = {name: api_key} if name else {}
            url = URL((request["base_url"] or case.provider.base_url) + request["path"])
            self.mocked.add(
                str(url.with_query(request["query"] | key)),
                method=request["method"],
                status=answer.status,
                headers=dict(answer.headers),
                body=answer.body,
                response_class=RecordedResponse,
            )

    def keys_sent(self, auth: Auth, requests: Sequence[Mapping[str, Any]]) -> list[str | None]:
        """Return the key of each of these requests, as it stood in its place."""
        return [
            _key_sent(auth, url, call.kwargs, _request_to(url, requests))
            for (_, url), calls in self.mocked.requests.items()
            for call in calls
        ]


def _request_to(url: URL, requests: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(request for request in requests if url.path.endswith(request["path"]))


def _key_sent(
    auth: Auth, url: URL, sent: Mapping[str, Any], request: Mapping[str, Any]
) -> str | None:
    if request["key_field"]:
        in_body: str = json.loads(sent["data"])[request["key_field"]]
        return in_body
    if request["key_query"]:
        return url.query[request["key_query"]]
    key = (url.query if auth.place == "query" else sent["headers"])[auth.name]
    return key.removeprefix(auth.scheme) if key.startswith(auth.scheme) else None


@pytest.fixture
def recording() -> Iterator[Recording]:
    """Stand in for every vendor; a request that nobody expects fails as a refused connection."""
    with aioresponses() as mocked:
        yield Recording(mocked)


@pytest.fixture
async def vendor_http() -> AsyncIterator[VendorHTTP]:
    """The real edge, closed at the end of the test."""
    http = VendorHTTP()
    yield http
    await http.close()


@pytest.fixture(scope="session")
def recorded_case_names() -> Mapping[tuple[str, str], set[str]]:
    """The names of the recorded cases by slug and operation."""
    names: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for case in recorded_cases():
        names[case.provider.slug, case.operation].add(case.name)
    return names


@pytest.fixture(name="play")
def play_fixture() -> Callable[[RecordedCase, Sender], Awaitable[Played]]:
    """Give tests the player, since test files cannot import each other."""
    return play

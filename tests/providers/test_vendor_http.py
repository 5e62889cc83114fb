"""The vendor edge over real sockets: what it sends, what it bounds, and what it never tells."""

import asyncio
import re
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest
import structlog
from prometheus_client import REGISTRY, generate_latest

from providers.contract import (
    ANSWER_BYTES_MAX,
    Auth,
    BrokenAnswer,
    CredentialsRejected,
    Limits,
    Provider,
    VendorAnswer,
    VendorDown,
    VendorFault,
    VendorFile,
    VendorRequest,
    get,
    post,
)
from service.edges.vendor_http import VendorHTTP
from tests.providers.raw_vendor import (
    Talk,
    Vendor,
    answering,
    babble,
    compress,
    keep_silent,
    opened_vendor,
    pour,
    reset,
    saying,
    truncate,
)

KEY = "sk-4f9a17c2"
TIMEOUT_S = 5.0
SHORT_TIMEOUT_S = 0.2

Send = Callable[..., Awaitable[VendorAnswer]]


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """A vendor that answers `{}` until a test tells it otherwise."""
    async with opened_vendor() as vendor:
        yield vendor


@pytest.fixture
async def other_vendor() -> AsyncIterator[Vendor]:
    """A second one beside it."""
    async with opened_vendor() as vendor:
        yield vendor


@pytest.fixture
def provider(vendor: Vendor) -> Provider:
    """A declaration of that vendor, with the key in a header."""
    return Provider(
        slug="local",
        name="Local",
        base_url=vendor.base_url,
        auth=Auth("header", "Authorization", "Bearer "),
        limits=Limits(60, 1),
        offers=(),
        repeats="never",
        source="stated: this test",
    )


@pytest.fixture
def send(vendor_http: VendorHTTP, provider: Provider) -> Send:
    """Send a request to the vendor with the usual key and time."""
    return partial(vendor_http.send, provider, api_key=KEY, timeout_s=TIMEOUT_S)


@pytest.fixture
def send_queried(vendor_http: VendorHTTP, provider: Provider) -> Send:
    """Send with the key in the query, from where it gets into URLs and so into many texts."""
    queried = replace(provider, auth=Auth("query", "api_key"))
    return partial(vendor_http.send, queried, api_key=KEY, timeout_s=TIMEOUT_S)


async def test_a_get_carries_its_query_and_the_key_in_its_header(
    vendor: Vendor, send: Send
) -> None:
    """A plus in an address survives, and no compression is asked for."""
    answer = await send(get("/email-verifier", email="a+b@c.test", empty=None))

    line, *headers = vendor.heads[0].split("\r\n")
    assert line == "GET /v2/email-verifier?email=a%2Bb@c.test HTTP/1.1"
    assert f"Authorization: Bearer {KEY}" in headers
    assert "Accept-Encoding: identity" in headers
    assert answer == VendorAnswer(200, {"content-length": "2"}, b"{}")


async def test_a_post_carries_json(vendor: Vendor, send: Send) -> None:
    """The body arrives as compact UTF-8 JSON without the keys that are not known."""
    body = '{"name":"Zoë"}'.encode()
    read: list[bytes] = []

    async def read_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.append(await reader.readexactly(len(body)))
        await answering(b"{}")(reader, writer)

    vendor.talk = read_body

    await send(post("/people", {"name": "Zoë", "company": None}))

    assert [body] == read
    assert f"Content-Length: {len(body)}\r\n" in vendor.heads[0]
    assert "Content-Type: application/json\r\n" in vendor.heads[0]


@pytest.mark.parametrize("auth", [Auth("header", "X-Key"), Auth("query", "key")], ids=str)
async def test_a_key_can_go_into_the_body_and_then_nowhere_else(
    vendor: Vendor, vendor_http: VendorHTTP, provider: Provider, auth: Auth
) -> None:
    body = f'{{"api_key":"{KEY}","rows":[1]}}'.encode()
    read: list[bytes] = []

    async def read_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.append(await reader.readexactly(len(body)))
        await answering(b"{}")(reader, writer)

    vendor.talk = read_body
    request = replace(post("/many", {"rows": [1]}), key_field="api_key")

    await vendor_http.send(replace(provider, auth=auth), request, api_key=KEY, timeout_s=TIMEOUT_S)

    assert [body] == read
    assert KEY not in vendor.heads[0]
    assert KEY not in repr(request)


@pytest.mark.parametrize("auth", [Auth("header", "X-Key"), Auth("query", "api")], ids=str)
async def test_a_key_can_have_another_name_in_the_query_and_then_no_other_place(
    vendor: Vendor, vendor_http: VendorHTTP, provider: Provider, auth: Auth
) -> None:
    request = replace(get("/fileinfo", file_id="7"), key_query="key")

    await vendor_http.send(replace(provider, auth=auth), request, api_key=KEY, timeout_s=TIMEOUT_S)

    assert vendor.heads[0].startswith(f"GET /v2/fileinfo?file_id=7&key={KEY} HTTP/1.1")
    assert vendor.heads[0].count(KEY) == 1


async def test_a_key_that_no_query_can_carry_is_rejected_under_any_name(
    vendor: Vendor, send: Send
) -> None:
    with pytest.raises(CredentialsRejected):
        await send(replace(get("/fileinfo"), key_query="key"), api_key="two words")

    assert vendor.heads == []


async def test_a_file_is_sent_as_a_part_of_a_form(vendor: Vendor, send: Send) -> None:
    """It is UTF-8 and of a length that is told beforehand; nothing of it is in a repr."""
    read: list[bytes] = []

    async def read_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = re.search(r"Content-Length: (\d+)\r\n", vendor.heads[0])
        assert length is not None
        read.append(await reader.readexactly(int(length[1])))
        await answering(b"{}")(reader, writer)

    vendor.talk = read_body
    text = "email\nzoë@brightwater.test\n"
    request = VendorRequest("POST", "/upload", file=VendorFile("contents", "17.csv", text))

    await send(request)

    boundary = re.search("Content-Type: multipart/form-data; boundary=(\\w+)\r\n", vendor.heads[0])
    assert boundary is not None
    head, _, body = read[0].partition(b"\r\n\r\n")
    assert b'form-data; name="contents"; filename="17.csv"' in head
    assert b"Content-Type: text/csv" in head
    assert body == text.encode() + f"\r\n--{boundary[1]}--\r\n".encode()
    assert "brightwater" not in repr(request)


@pytest.mark.parametrize("is_set_by_operator", [True, False])
async def test_a_request_may_go_to_another_place_unless_the_operator_says_where(
    vendor: Vendor, other_vendor: Vendor, send: Send, *, is_set_by_operator: bool
) -> None:
    elsewhere = replace(get("/many"), base_url=other_vendor.base_url)

    await send(elsewhere, base_url=vendor.base_url if is_set_by_operator else None)

    assert [is_set_by_operator, not is_set_by_operator] == [
        bool(each.heads) for each in (vendor, other_vendor)
    ]


async def test_cookies_are_not_kept(vendor: Vendor, send: Send) -> None:
    """What one customer's request was handed is not shown with the next one's."""
    vendor.talk = answering(b"{}", "Set-Cookie: session=1; Path=/")
    await send(get("/x"))

    await send(get("/x"))

    assert "cookie" not in vendor.heads[1].lower()


async def test_a_redirect_is_an_answer_and_not_an_order(vendor: Vendor, send: Send) -> None:
    """The key goes to nobody whom a vendor names."""
    vendor.talk = answering(b"", f"Location: {vendor.base_url}/elsewhere", status="302 Found")

    answer = await send(get("/x"))

    assert answer.status == 302
    assert len(vendor.heads) == 1


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", '{"name":"Zoë"}'.encode("latin-1"), b"\xff\xfe{\x00}\x00"],
    ids=["html", "empty", "latin-1", "utf-16"],
)
async def test_a_body_that_is_not_json_in_utf_8_is_broken(
    vendor: Vendor, send: Send, body: bytes
) -> None:
    """It arrives as bytes, whatever charset it claims, and reading it is a fault."""
    vendor.talk = answering(body, "Content-Type: application/json; charset=latin-1")
    answer = await send(get("/x"))

    with pytest.raises(BrokenAnswer):
        answer.json()


@pytest.mark.parametrize(
    "talk",
    [
        truncate,
        babble,
        compress,
        answering(b"x" * (ANSWER_BYTES_MAX + 1)),
        answering(b"{}", "X-Long: " + "x" * 100_000),
    ],
    ids=["truncated", "not-http", "compressed", "oversized", "oversized-header"],
)
async def test_an_answer_that_cannot_be_taken_whole_is_broken(
    vendor: Vendor, send: Send, talk: Talk
) -> None:
    """Cut short, not HTTP, compressed or too large: one fault, and the next request is fine."""
    vendor.talk = talk
    with pytest.raises(BrokenAnswer):
        await send(get("/x"))

    vendor.talk = answering(b"{}")
    assert (await send(get("/x"))).status == 200


async def test_an_answer_of_the_largest_size_is_taken(vendor: Vendor, send: Send) -> None:
    """The bound itself is within bounds."""
    vendor.talk = answering(b"x" * ANSWER_BYTES_MAX)

    answer = await send(get("/x"))

    assert len(answer.body) == ANSWER_BYTES_MAX


async def test_an_endless_answer_is_left(vendor: Vendor, send: Send) -> None:
    """Its connection is closed at the bound and does not go back to the pool."""
    vendor.talk = pour

    with pytest.raises(BrokenAnswer):
        await send(get("/x"))

    async with asyncio.timeout(TIMEOUT_S):
        await vendor.left.wait()


@pytest.mark.parametrize(
    "talk",
    [
        keep_silent,
        reset,
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Le"),
    ],
    ids=["silent", "reset", "stalled-in-the-body", "stalled-in-the-head"],
)
async def test_no_answer_in_time_may_have_been_a_sent_request(
    vendor: Vendor, send: Send, talk: Talk
) -> None:
    """Once a connection stood, nobody can say that the vendor did not see the request."""
    vendor.talk = talk

    with pytest.raises(VendorDown) as caught:
        await send(get("/x"), timeout_s=SHORT_TIMEOUT_S)

    assert caught.value.sent
    assert len(vendor.heads) == 1


async def test_a_refused_connection_is_a_request_not_sent(unused_tcp_port: int, send: Send) -> None:
    """Nobody listens there, so asking again cannot cost twice."""
    with pytest.raises(VendorDown) as caught:
        await send(get("/x"), base_url=f"http://127.0.0.1:{unused_tcp_port}")

    assert not caught.value.sent


async def test_a_vendor_with_all_connections_taken_delays_itself_alone(
    vendor: Vendor, other_vendor: Vendor, provider: Provider
) -> None:
    """Its next request runs out of time unsent, while another base URL is asked at once."""
    http = VendorHTTP(connections_per_vendor_max=1)
    vendor.talk = keep_silent
    send = partial(http.send, provider, get("/x"), api_key=KEY)
    first = asyncio.create_task(send(timeout_s=TIMEOUT_S))
    await asyncio.wait_for(vendor.asked.wait(), TIMEOUT_S)

    with pytest.raises(VendorDown) as caught:
        await send(timeout_s=SHORT_TIMEOUT_S)
    elsewhere = await send(base_url=other_vendor.base_url + "/", timeout_s=TIMEOUT_S)

    assert not caught.value.sent
    assert elsewhere.status == 200
    assert other_vendor.heads[0].startswith("GET /v2/x HTTP/1.1")
    first.cancel()
    await asyncio.wait([first])
    await http.close()


async def test_a_get_on_a_dying_connection_is_not_repeated(vendor: Vendor, send: Send) -> None:
    """A GET can cost money: when its connection dies under it, only the runner may repeat it."""
    await send(get("/x"))
    vendor.talk = reset

    with pytest.raises(VendorDown) as caught:
        await send(get("/x"))

    assert caught.value.sent
    assert len(vendor.heads) == 2


@pytest.mark.parametrize("api_key", ["", "two words", "line\r\nX-Evil: 1", "clé", "nul\0"])
async def test_a_key_no_header_can_carry_is_rejected_before_sending(
    vendor: Vendor, send: Send, api_key: str
) -> None:
    """It is the credentials that are at fault, and nothing is sent."""
    with pytest.raises(CredentialsRejected):
        await send(get("/x"), api_key=api_key)

    assert vendor.heads == []


@pytest.mark.parametrize(
    "talk",
    [keep_silent, reset, truncate, babble, compress, pour],
    ids=["silent", "reset", "truncated", "not-http", "compressed", "endless"],
)
async def test_a_key_in_the_query_is_told_to_nobody_else(
    vendor: Vendor,
    send_queried: Send,
    talk: Talk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither a header, the fault, what it carries along, a log line nor a metric shows it."""
    vendor.talk = talk
    caplog.set_level("DEBUG")

    with structlog.testing.capture_logs() as events, pytest.raises(VendorFault) as caught:
        await send_queried(get("/x", q="1"), timeout_s=SHORT_TIMEOUT_S)

    fault = caught.value
    shown = [*traceback.format_exception(fault), repr(fault), str(events), caplog.text]
    told = "".join(shown) + generate_latest().decode()
    assert vendor.heads[0].startswith(f"GET /v2/x?q=1&api_key={KEY} HTTP/1.1")
    assert vendor.heads[0].count(KEY) == 1
    assert KEY not in told
    assert fault.__context__ is None
    assert fault.__cause__ is None


async def test_requests_are_counted_by_what_came_of_them(
    vendor: Vendor,
    send: Send,
    unused_tcp_port: int,
) -> None:
    """The duration's own count tells how many requests ended how, for each provider."""
    before = _request_counts()

    await send(get("/x"))
    vendor.talk = reset
    with pytest.raises(VendorDown):
        await send(get("/x"))
    with pytest.raises(VendorDown):
        await send(get("/x"), base_url=f"http://127.0.0.1:{unused_tcp_port}")

    assert {name: count + 1 for name, count in before.items()} == _request_counts()


def _request_counts() -> dict[str, float]:
    return {
        result: REGISTRY.get_sample_value(
            "leadfall_vendor_request_seconds_count", {"provider": "local", "result": result}
        )
        or 0
        for result in ("2xx", "vendor_down", "unsent")
    }

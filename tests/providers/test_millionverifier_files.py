"""A file of addresses at MillionVerifier: each gets its own verdict, whatever its report says."""

import csv
from io import StringIO

import orjson
import pytest

from providers.contract import (
    BrokenAnswer,
    NotReady,
    Row,
    Submitted,
    VendorAnswer,
    VendorRequest,
)
from providers.registry import all_providers
from service.domain.kinds import Capability
from service.domain.lead_input import LeadInput
from service.domain.outcome import Found, NoAnswer, Outcome

NADIA, BOB, EVE = (f"{name}@brightwater.leadfall" for name in ("nadia", "bob", "eve"))
HEADER = "email,quality,result,free,role"
VERDICTS = {"ok": "deliverable", "invalid": "undeliverable", "catch_all": "risky"}
REASONS = {"ok": "accepted_email", "invalid": "no_mailbox", "catch_all": "catch_all"}


def shape() -> Submitted:
    offer = all_providers()["millionverifier"].offer(Capability.VERIFY_EMAIL)
    assert offer is not None
    assert offer.bulk is not None
    assert isinstance(offer.bulk.shape, Submitted)
    return offer.bulk.shape


def rows_of(*addresses: str) -> list[Row]:
    return [Row(f"{place}", LeadInput(email=each)) for place, each in enumerate(addresses)]


def read(addresses: list[str], *lines: str, header: str = HEADER) -> list[Outcome | None]:
    """Return what each address gets, by the name that its row has."""
    rows = rows_of(*addresses)
    body = "".join(f"{line}\n" for line in (header, *lines)).encode()
    outcomes = shape().read(VendorAnswer(200, body=body), [row.lead for row in rows])
    assert isinstance(outcomes, dict)
    return [outcomes.get(shape().name_of(row)) for row in rows]


def line(address: str, result: str) -> str:
    return f"{address},good,{result},no,no"


def verdict(address: str, result: str) -> Found:
    return Found({"email": address, "verdict": VERDICTS[result], "reason": REASONS[result]})


def uploaded(*addresses: str) -> list[list[str]]:
    request = shape().submit(rows_of(*addresses), "leadfall-1", None)
    assert request.file is not None
    return list(csv.reader(StringIO(request.file.text)))


@pytest.mark.parametrize("order", [1, -1])
def test_each_address_gets_its_own_verdict_in_any_order_and_spelling(order: int) -> None:
    lines = [line(NADIA, "ok"), line(BOB.upper(), "invalid"), f'" {EVE} ",x,Catch-All,no,no']

    assert read([NADIA, BOB, EVE], *lines[::order]) == [
        verdict(NADIA, "ok"),
        verdict(BOB, "invalid"),
        verdict(EVE, "catch_all"),
    ]


def test_an_address_that_is_missing_or_a_strangers_costs_nobody_else() -> None:
    stranger = line("zoe@hollow.leadfall", "invalid")

    assert read([NADIA, BOB, EVE], line(EVE, "ok"), stranger, line(NADIA, "ok")) == [
        verdict(NADIA, "ok"),
        None,
        verdict(EVE, "ok"),
    ]


@pytest.mark.parametrize(
    "strange", ["", ",,,,", "bob", '"bob@', f"{BOB}", f"{BOB},good,,no,no", "a,b,c,d,e,f,g"]
)
def test_a_strange_row_costs_only_itself(strange: str) -> None:
    nadia, bob, eve = read([NADIA, BOB, EVE], line(NADIA, "ok"), strange, line(EVE, "invalid"))

    assert (nadia, eve) == (verdict(NADIA, "ok"), verdict(EVE, "invalid"))
    assert bob in {None, NoAnswer("broken_answer")}


def test_a_row_that_the_vendor_refused_is_no_answer_beside_good_ones() -> None:
    assert read([NADIA, BOB], line(BOB, "error"), line(NADIA, "ok")) == [
        verdict(NADIA, "ok"),
        NoAnswer("result_error"),
    ]


def test_an_address_is_uploaded_once_and_both_rows_get_the_verdict() -> None:
    again = NADIA.replace("nadia", "Nadia")

    assert uploaded(NADIA, again, BOB) == [["email"], [again], [BOB]]
    assert read([NADIA, again], line(NADIA, "ok")) == [verdict(again, "ok")] * 2


def test_whose_lead_was_erased_meanwhile_leaves_the_others_their_verdicts() -> None:
    lines = [line(NADIA, "invalid"), line(BOB, "ok"), line(EVE, "catch_all")]

    assert read([BOB, EVE], *lines) == [verdict(BOB, "ok"), verdict(EVE, "catch_all")]


@pytest.mark.parametrize("address", ['"a,b"@x.leadfall', "a\nb@x.leadfall", '"@x.leadfall'])
def test_an_address_is_one_row_whatever_is_in_it(address: str) -> None:
    """Else it would be read, and paid for, as another one's."""
    assert uploaded(address, BOB) == [["email"], [address], [BOB]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"\xff\xfe",
        b"nadia@brightwater.leadfall,good,ok,no,no\n",
        b"email,quality\nnadia@brightwater.leadfall,good\n",
        HEADER.encode() + b"\n" + b"a@x.leadfall,good,ok,no,no\n" * 1_000,
    ],
    ids=["empty", "blank", "binary", "without-header", "without-results", "too-long"],
)
def test_what_is_no_report_is_broken(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        shape().read(VendorAnswer(200, body=body), [LeadInput(email=NADIA)])


@pytest.mark.parametrize("file_id", ["940", 940, 25645547490])
def test_a_file_is_called_the_same_as_a_number_and_as_a_text(file_id: object) -> None:
    body = {"file_id": file_id, "status": "in_progress", "error": ""}
    answer = VendorAnswer(200, body=orjson.dumps(body))

    assert f"{file_id}" == shape().read_handle(answer, [])
    assert isinstance(shape().read(answer, []), NotReady)


def test_a_finished_file_is_fetched_whole_from_where_it_was_looked_after() -> None:
    looked = shape().poll("940")
    answer = VendorAnswer(200, body=orjson.dumps({"file_id": "940", "status": "Finished"}))

    fetch = shape().read(answer, [])

    assert isinstance(fetch, VendorRequest)
    assert (fetch.method, fetch.path) == ("GET", "/download")
    assert fetch.query == {"file_id": "940", "filter": "all"}
    assert (fetch.base_url, fetch.key_query) == (looked.base_url, "key")

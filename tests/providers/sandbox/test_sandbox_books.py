"""What the books keep, and how they are read over HTTP."""

import aiohttp

from providers.sandbox.books import Books
from providers.sandbox.server import Sandbox


def record(books: Books, identity: str, *, charge_thousandths: int = 1_000) -> int:
    return books.record(
        "hunter",
        "find_email",
        "found" if charge_thousandths else "missing",
        key="sandbox",
        identity=identity,
        charge_thousandths=charge_thousandths,
    )


def test_rows_come_in_order_and_in_pages() -> None:
    books = Books()
    record(books, "a")
    record(books, "b", charge_thousandths=0)
    record(books, "c")

    page = books.entries(after=0, limit=1)

    assert [(e.sequence, e.outcome, e.credits) for e in page] == [(1, "missing", 0.0)]
    assert books.entries(after=2) == []


def test_a_repeat_counts_per_person_vendor_and_capability() -> None:
    books = Books()
    record(books, "a")
    record(books, "a", charge_thousandths=0)
    record(books, "b")

    (repeat,) = books.summary()["repeats"]

    assert (repeat["count"], repeat["charged_count"]) == (2, 1)


def test_full_books_go_on_counting_the_money() -> None:
    books = Books(rows_max=1)

    assert [record(books, "a"), record(books, "b")] == [0, -1]
    books.mark_delivered(-1)
    summary = books.summary()
    assert (summary["rows"], summary["rows_dropped"], summary["credits"]["hunter"]) == (1, 1, 2.0)


def test_no_row_repeats_who_it_is_about() -> None:
    books = Books()
    record(books, "nadia|okafor|brightwater.leadfall")

    assert "okafor" not in str(books.entry(0).as_json())


async def test_the_books_are_read_over_http(
    sandbox: Sandbox, client: aiohttp.ClientSession
) -> None:
    record(sandbox.books, "a")
    record(sandbox.books, "b")
    url = f"{sandbox.addresses.http_url}/_books"

    async with client.get(url, params={"after": "0"}) as answer:
        page = await answer.json()
    async with client.get(f"{url}/summary") as answer:
        summary = await answer.json()

    assert ([entry["sequence"] for entry in page["entries"]], page["next_after"]) == ([1], 1)
    assert summary["counts"] == [
        {"vendor": "hunter", "capability": "find_email", "outcome": "found", "count": 2}
    ]
    assert summary["undelivered"] == 2

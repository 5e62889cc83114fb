"""Importing leads from CSV."""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from service.domain.csv_rows import NOT_CLOSED, ROW_LINES_MAX
from service.domain.lead_filter import EQUALS, VALUE_CHARACTERS_MAX
from service.errors import InvalidRequest
from service.flows.create_list import create_list, make_list
from service.flows.import_leads import BATCH_ROWS, ERRORS_MAX, BadRow, ImportReport, import_leads
from service.store.connection import Connection, Pool, open_pool

HEADER = "first_name,last_name,email,phone,country\n"


@dataclass(frozen=True, slots=True)
class Book:
    """A workspace with an empty list."""

    pool: Pool
    workspace_id: int
    list_id: int

    async def read(self, text: str) -> ImportReport:
        """Import a file."""
        return await import_leads(
            self.pool, self.workspace_id, self.list_id, io.StringIO(text, newline="")
        )

    async def rows(self, columns: str) -> list[tuple[Any, ...]]:
        """Return columns of the leads in the list, in order."""
        async with self.pool.acquire() as connection:
            found = await connection.fetch(
                f"select {columns} from leads l join list_leads m on m.lead_id = l.id "
                "where m.list_id = $1 order by l.id",
                self.list_id,
            )
        return [tuple(row) for row in found]


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[Book]:
    """An empty list."""
    pool = await open_pool(database_url, size_max=2, role="test")
    async with pool.acquire() as connection:
        workspace_id = await connection.fetchval(
            "insert into workspaces (public_id, name) values (repeat('a', 24), 'x') returning id"
        )
    yield Book(pool, workspace_id, (await create_list(pool, workspace_id, "people")).id)
    await pool.close()


async def test_rows_become_leads_in_the_order_of_the_file(book: Book) -> None:
    """Every known column goes to its place; addresses are kept in lower case."""
    report = await book.read(
        HEADER + "Ada,Ng,Ada@X.example,(415) 555-0100,us\nBo,,,nonsense,\n,,cy@x.example,,\n"
    )

    assert (report.imported, report.bad, report.errors) == (3, 0, [])
    assert await book.rows("first_name, email, email_parses, phone, phone_e164") == [
        ("Ada", "ada@x.example", True, "(415) 555-0100", "+14155550100"),
        ("Bo", None, False, "nonsense", None),
        (None, "cy@x.example", True, None, None),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "First Name,LAST_NAME, Email ",
        "\ufefffirst-name,last name,email address",
        "firstName,LastName,E-mail\n".replace("E-mail", "EMAIL").strip(),
    ],
)
async def test_header_spellings(book: Book, header: str) -> None:
    """Case, spaces and hyphens in the header make no difference."""
    report = await book.read(f"{header}\nAda,Ng,ada@x.example\n")

    assert report.imported == 1
    assert await book.rows("first_name, last_name, email") == [("Ada", "Ng", "ada@x.example")]


async def test_other_columns_become_custom_fields(book: Book) -> None:
    """A column without a place of its own is kept with the lead."""
    await book.read("email,Favourite Colour\nada@x.example,blue\n")

    assert await book.rows("custom_fields") == [({"favourite_colour": "blue"},)]


@pytest.mark.parametrize("column", sorted(EQUALS))
async def test_the_longest_words_of_filters_fit_their_indexes(book: Book, column: str) -> None:
    """The longest a filter can name goes in, all three at once; one character more does not."""
    longest = "".join(chr(0x1F000 + n) for n in range(VALUE_CHARACTERS_MAX))
    values = dict.fromkeys(EQUALS, longest)

    fits, too_long = [
        await book.read(f"first_name,{','.join(each)}\nAda,{','.join(each.values())}\n")
        for each in (values, {**values, column: f"{longest}x"})
    ]

    assert fits.imported == 1
    assert too_long.errors == [BadRow(2, f"{column} has more than 200 characters")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Ada,Ng,not-an-address,,", "email is not an e-mail address"),
        (",,,+14155550100,us", "the row has neither a name nor an email"),
        ("A\0da,Ng,,,", "first_name contains a NUL character"),
        ("x" * 501 + ",Ng,,,", "first_name has more than 500 characters"),
        ("Ada\udcff,Ng,,,", "first_name is not UTF-8"),
        ("Ada,Ng,,,,,,", "the row has more fields than the header"),
        ('"' + "x" * 140_000 + '",Ng,,,', "the row is not CSV, or a field in it is far too long"),
        ("Ada,Ng,TAKEN@x.example,,", "a lead with this email is there already"),
    ],
)
async def test_a_bad_row_is_reported_and_the_others_go_in(
    book: Book, row: str, reason: str
) -> None:
    """The report names line and reason; rows before and after are imported."""
    report = await book.read(f"{HEADER}Bo,Li,taken@x.example,,\n{row}\nCy,Om,,,\n")

    assert report.errors == [BadRow(3, reason)]
    assert (report.imported, report.bad) == (2, 1)
    assert await book.rows("first_name") == [("Bo",), ("Cy",)]


async def test_lines_are_counted_through_quoted_line_breaks(book: Book) -> None:
    """A row that spans lines, and empty lines, leave the numbers right."""
    report = await book.read(f'{HEADER}"Ada\nMaria",Ng,,,\n\n,,,1,\n')

    assert report.imported == 1
    assert [error.line for error in report.errors] == [5]


@pytest.mark.parametrize("after_count", [50, ROW_LINES_MAX + 50])
@pytest.mark.parametrize(
    "after",
    ["First,Last,,,\n", 'First,"Last",,,\n', '"First, quoted",Last,,,\n', 'First",Last,,,\n'],
    ids=["no quotes", "a quoted field", "a quoted comma", "an odd quote"],
)
async def test_one_stray_quote_costs_one_row(book: Book, after: str, after_count: int) -> None:
    """A quotation mark that is never closed, or closed rows later, takes no other row with it."""
    before = "First,Last,,,\n" * 4

    report = await book.read(f'{HEADER}{before}Ada,"Ng,,,\n{after * after_count}')

    assert report.errors == [BadRow(6, NOT_CLOSED)]
    assert (report.imported, report.bad) == (4 + after_count, 1)


@pytest.mark.parametrize("parting", [";", "\t"], ids=["semicolons", "tabs"])
async def test_a_file_of_a_spreadsheet_without_commas(book: Book, parting: str) -> None:
    """Its first line tells by what fields are parted; commas in them are then part of a text."""
    rows = ["first_name,last_name,location", "Ada,Ng,Rome", 'Bo,"Li"" or ""Lee",Oslo', "Cy,,,"]
    text = "\r\n".join(row.replace(",", parting) for row in rows).replace("Rome", "Rome, Italy")

    report = await book.read(f"\ufeff{text}\r\n")

    assert report.errors == [BadRow(4, "the row has more fields than the header")]
    assert await book.rows("first_name, last_name, location") == [
        ("Ada", "Ng", "Rome, Italy"),
        ("Bo", 'Li" or "Lee', "Oslo"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '"location, as text";first_name;last_name\nRome;Ada;Ng\n',
        '"first_name";"a\tb";last_name\nAda;x;Ng\n',
        'first_name,last_name,"a;b"\nAda,Ng,x\n',
    ],
    ids=["a quoted comma", "a quoted tab", "a quoted semicolon"],
)
async def test_what_a_heading_quotes_parts_no_fields(book: Book, text: str) -> None:
    """A comma within the quotation marks of a heading is part of its name."""
    await book.read(text)

    assert await book.rows("first_name, last_name") == [("Ada", "Ng")]


async def test_a_stray_quote_in_the_last_row(book: Book) -> None:
    """The end of the file does not hide it."""
    report = await book.read(f'{HEADER}Ada,Ng,,,\nBo,"Li,,,')

    assert (report.imported, report.errors) == (1, [BadRow(3, NOT_CLOSED)])


async def test_a_stray_quote_in_the_header(book: Book) -> None:
    """Without a header nothing can be told apart."""
    with pytest.raises(InvalidRequest, match="The first line must name the columns"):
        await book.read('first_name,"last_name\nAda,Ng\n')


async def test_a_list_is_made_with_the_first_lead_in_it(book: Book) -> None:
    """A list that is to be made takes the rows of every batch."""
    report = await import_into_new_list(book, HEADER + "First,Last,,,\n" * (BATCH_ROWS + 1))

    assert report.list_id is not None
    assert await replace(book, list_id=report.list_id).rows("first_name") == [("First",)] * 1_001
    assert await list_names(book) == ["people", "new"]


@pytest.mark.parametrize(
    "rows",
    ["", ",,,1,\n" * 3, "Bo,Li,taken@x.example,,\n"],
    ids=["no rows", "bad rows", "a lead that is there"],
)
async def test_no_list_is_made_for_nothing(book: Book, rows: str) -> None:
    """Where no row goes in, nothing is left behind."""
    await book.read(f"{HEADER}Bo,Li,taken@x.example,,\n")

    report = await import_into_new_list(book, HEADER + rows)

    assert (report.list_id, report.imported) == (None, 0)
    assert await list_names(book) == ["people"]


async def import_into_new_list(book: Book, text: str) -> ImportReport:
    """Import a file into a list that is yet to be made."""

    async def make(connection: Connection) -> int:
        return (await make_list(connection, book.workspace_id, "new")).id

    return await import_leads(book.pool, book.workspace_id, make, io.StringIO(text, newline=""))


async def list_names(book: Book) -> list[str]:
    """Return the names of the workspace's lists, oldest first."""
    async with book.pool.acquire() as connection:
        return [row["name"] for row in await connection.fetch("select name from lists order by id")]


async def test_an_address_that_is_there_already_is_reported(book: Book) -> None:
    """Importing a file twice adds nothing the second time."""
    text = HEADER + "Ada,Ng,ada@x.example,,\nBo,Li,bo@x.example,,\n"
    await book.read(text)

    report = await book.read(text)

    assert (report.imported, report.bad) == (0, 2)


async def test_many_rows_go_in_batches_and_errors_are_bounded(book: Book) -> None:
    """Progress is told per batch; every bad row is counted, the first ones are kept."""
    good = "".join(f"First{number},Last,,,\n" for number in range(BATCH_ROWS))
    bad = ",,,1,\n" * (ERRORS_MAX + 5)
    reached: list[int] = []

    report = await import_leads(
        book.pool,
        book.workspace_id,
        book.list_id,
        io.StringIO(HEADER + good + bad),
        on_progress=reached.append,
    )

    assert (report.imported, report.bad, len(report.errors)) == (1_000, 1_005, 1_000)
    assert reached == [1_001, 2_001, 2_006]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must name the columns"),
        ("a,b,c\n1,2,3\n", "must name the columns"),
        ("email,Email\nx,y\n", "names a column twice"),
        ("email," + ",".join(f"c{number}" for number in range(51)) + "\n", "At most 50"),
    ],
)
async def test_a_file_without_a_usable_header(book: Book, text: str, said: str) -> None:
    """Nothing is imported when the columns are not known."""
    with pytest.raises(InvalidRequest, match=said):
        await book.read(text)

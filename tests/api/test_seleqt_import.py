"""Importing people into a list, from CSV or JSON."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.api.sendkit.lead_upload import ROWS_MAX
from service.api.upload_places import UPLOADS_PER_WORKSPACE_MAX
from tests.api.sendkit_calls import upload
from tests.api.stage import Stage
from tests.api.test_seleqt_lists import post

CSV = """First Name,Last Name,Company Domain,Email,Shoe size
Ada,Ng,ada.example,ada@ok.example,38
,,,,
Bo,Li,bo.example,not an address,41
Cy,Wu,cy.example,ADA@ok.example,
Di,"Ro
se",di.example,,
,,nobody.example,,
"""


async def import_csv(stage: Stage, data: Any, content_type: str = "text/csv") -> tuple[int, Any]:
    """Send a CSV body; return status and body of the answer."""
    headers = {"X-API-Key": stage.tenant.seleqt_key.text, "Content-Type": content_type}
    path = f"/api/v1/public/lead-lists/{stage.tenant.people_list}/import/"
    async with stage.client.post(path, data=data, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_csv_goes_in_and_bad_rows_are_told_by_line(stage: Stage) -> None:
    """The good rows are in the list; each bad one is named by its line with a reason."""
    status, report = await import_csv(stage, CSV.encode())
    page = await stage.get_seleqt("leads/")

    assert status == 200
    assert report == {
        "success": True,
        "imported_count": 2,
        "failed_count": 3,
        "errors": [
            {"line": 4, "error": "email is not an e-mail address"},
            {"line": 5, "error": "a lead with this email is there already"},
            {"line": 8, "error": "the row has neither a name nor an email"},
        ],
        "errors_are_capped": False,
    }
    assert [(row["first_name"], row["custom_fields"]) for row in page["prospects"]] == [
        ("Ada", {"shoe_size": "38"}),
        ("Di", {}),
    ]


async def test_csv_is_streamed_beyond_the_bound_of_other_bodies(stage: Stage) -> None:
    """A body of several megabytes arrives piece by piece and goes in, in whole batches."""
    filler = "x" * 450

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first_name,last_name,headline\n"
        for start in range(0, 12_000, 1_000):
            yield "".join(
                f"First{number},{filler},{filler}\n" for number in range(start, start + 1_000)
            ).encode()

    status, report = await import_csv(stage, pieces(), "text/csv; charset=utf-8")

    assert (status, report["imported_count"], report["failed_count"]) == (200, 12_000, 0)


async def test_json_goes_in_and_bad_people_are_told_by_place(stage: Stage) -> None:
    """Names of fields are read as headings of columns are; others become custom fields."""
    prospects = [
        {"firstName": "Ada", "company": "Zeta", "shoe size": 38},
        {"first_name": "Bo", "email": "not an address"},
        "Cy",
        {"first_name": "Di", "tags": ["a"]},
        {"first_name": "Ed", "FirstName": "Eddy"},
        {"first_name": "Flo", "email": None, "phone_number": "+1 415 555 0100"},
        {"first_name": "Gus", "subscribed": True},
    ]

    status, report = await post(
        stage, f"lead-lists/{stage.tenant.people_list}/import/", {"prospects": prospects}
    )
    page = await stage.get_seleqt("leads/")

    assert status == 200
    assert (report["imported_count"], report["failed_count"]) == (2, 5)
    assert [each["index"] for each in report["errors"]] == [2, 3, 4, 5, 7]
    assert [
        (row["first_name"], row["company"]["name"], row["phone_number"], row["custom_fields"])
        for row in page["prospects"]
    ] == [("Ada", "Zeta", None, {"shoe_size": "38"}), ("Flo", None, "+14155550100", {})]


async def test_a_bare_array_is_json_too(stage: Stage) -> None:
    """An array needs no name around it."""
    status, report = await post(
        stage, f"lead-lists/{stage.tenant.people_list}/import", [{"first_name": "Ada"}]
    )

    assert (status, report["imported_count"]) == (200, 1)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ([], 400, "must be a JSON array of people"),
        ({"people": []}, 400, "must be a JSON array of people"),
        ([{"first_name": "A"}] * 5_001, 400, "at most 5000 people"),
        ([{"first_name": "A\0"}], 400, "NUL character"),
    ],
)
async def test_bad_json(stage: Stage, body: Any, status: int, said: str) -> None:
    """What is not an array of people, or too long a one, is refused as a whole."""
    answered, answer = await post(stage, f"lead-lists/{stage.tenant.people_list}/import/", body)

    assert answered == status
    assert said in answer["error"]


@pytest.mark.parametrize(
    ("data", "content_type", "status", "said"),
    [
        (b"a,b\n1,2\n", "text/csv", 400, "must name the columns"),
        (b"", "text/csv", 400, "must name the columns"),
        (b"first_name\nAda\n", "text/csv; charset=latin-1", 415, "Unsupported media type"),
        (b"<a/>", "application/xml", 415, "Unsupported media type"),
        (b"[", "application/json", 400, "not valid JSON"),
    ],
)
async def test_bad_bodies(
    stage: Stage, data: bytes, content_type: str, status: int, said: str
) -> None:
    """What cannot be read is refused with what to send instead."""
    answered, answer = await import_csv(stage, data, content_type)

    assert answered == status
    assert said in answer["error"]


async def test_only_people_are_imported(stage: Stage) -> None:
    """A company list is refused before the body is read."""
    status, answer = await post(
        stage, f"lead-lists/{stage.tenant.company_list}/import/", [{"first_name": "Ada"}]
    )

    assert (status, answer) == (400, {"error": "Import is only available for people lists"})


async def test_a_file_has_at_most_so_many_rows(stage: Stage) -> None:
    """More are refused as a whole, as on the other face, before one is written."""
    rows = b"first_name\n" + b"Ada\n" * (ROWS_MAX + 1)

    status, error = await import_csv(stage, rows)

    assert status == 400
    assert f"at most {ROWS_MAX} rows; send several" in error["error"]
    assert await stage.fetch("select from leads") == []


async def test_a_workspace_cannot_take_every_upload_place(stage: Stage) -> None:
    """Its third file at a time is told to come again, on whichever face the others are."""
    release = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"first_name\n"
        await release.wait()
        yield b"Ada\n"

    tasks = [
        asyncio.create_task(import_csv(stage, slow())) for _ in range(UPLOADS_PER_WORKSPACE_MAX + 1)
    ]
    async with asyncio.timeout(10):
        refused, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    other_face, _ = await upload(stage, b"email\na@b.example\n")
    release.set()
    ended = sorted([(await task)[0] for task in tasks])

    assert [task.result()[0] for task in refused] == [503]
    assert (other_face, ended) == (503, [200, 200, 503])

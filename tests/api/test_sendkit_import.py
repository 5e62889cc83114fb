"""Many leads at once, as JSON and CSV: good rows go in, bad ones are told by place and reason."""

import asyncio
import json
from io import BytesIO
from typing import Any

import aiohttp
import orjson
import pytest

from service.domain.csv_rows import NOT_CLOSED
from tests.api.sendkit_calls import call, create, done, upload
from tests.api.stage import Stage

PATH = "/v1/leads/bulk"


async def test_a_bulk_takes_good_rows_and_tells_bad_ones(stage: Stage) -> None:
    """Unknown keys become custom fields, the tag is added, and each bad row has its reason."""
    rows = [
        {"email": "Ada@Example.com", "firstName": "  Ada   Augusta ", "score": 7, "tags": ["a"]},
        {"email": "nonsense", "firstName": 5},
        "text",
        {"email": "bob@example.com", "customFields": {"x": 1}, "lastName": "n/a"},
        {"email": "cy@example.com", "deep": {"a": 1}},
    ]

    answer = (await done(stage, "POST", PATH, {"leads": rows, "tag": "fair"}))["data"]

    ids = answer.pop("importedLeadIds")
    ada, bob = [(await done(stage, "GET", f"/v1/leads/{each}"))["data"] for each in ids]
    assert (answer["imported"], answer["updated"], answer["skipped"]) == (2, 0, 0)
    assert (answer["failed"], answer["errorsTruncated"]) == (3, False)
    assert [(row["index"], row["email"]) for row in answer["errors"]] == [
        (1, "nonsense"),
        (2, None),
        (4, "cy@example.com"),
    ]
    assert "firstName must be a string" in answer["errors"][0]["error"]
    assert "email is required" in answer["errors"][0]["error"]
    assert answer["errors"][1]["error"] == "the row must be an object"
    assert "customFields must be an object" in answer["errors"][2]["error"]
    assert (ada["email"], ada["firstName"]) == ("ada@example.com", "Ada Augusta")
    assert (ada["tags"], ada["customFields"]) == (["a", "fair"], {"score": 7})
    assert (bob["lastName"], bob["customFields"]) == (None, {"x": 1})


async def test_without_cleanup_texts_stay_as_they_are(stage: Stage) -> None:
    """Only the blanks around a text and the case of an address are not kept."""
    row = {"email": " Ada@Example.com", "firstName": "n/a", "lastName": "de  Lovelace"}

    await done(stage, "POST", PATH, {"leads": [row], "dataCleanup": False})

    [lead] = (await done(stage, "GET", "/v1/leads"))["data"]
    assert (
        lead["email"],
        lead["firstName"],
        lead["lastName"],
    ) == ("ada@example.com", "n/a", "de  Lovelace")


async def test_duplicates_are_skipped_unless_they_shall_update(stage: Stage) -> None:
    """An update adds and replaces what the row gives and never clears; each lead is told once."""
    made = await create(
        stage, "ada@example.com", firstName="Ada", city="London", tags=["a"], customFields={"x": 1}
    )
    rows = [
        {"email": "ADA@example.com", "city": "Rome", "lastName": "", "y": 2},
        {"email": "new@example.com"},
        {"email": "new@example.com", "city": "Oslo"},
        {"email": "ada@example.com", "tags": ["b"]},
    ]

    skipped = await done(stage, "POST", PATH, {"leads": rows[:1]})
    changed = await done(stage, "POST", PATH, {"leads": rows, "skipDuplicates": False})
    again = await done(stage, "POST", PATH, {"leads": rows[3:], "skipDuplicates": False})

    ada = (await done(stage, "GET", f"/v1/leads/{made['_id']}"))["data"]
    events = await stage.fetch(
        "select aggregateid, payload from events where type = 'lead.updated'"
    )
    assert (skipped["data"]["imported"], skipped["data"]["skipped"]) == (0, 1)
    assert tuple(changed["data"][name] for name in ("imported", "updated", "skipped")) == (1, 3, 0)
    assert (again["data"]["imported"], again["data"]["updated"]) == (0, 1)
    assert (
        ada["firstName"],
        ada["city"],
        ada["tags"],
        ada["customFields"],
    ) == ("Ada", "Rome", ["a", "b"], {"x": 1, "y": 2})
    told = {row["aggregateid"]: orjson.loads(row["payload"])["data"] for row in events}
    assert len(events) == 2
    assert {made["_id"], changed["data"]["importedLeadIds"][0]} == told.keys()
    assert told[made["_id"]] == ada


async def test_an_update_that_would_hold_too_much_fails_alone(stage: Stage) -> None:
    """Bounds of a lead hold for what an import adds to it; the other rows go on."""
    await create(stage, "ada@example.com", tags=[f"t{n}" for n in range(50)])
    rows = [{"email": "ada@example.com", "tags": ["one more"]}, {"email": "bob@example.com"}]

    answer = await done(stage, "POST", PATH, {"leads": rows, "skipDuplicates": False})

    assert answer["data"]["imported"] == 1
    assert answer["data"]["errors"] == [
        {
            "index": 0,
            "email": "ada@example.com",
            "error": "the lead would have more than 50 tags",
        }
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, ["leads is required"]),
        ({"leads": []}, ["leads must not be empty"]),
        ({"leads": [{}] * 5_001}, ["leads must have at most 5000 entries"]),
        ({"leads": {}, "tag": 5}, ["leads must be an array", "tag must be a string"]),
        ({"leads": [{"email": "a\0"}]}, ["contains a NUL character"]),
        ({"leads": [{}], "list": 1}, ["list is not a known field"]),
    ],
    ids=["none", "empty", "over the cap", "types", "nul", "unknown"],
)
async def test_a_bad_bulk_is_refused_whole(stage: Stage, body: Any, said: list[str]) -> None:
    """A body that is not as it should be, or over the cap, imports nothing."""
    status, answer = await call(stage, "POST", PATH, body)

    assert status == 400
    assert [part for part in said if part not in answer["error"]["message"]] == []


async def test_bulks_with_the_same_addresses_at_once(stage: Stage) -> None:
    """Each address goes in once, whatever its place in each request, and none waits for good."""
    rows = [{"email": f"p{n}@example.com", "city": "Rome"} for n in range(300)]

    answers = await asyncio.gather(
        *(
            done(stage, "POST", PATH, {"leads": given, "skipDuplicates": False})
            for given in (rows, rows[::-1], rows, rows[::-1])
        )
    )

    assert sum(answer["data"]["imported"] for answer in answers) == 300
    assert sum(answer["data"]["updated"] for answer in answers) == 900
    assert [answer["data"]["failed"] for answer in answers] == [0] * 4


CSV = b"""\xef\xbb\xbf"E-mail Address",First Name,Company,Tags,Plan,Skip\r
ada@example.com,Ada,Engines,"a; b",gold,x\r
nonsense,Bob,,,,\r
\r
cy@example.com,"Cy
the second",n/a,,,\r
,Dee,,,,\r
ADA@example.com,Ada,,,,\r
e@example.com,\xff\xfe,,,,\r
f@example.com,too,many,,,,fields\r
"""


async def test_a_csv_takes_good_rows_and_tells_bad_ones_by_line(stage: Stage) -> None:
    """Headings are read in their usual spellings; unknown columns become custom fields."""
    status, answer = await upload(
        stage, CSV, tag="fair", mapping='{"Skip": null, "First Name": "firstName"}'
    )

    assert status == 200
    leads = (await done(stage, "GET", "/v1/leads", search="ada"))["data"]
    cy = (await done(stage, "GET", "/v1/leads", search="cy"))["data"]
    counts = ("imported", "updated", "skipped", "failed")
    assert tuple(answer["data"][name] for name in counts) == (2, 0, 1, 4)
    assert [(row["line"], row["error"]) for row in answer["data"]["errors"]] == [
        (3, "email is required and must be an e-mail address"),
        (7, "email is required and must be an e-mail address"),
        (9, "the row is not UTF-8"),
        (10, "the row has more fields than the header"),
    ]
    assert [
        (lead["firstName"], lead["companyName"], lead["tags"], lead["customFields"])
        for lead in leads
    ] == [("Ada", "Engines", ["a", "b", "fair"], {"Plan": "gold"})]
    assert [(lead["firstName"], lead["companyName"]) for lead in cy] == [("Cy the second", None)]


async def test_a_file_with_semicolons(stage: Stage) -> None:
    """As spreadsheets write it in countries where a comma stands in numbers."""
    status, answer = await upload(
        stage, b'\xef\xbb\xbfEmail;First name;City\r\nada@example.com;Ada;"Rome; Italy"\r\n'
    )

    [lead] = (await done(stage, "GET", "/v1/leads"))["data"]
    assert (status, answer["data"]["failed"]) == (200, 0)
    assert (lead["firstName"], lead["city"]) == ("Ada", "Rome; Italy")


@pytest.mark.parametrize("after_count", [2, 100])
async def test_a_stray_quote_costs_its_row_alone(stage: Stage, after_count: int) -> None:
    """The rows behind it go in as leads of their own, and none becomes part of a name."""
    rows = "".join(f"p{n}@example.com,First\n" for n in range(after_count))

    status, answer = await upload(stage, f'email,First name\nada@example.com,"Ada\n{rows}'.encode())

    leads = await stage.fetch("select distinct first_name from leads")
    assert status == 200
    assert answer["data"]["errors"] == [{"line": 2, "email": None, "error": NOT_CLOSED}]
    assert (answer["data"]["imported"], answer["data"]["failed"]) == (after_count, 1)
    assert [row["first_name"] for row in leads] == ["First"]


@pytest.mark.parametrize(
    "mapping", [{"Post": "email", "Ort": "city"}, {"email": "Post", "city": "Ort"}], ids=str
)
async def test_a_mapping_goes_either_way(stage: Stage, mapping: dict[str, str]) -> None:
    """From column to field, or from field to column."""
    status, _ = await upload(
        stage,
        b"Post,Ort\nada@example.com,Rome\n",
        mapping=json.dumps(mapping),
        skipDuplicates="false",
        dataCleanup="FALSE",
    )

    [lead] = (await done(stage, "GET", "/v1/leads"))["data"]
    assert (status, lead["email"], lead["city"]) == (200, "ada@example.com", "Rome")


BAD_UPLOADS: list[tuple[bytes, dict[str, str], list[str]]] = [
    (b"", {}, ["one of them must be email"]),
    (b"name\nAda\n", {}, ["one of them must be email"]),
    (b"email,e-mail\na@b.co,c@d.co\n", {}, ["More than one column is email"]),
    (b"email,\xff\n", {}, ["The first line must be UTF-8"]),
    (b"email" + b",x" * 200 + b"\n", {}, ["at most 200 columns"]),
    (
        b"email," + b",".join(b"c%d" % n for n in range(51)) + b"\n",
        {},
        ["At most 50 columns can be custom fields"],
    ),
    (b"email\n", {"mapping": "x"}, ["mapping must be a JSON object"]),
    (b"email\n", {"mapping": '{"a": "b"}'}, ["mapping.a names no column"]),
    (b"email\n", {"mapping": '{"email": 5}'}, ["mapping.email must be a string or null"]),
    (b"email\n", {"mapping": '{"email": "a\\u0000"}'}, ["contains a NUL character"]),
    (b"email\n", {"tag": "x" * 101}, ["tag must have at most 100 characters"]),
    (b"email\n", {"list": "1"}, ["list is not a known field", "mapping"]),
    (
        b"email\n",
        {"skipDuplicates": "maybe", "dataCleanup": "2", "mapping": "[]"},
        ["skipDuplicates must", "dataCleanup must", "mapping must"],
    ),
    (b"email\n" + b"a@b.co\n" * 50_001, {}, ["at most 50000 rows"]),
    (b"email\n" + b"x" * (1024 * 1024 + 1), {}, ["Line 2 has more than 1048576 characters"]),
]


@pytest.mark.parametrize(
    ("content", "fields", "said"), BAD_UPLOADS, ids=[row[2][0] for row in BAD_UPLOADS]
)
async def test_a_bad_upload_is_refused_whole(
    stage: Stage, content: bytes, fields: dict[str, str], said: list[str]
) -> None:
    """What is wrong with the file or the fields as a whole imports nothing."""
    status, answer = await upload(stage, content, **fields)

    assert (status, answer["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [part for part in said if part not in answer["error"]["message"]] == []
    assert await stage.fetch("select from leads") == []


@pytest.mark.parametrize("mapping", [{"email": "a\0"}, {"a\0b": "city"}], ids=str)
async def test_what_is_wrong_with_a_mapping_is_told_once(
    stage: Stage, mapping: dict[str, str]
) -> None:
    """What follows from it for the first line is not told besides, nor is the NUL quoted."""
    _, answer = await upload(stage, b"email\n", mapping=json.dumps(mapping))

    [(path, said)] = answer["error"]["details"]["fields"].items()
    assert path.startswith("mapping.")
    assert said == f"{path} contains a NUL character; take it out"


async def test_fields_may_follow_the_file(stage: Stage) -> None:
    """The order of a form's parts is the client's business."""
    form = aiohttp.FormData()
    form.add_field("file", b"email\nada@example.com\n", filename="x.csv")
    form.add_field("tag", "late")

    headers = {"X-Api-Key": stage.tenant.sendkit_key.text}
    async with stage.client.post("/v1/leads/import/csv", data=form, headers=headers) as answer:
        assert answer.status == 200

    [lead] = (await done(stage, "GET", "/v1/leads"))["data"]
    assert lead["tags"] == ["late"]


FORM = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("media_type", "body", "status", "said"),
    [
        ("text/csv", b"email\n", 415, "multipart/form-data"),
        ("multipart/form-data", b"email\n", 400, "not valid multipart/form-data"),
        (FORM, b"email\n", 400, "not valid multipart/form-data"),
        (FORM, b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nem", 400, "not valid"),
        (FORM, b"--b\r\n6.6--b--\r\n", 400, "not valid multipart/form-data"),
        (FORM, b"--b\r\nno colon\r\n\r\nx\r\n--b--\r\n", 400, "not valid multipart/form-data"),
        (FORM, b"--b\r\na: " + b"x" * 20_000 + b"\r\n\r\nx\r\n--b--\r\n", 400, "not valid"),
        (FORM, b"--b\r\n" + b"a: b\r\n" * 300 + b"\r\nx\r\n--b--\r\n", 400, "not valid"),
        (
            FORM,
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
            400,
            "a part without a name is not a known field",
        ),
        (FORM, b"--b--\r\n", 400, "file is required"),
        (
            FORM,
            b"--b\r\nContent-Disposition: form-data; name=tag\r\n\r\n"
            + b"x" * 70_000
            + b"\r\n--b--\r\n",
            400,
            "tag must have at most 65536 bytes",
        ),
    ],
)
async def test_a_body_that_is_no_form(
    stage: Stage, media_type: str, body: bytes, status: int, said: str
) -> None:
    """It is refused in SendKit's envelope with what to send instead."""
    headers = {"X-Api-Key": stage.tenant.sendkit_key.text, "Content-Type": media_type}

    async with stage.client.post("/v1/leads/import/csv", data=body, headers=headers) as answer:
        shown = await answer.json()

    assert answer.status == status
    assert said in shown["error"]["message"]


async def test_everything_wrong_with_a_form_is_named_at_once(stage: Stage) -> None:
    """Every bad part, whatever its place, and every bad parameter of the URL."""
    form = aiohttp.FormData()
    form.add_field("skipDuplicates", "maybe")
    form.add_field("colour", "red")
    form.add_field("file", b"email\nada@example.com\n", filename="x.csv")
    form.add_field("tag", "t" * 101)
    form.add_field("shape", "round")
    form.add_field("mapping", "[]")
    form.add_field("tag", "again")

    headers = {"X-Api-Key": stage.tenant.sendkit_key.text}
    url = "/v1/leads/import/csv?dryRun=1"
    async with stage.client.post(url, data=form, headers=headers) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["code"]) == (400, "VALIDATION_ERROR")
    assert sorted(error["details"]["fields"]) == [
        "colour",
        "dryRun",
        "mapping",
        "shape",
        "skipDuplicates",
        "tag",
    ]
    assert await stage.fetch("select from leads") == []


async def test_parts_that_nobody_asked_for_are_bounded(stage: Stage) -> None:
    """They are passed over up to a bound, and then refused."""
    form = aiohttp.FormData()
    form.add_field("file", b"email\nada@example.com\n", filename="x.csv")
    form.add_field("colour", BytesIO(b"x" * (1024 * 1024 + 300_000)))

    headers = {"X-Api-Key": stage.tenant.sendkit_key.text}
    async with stage.client.post("/v1/leads/import/csv", data=form, headers=headers) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_above_the_bound_is_refused(stage: Stage, *, announced: bool) -> None:
    """It is a 413 that names the bound, before any row is written."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nemail\n'
    piece = b"somebody@example.com\n" * 50_000

    async def pieces() -> Any:
        yield head
        for _ in range(53):
            yield piece

    headers = {"X-Api-Key": stage.tenant.sendkit_key.text, "Content-Type": FORM}
    headers |= {"Content-Length": str(len(head) + 53 * len(piece))} if announced else {}
    async with stage.client.post("/v1/leads/import/csv", data=pieces(), headers=headers) as answer:
        shown = await answer.json()

    assert (answer.status, shown["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert "at most 52428800 bytes" in shown["error"]["message"]
    assert await stage.fetch("select from leads") == []


async def test_a_workspace_cannot_take_every_upload_place(stage: Stage) -> None:
    """Its third upload at a time is told to come again, while it goes on with the others."""
    release = asyncio.Event()

    async def slow() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nemail\n'
        await release.wait()
        yield b"\r\n--b--\r\n"

    async def send() -> int:
        headers = {"X-Api-Key": stage.tenant.sendkit_key.text, "Content-Type": FORM}
        async with stage.client.post(
            "/v1/leads/import/csv", data=slow(), headers=headers
        ) as answer:
            return answer.status

    tasks = [asyncio.create_task(send()) for _ in range(3)]
    async with asyncio.timeout(10):
        refused, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    release.set()
    statuses = sorted([await task for task in tasks])

    assert [task.result() for task in refused] == [503]
    assert statuses == [200, 200, 503]

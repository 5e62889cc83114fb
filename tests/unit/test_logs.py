"""What is logged holds no secret, no person and no row of the database."""

import asyncio
import io
import logging
import uuid
import warnings
from collections.abc import Iterator

import asyncpg
import pydantic
import pytest
import structlog

from service.domain.api_key import new_key
from service.domain.kinds import Face
from service.logs import MASK, TEXT_CHARACTERS_MAX, configure_logging, is_private, redact_text
from tests.log_lines import LogLines, logged

_log = structlog.get_logger()

ADDRESS = "nadia.okafor@brightwater.example"


@pytest.fixture
def lines() -> Iterator[LogLines]:
    """The lines logged by this test, as JSON."""
    with logged() as logged_lines:
        yield logged_lines


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "X-Api-Key", "apiKey", "webhook_secret", "secret_keys", "callback_token",
        "Authorization", "email", "emails", "email_address", "phone", "phone_e164", "webhook_url",
        "url", "body", "first_name", "linkedin_url", "database_dsn",
    ],
)  # fmt: skip
def test_names_that_hide_their_value(name: str) -> None:
    """A key named after a secret or a person hides whatever it holds."""
    assert is_private(name)


@pytest.mark.parametrize(
    "name",
    ["event", "workspace", "job_id", "body_bytes", "email_count", "kind", "key_id", "token_hash"],
)
def test_names_that_show_their_value(name: str) -> None:
    """Ids, counts and sizes stay readable."""
    assert not is_private(name)


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=",
        "gAAAAABmZm9vYmFyYmF6cXV4Zm9vYmFyYmF6",
        ADDRESS,
        "+4930123456789",
    ],
)
def test_shapes_that_are_hidden(secret: str) -> None:
    """A secret, an address or a phone number is hidden in the middle of any text."""
    assert f"sent to {MASK}, then ended" == redact_text(f"sent to {secret}, then ended")
    assert MASK in redact_text(secret)


@pytest.mark.parametrize("face", Face)
def test_our_own_keys_are_hidden(face: Face) -> None:
    """A key of either face is recognised by its shape."""
    assert redact_text(f"key {new_key(face).text} refused") == f"key {MASK} refused"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://leadfall:pa/ss@db/x", f"postgresql://{MASK}@db/x"),
        ("redis://:hunter22@cache:6379/0", f"redis://{MASK}@cache:6379/0"),
        (
            "GET https://api.example/v2?api_key=abcdef0123&x=1",
            f"GET https://api.example/v2?api_key={MASK}&x=1",
        ),
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {MASK}"),
        ('{"password": "swordfish"}', '{"password": "swordfish"}'),
    ],
)
def test_credentials_inside_text(text: str, expected: str) -> None:
    """Only the secret part of a URL or a header is replaced; JSON text is masked by its keys."""
    assert expected == redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "bulk_email_verification_1763800000000_a1b2c3d",
        "2026-01-02T03:04:05.678901+00:00",
        "0199f1c8-2a4b-7c3d-8e9f-0a1b2c3d4e5f",
        "postgresql://db.internal:5432/leadfall",
        "v0.1.0",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Ids, times and URLs without credentials are what logs are for."""
    assert text == redact_text(text)


def test_long_text_is_cut_between_words() -> None:
    """A text is cut so that no half of a secret is left at its end."""
    text = "x " * (TEXT_CHARACTERS_MAX // 2 - 5) + ADDRESS

    cut = redact_text(text)

    assert len(cut) <= TEXT_CHARACTERS_MAX
    assert "nadia" not in cut


def test_values_are_redacted_at_any_depth(lines: LogLines) -> None:
    """Names and shapes count inside of objects, lists, bytes and foreign objects too."""
    _log.info(
        "thing.done",
        lead={"email": "x", "notes": [f"mail {ADDRESS}"], "n": 1},
        raw=b"secret bytes",
        who=pydantic.SecretStr("hidden"),
        id=uuid.UUID(int=7),
        big=2**70,
    )

    (line,) = lines("thing.done")
    assert {"email": MASK, "notes": [f"mail {MASK}"], "n": 1} == line["lead"]
    assert line["raw"] == "<12 bytes>"
    assert "hidden" not in lines.text()
    assert str(uuid.UUID(int=7)) == line["id"]
    assert str(2**70) == line["big"]


def test_line_has_time_level_and_bound_context(lines: LogLines) -> None:
    """Each line tells when in UTC, how bad, and what was bound around it."""
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        _log.warning("thing.refused", count=2)

    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "thing.refused",
        "level": "warning",
        "count": 2,
        "request_id": "r1",
    }


def test_undecodable_text_is_logged_all_the_same(lines: LogLines) -> None:
    """A lone surrogate, as a broken header gives, does not lose the line."""
    _log.info("header.read", value="a\udce9b")

    assert lines("header.read")[0]["value"] == "a?b"


def test_level_filters_both_ways_of_logging() -> None:
    """Below the level nothing is written, neither by this service nor by libraries."""
    with logged(level="warning") as lines:
        _log.info("thing.done")
        logging.getLogger("asyncio").info("quiet")
        logging.getLogger("asyncio").warning("loud")

    assert [line["event"] for line in lines()] == ["loud"]


@pytest.mark.parametrize("name", ["arq.worker", "aiohttp.access"])
def test_chatter_of_libraries_is_left_out(lines: LogLines, name: str) -> None:
    """A line for each doorbell job or request of a library is not wanted; its warnings are."""
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble")

    assert [line["event"] for line in lines()] == ["trouble"]


def test_library_records_are_redacted(lines: LogLines) -> None:
    """Records of the standard library take the same way, without what follows their first line."""
    logging.getLogger("arq").error("failed for %s\nfuture: <Secret inside>", ADDRESS)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"old {ADDRESS}", stacklevel=1)

    first, second = lines()
    assert (f"failed for {MASK}", "arq", "error") == (
        first["event"],
        first["logger"],
        first["level"],
    )
    assert f"old {MASK}" in second["event"]
    assert "Secret inside" not in lines.text()


async def test_lost_task_tells_no_more_than_where(lines: LogLines) -> None:
    """What asyncio says of a task that nobody waited for names the place, not the data."""
    message = "Task exception was never retrieved"
    asyncio.get_running_loop().call_exception_handler(
        {"message": message, "exception": ValueError(ADDRESS), "future": ADDRESS}
    )

    (line,) = lines(message)
    assert f"ValueError: {MASK}" in line["exception"]
    assert ADDRESS not in lines.text()


def find(typed: str) -> None:
    """Fail with a cause."""
    try:
        dict[str, str]()[ADDRESS]
    except KeyError as error:
        raise RuntimeError(f"lookup of {len(typed)} failed") from error


def test_exceptions_show_places_and_no_variables(lines: LogLines) -> None:
    """A traceback names files, lines and causes, and shows no local variable."""
    typed = "swordfish"

    try:
        find(typed)
    except RuntimeError:
        _log.exception("thing.failed")

    text = lines("thing.failed")[0]["exception"]
    assert text.index(f"KeyError: '{MASK}'") < text.index("RuntimeError: lookup of 9 failed")
    assert "in find" in text
    assert "swordfish" not in lines.text()


def test_exception_groups_show_their_members(lines: LogLines) -> None:
    """Each member of a group is told."""
    group = ExceptionGroup("two things", [ValueError("one"), OSError("two")])

    _log.error("things.failed", exc_info=group)

    text = lines()[0]["exception"]
    assert "ValueError: one" in text
    assert "OSError: two" in text


def test_invalid_input_is_told_without_the_input(lines: LogLines) -> None:
    """A validation error names the field and the rule; the value stays out."""
    try:
        pydantic.TypeAdapter(dict[str, int]).validate_python({"age": "Nadia Okafor"})
    except pydantic.ValidationError as error:
        _log.warning("body.refused", error=error)

    assert "age: int_parsing" in lines()[0]["error"]
    assert "Okafor" not in lines.text()


@pytest.mark.parametrize(
    "statement",
    [
        "insert into people values ('Nadia Okafor')",
        "insert into people values (null)",
        "select 'Nadia Okafor'::integer",
    ],
)
async def test_database_errors_are_told_without_the_row(
    lines: LogLines, connection: asyncpg.Connection, statement: str
) -> None:
    """The class and the constraint are kept; DETAIL and quoted data are not."""
    await connection.execute(
        "create temporary table people (name text not null primary key);"
        "insert into people values ('Nadia Okafor')"
    )
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        sqlstate = error.sqlstate
        _log.exception("row.refused", error=error)

    (line,) = lines("row.refused")
    assert f"[{sqlstate}]" in line["exception"]
    assert "Okafor" not in lines.text()
    assert "DETAIL" not in lines.text()


async def test_bad_arguments_are_told_without_the_argument(
    lines: LogLines, connection: asyncpg.Connection
) -> None:
    """The driver quotes an argument that it cannot send; the log does not."""
    try:
        await connection.fetchval("select $1::integer", "Nadia Okafor")
    except asyncpg.DataError:
        _log.exception("argument.refused")

    assert "DataError: [22000]" in lines("argument.refused")[0]["exception"]
    assert "Okafor" not in lines.text()


def test_console_is_for_people() -> None:
    """The console format is no JSON, and just as silent about secrets."""
    with logged(log_format="console") as lines:
        _log.info("thing.done", api_key="key-of-a-vendor", note=ADDRESS)
        logging.getLogger("aiohttp").error("broken %s", ADDRESS)

    text = lines.text()
    assert text.count("\n") == 2
    assert "thing.done" in text
    assert ADDRESS not in text
    assert "key-of-a-vendor" not in text


def test_auto_is_json_where_nobody_looks() -> None:
    """Without a terminal, `auto` writes JSON lines."""
    with logged(log_format="auto") as lines:
        _log.info("thing.done")

    assert lines()[0]["event"] == "thing.done"


def test_unknown_level_is_refused() -> None:
    """A misspelt level is an error at the start, not silence later."""
    with pytest.raises(KeyError):
        configure_logging("json", level="loud", stream=io.StringIO())

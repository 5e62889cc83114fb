"""How this process logs: people's lines in a terminal, JSON lines elsewhere, never a secret.

Everything goes to standard error, because standard output belongs to what a command answers.
Records of the standard library (aiohttp, arq, asyncio, warnings) take the same way.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import date
from enum import Enum
from functools import lru_cache
from typing import Any, Final, TextIO
from uuid import UUID

import asyncpg
import orjson
import pydantic
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK: Final = "[redacted]"
TEXT_CHARACTERS_MAX: Final = 4_000
MESSAGE_CHARACTERS_MAX: Final = 500
DEPTH_MAX: Final = 4
ITEMS_MAX: Final = 100
FRAMES_MAX: Final = 20
CAUSES_MAX: Final = 5
NAMES_REMEMBERED: Final = 1_024

_JSON_INTEGER_MAX: Final = 2**63 - 1
# Letters and digits alone are no private shape up to this length.
_WORD_CHARACTERS_MAX: Final = 24

# A key with one of these words hides its value whatever it looks like.
_PRIVATE_WORDS: Final = frozenset({
    "apikey", "authorization", "body", "cookie", "dsn", "e164", "email", "emails", "linkedin",
    "passphrase", "password", "payload", "phone", "phones", "secret", "secrets", "signature",
    "token", "tokens", "uri", "url", "urls",
})  # fmt: skip
_PRIVATE_NAMES: Final = frozenset({"api_key", "first_name", "last_name", "full_name", "secret_key"})
# Unless it ends in one of these: then the value is about the thing and not the thing itself.
_HARMLESS_ENDINGS: Final = frozenset({
    "age", "bytes", "class", "count", "decision", "hash", "id", "kind", "length", "max", "min",
    "ms", "s", "status", "verdict",
})  # fmt: skip
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")

# What gives a secret or a person away wherever it stands. Each branch is linear in the text.
_PRIVATE_SHAPES: Final = re.compile(
    r"(?P<kept>(?<![A-Za-z0-9])(?:bearer\s+|basic\s+"
    r"|(?:x-)?(?:api[_-]?)?(?:key|token|secret|password|signature)\s?[=:]\s?[\"']?))"
    r"[^\s\"'&,;)]{6,}"
    r"|(?<=://)[^\s\"'<>]*(?=@)"  # user and password of a URL
    r"|\bsk_[A-Za-z0-9]{8,}"
    r"|\bwhsec_[A-Za-z0-9+/=_-]+"
    r"|\b[0-9a-f]{8}\.[0-9a-f]{16,}\b"
    r"|(?<![\w-])[\w-]{43}=(?![\w=-])"  # a Fernet key
    r"|\bgAAAA[\w-]{20,}=*"  # what one has encrypted
    r"|(?<![\w.+%-])[\w.+%-][\w.+%'-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    r"|(?<![\w+])\+[1-9]\d{7,14}\b",
    re.IGNORECASE,
)


# Every private shape holds one of these: a text without any needs no closer look. It begins with
# one set of characters, which is searched for many times faster than for words, and looks behind.
_SUSPICIOUS: Final = re.compile(
    r"[=:@+_.gG\s](?i:(?<=[=:@+])|(?<=sk_)|(?<=whsec_)|(?<=g)AAAA"
    r"|(?<=[0-9a-f]{8}\.)[0-9a-f]|(?<=bearer\s)|(?<=basic\s))"
)


def configure_logging(
    log_format: str = "auto",
    *,
    level: str = "info",
    stream: TextIO | None = None,
    cached: bool = True,
) -> None:
    """Set up logging for the whole process; call it once, before anything is logged.

    Args:
        log_format: `json`, `console`, or `auto`: console exactly when the stream is a terminal.
        level: name of the lowest level that is shown.
        stream: standard error by default.
        cached: False lets a later call change loggers that were used already, for tests.
    """
    stream = sys.stderr if stream is None else stream
    number = logging.getLevelNamesMapping()[level.upper()]
    as_json = log_format == "json" or (log_format == "auto" and not stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        render_exception,
        redact,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, _as_bytes if as_json else _console(stream)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=(
            structlog.BytesLoggerFactory(stream.buffer)
            if as_json
            else structlog.PrintLoggerFactory(stream)
        ),
        cache_logger_on_first_use=cached,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, _keep_first_line, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _as_text if as_json else _console(stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


# One line for each doorbell job or request; what matters of both is logged by this service itself.
_CHATTY: Final = ("arq", "aiohttp.access")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide secrets and personal data: by the names of keys and by the shapes of values."""
    return {
        name: value if name.startswith("_") else _redact_named(name, value, DEPTH_MAX)
        for name, value in event.items()
    }


def redact_text(text: str) -> str:
    """Return the text without what looks like a secret, an address or a phone number."""
    if len(text) <= _WORD_CHARACTERS_MAX and text.isascii() and text.isalnum():
        return text
    if not text.isascii():
        # A lone surrogate, as undecodable headers and paths have, is no UTF-8 and so no JSON.
        text = text.encode(errors="replace").decode()
    if len(text) > TEXT_CHARACTERS_MAX:
        # Cut between words: half a secret has no shape any more.
        text = f"{text[:TEXT_CHARACTERS_MAX].rpartition(' ')[0] or MASK}…"
    if not _SUSPICIOUS.search(text):
        return text
    return _PRIVATE_SHAPES.sub(lambda found: f"{found['kept'] or ''}{MASK}", text)


@lru_cache(maxsize=NAMES_REMEMBERED)
def is_private(name: str) -> bool:
    """Tell whether a key's name says that its value is not for logs."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _HARMLESS_ENDINGS:
        return False
    joined = "_".join(words)
    return not _PRIVATE_WORDS.isdisjoint(words) or any(each in joined for each in _PRIVATE_NAMES)


def _redact_named(name: str, value: Any, depth: int) -> Any:
    if value is None or value is True or value is False:
        return value
    if is_private(name):
        return MASK
    # What most values are comes first: a line is written for each delivery.
    kind = type(value)
    if kind is str:
        return redact_text(value)
    if kind is int:
        return value if abs(value) <= _JSON_INTEGER_MAX else str(value)
    if isinstance(value, UUID):  # Those of the database are of a class of their own.
        return str(value)
    return value if kind is float else _redact_value(value, depth)


def _redact_value(value: Any, depth: int) -> Any:  # noqa: PLR0911 - one return for each sort of value
    match value:
        case None | bool() | float() | UUID() | date():
            return value
        case Enum():
            return _redact_value(value.value, depth)
        case int():
            return value if abs(value) <= _JSON_INTEGER_MAX else str(value)
        case str():
            return redact_text(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case BaseException():
            return f"{type(value).__name__}: {describe_message(value)}"
        case Mapping() | list() | tuple() | set() | frozenset() if depth <= 0:
            return "…"
        case Mapping():
            pairs = list(value.items())[:ITEMS_MAX]
            return {
                redact_text(str(name)): _redact_named(str(name), each, depth - 1)
                for name, each in pairs
            }
        case list() | tuple() | set() | frozenset():
            return [_redact_value(each, depth - 1) for each in list(value)[:ITEMS_MAX]]
        case _:
            return redact_text(repr(value))


def render_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by a text that is safe to keep."""
    given = event.pop("exc_info", None)
    match given:
        case BaseException():
            error: BaseException | None = given
        case (_, BaseException() as error, _):
            pass
        case _:
            error = sys.exc_info()[1] if given else None
    if error is not None:
        event["exception"] = describe_exception(error)
    return event


def describe_exception(error: BaseException) -> str:
    """Return the traceback, causes first: places and messages, no variables, no rows."""
    return "\n".join(line for each in reversed(list(_causes(error))) for line in _lines(each))


def describe_message(error: BaseException) -> str:
    """Return what an exception says, without the data that some of them quote."""
    match error:
        case asyncpg.PostgresError():
            return _describe_database_error(error)
        case pydantic.ValidationError():
            places = (
                f"{'.'.join(map(str, each['loc']))}: {each['type']}"
                for each in error.errors(include_input=False, include_url=False)
            )
            return redact_text(", ".join(places))[:MESSAGE_CHARACTERS_MAX]
        case _:
            return redact_text(str(error))[:MESSAGE_CHARACTERS_MAX]


def _describe_database_error(error: asyncpg.PostgresError) -> str:
    # The text of an error about data (class 22) repeats the data; DETAIL repeats the row.
    sqlstate = error.sqlstate or "?"
    said = "" if sqlstate.startswith("22") or not error.args else str(error.args[0])
    first_line = redact_text(said.partition("\n")[0])[:MESSAGE_CHARACTERS_MAX]
    return f"[{sqlstate}] {first_line}".rstrip()


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < CAUSES_MAX:
        seen.add(id(current))
        yield current
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def _lines(error: BaseException) -> Iterator[str]:
    yield "Traceback (most recent call last):"
    for frame in traceback.extract_tb(error.__traceback__, limit=-FRAMES_MAX):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    yield f"{type(error).__name__}: {describe_message(error)}"
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions[:CAUSES_MAX]:
            yield from (f"  | {line}" for line in _lines(member))


def _keep_first_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # What asyncio and arq append in further lines are reprs, of exceptions too.
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _as_bytes(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=str)


def _as_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    return _as_bytes(logger, method, event).decode()


def _console(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )

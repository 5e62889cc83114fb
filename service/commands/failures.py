"""Turns what an operator can mend into one sentence on standard error and exit code 1."""

import asyncio
import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import asyncpg
from pydantic import ValidationError

from service.embedded import EmbeddedServerError
from service.errors import LeadfallError
from service.store.migrations import MigrationChangedError

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class CommandFailure(Exception):  # noqa: N818 - the end of a command, said in a sentence
    """A command cannot do what it was asked; the message says what to change."""


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Exit with a sentence for everything that is no mistake of the program."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except asyncio.CancelledError:
        sys.exit(EXIT_TERMINATED)
    except (CommandFailure, LeadfallError, EmbeddedServerError) as error:
        _fail(str(error))
    except MigrationChangedError as error:
        _fail(f"The migration {error} was changed after it had been applied to this database.")
    except ValidationError as error:
        _fail(_about_settings(error))
    except asyncpg.UndefinedTableError:
        _fail("The database lacks tables of this version: run `leadfall migrate` first.")
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _fail(f"The database refused: {_first_line(error)}. Check LEADFALL_DATABASE_URL.")
    except OSError as error:
        _fail(_about_system(error))


def _fail(sentence: str) -> NoReturn:
    sys.stderr.write(f"leadfall: {sentence}\n")
    sys.exit(EXIT_FAILED)


_SENTENCES = {"extra_forbidden": "there is no such setting; `leadfall doctor` lists all of them"}


def _about_settings(error: ValidationError) -> str:
    """Name each bad setting by its variable, without the value: it may be a secret."""
    problems = [
        "LEADFALL_"
        + "__".join(str(part).upper() for part in each["loc"])
        + f": {_SENTENCES.get(each['type'], each['msg'])}"
        for each in error.errors(include_input=False, include_url=False)
    ]
    return "Settings cannot be used. " + "; ".join(problems)


def _about_system(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "The port is in use by another program; choose another one."
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "The database does not answer in time. Check LEADFALL_DATABASE_URL."
    if error.filename is None and isinstance(error, ConnectionError | OSError):
        return f"Cannot connect: {_first_line(error)}. Check LEADFALL_DATABASE_URL."
    return f"{error.strerror}: {error.filename}"


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__

"""The secrets of a local run, made once and kept in the data folder for its owner's eyes only."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
from cryptography.fernet import Fernet

from service.commands.failures import CommandFailure
from service.domain.api_key import ApiKey, new_key
from service.domain.kinds import Face

FILE_NAME: Final = "secrets.json"


@dataclass(frozen=True, slots=True)
class KeptSecrets:
    """What must be the same at each start.

    Attributes:
        secret_key: encrypts the secrets in the database.
        keys: one API key for each face; the database has only their hashes.
    """

    secret_key: str = field(repr=False)
    keys: dict[Face, ApiKey] = field(repr=False)


def keep_secrets(folder: Path) -> KeptSecrets:
    """Return the secrets of a data folder; both are made if they are not there.

    Raises:
        CommandFailure: the file cannot be read as one of ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE_NAME
    if not file.exists():
        _write(file, _new_secrets())
    try:
        return _read(file.read_bytes())
    except (ValueError, KeyError, TypeError):
        raise CommandFailure(
            f"{file} is not readable as the secrets of this data folder; "
            "put it back, or choose another folder."
        ) from None


def _new_secrets() -> KeptSecrets:
    return KeptSecrets(Fernet.generate_key().decode(), {face: new_key(face) for face in Face})


def _read(text: bytes) -> KeptSecrets:
    kept = orjson.loads(text)
    keys = {face: ApiKey(kept["keys"][face]["text"], kept["keys"][face]["hint"]) for face in Face}
    return KeptSecrets(kept["secret_key"], keys)


def _write(file: Path, secrets: KeptSecrets) -> None:
    """Write the whole file or nothing: a kill in between must not leave half of a secret."""
    shown = {
        "secret_key": secrets.secret_key,
        "keys": {
            face.value: {"text": key.text, "hint": key.hint} for face, key in secrets.keys.items()
        },
    }
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
        opened.flush()
        os.fsync(opened.fileno())
    unfinished.rename(file)

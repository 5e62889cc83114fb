"""Random passwords that live in a data folder."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 24


def make_secret() -> str:
    """Make a password of hex digits, safe in a URL, in SQL and in a configuration line."""
    return secrets.token_hex(SECRET_BYTES)


def read_or_make_secret(path: Path) -> str:
    """Return the password kept in a file that only its owner may read; make it at first use."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        pass
    secret = make_secret()
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with open(
        unfinished, "x", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)
    ) as file:
        file.write(secret)
    unfinished.rename(path)
    return secret

"""Verifies a request that was written to a file."""

import time
from pathlib import Path

from service.commands.failures import CommandFailure
from service.commands.hooks.listener import read_key
from service.domain.signature_diagnosis import Diagnosis, diagnose, parse_request


def verify_captured(request: Path, secret: str, at_s: int | None) -> Diagnosis:
    """Return what is to be said of the request in a file.

    Args:
        at_s: when it arrived, in seconds since 1970; None for now.

    Raises:
        CommandFailure: the file holds no request, or the secret is none.
    """
    key = read_key(secret)
    try:
        headers, body = parse_request(request.read_bytes())
    except ValueError as error:
        raise CommandFailure(f"{request} holds no request: {error}.") from None
    return diagnose(headers, body, key, time.time() if at_s is None else at_s)

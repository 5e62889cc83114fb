"""Opens the box of secrets for commands that write or read one."""

import sys

from service.commands.failures import CommandFailure
from service.edges.secret_box import SecretBox
from service.settings import Settings


def open_box(settings: Settings) -> SecretBox:
    """Return the box that the operator's keys open.

    Raises:
        CommandFailure: the keys are missing or cannot be used.
    """
    try:
        return SecretBox([key.get_secret_value() for key in settings.secret_keys])
    except ValueError as error:
        raise CommandFailure(
            f"{error}. Make one with: {sys.executable} -c 'from cryptography.fernet import Fernet; "
            "print(Fernet.generate_key().decode())'"
        ) from None


def optional_box(settings: Settings) -> SecretBox | None:
    """Return the box, or None where the operator has set no keys.

    Raises:
        CommandFailure: there are keys and they cannot be used.
    """
    return open_box(settings) if settings.secret_keys else None

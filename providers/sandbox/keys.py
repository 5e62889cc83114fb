"""The API keys every sandbox vendor understands; any other key is a bad one."""

from enum import StrEnum
from typing import Final

CREDITS_AT_START: Final = 1_000_000
_USER_PREFIX: Final = "sandbox-user-"
_KEY_LENGTH_MAX: Final = 64


class Account(StrEnum):
    """The state of the account behind a key."""

    WORKING = "working"
    EMPTY = "empty"
    LIMITED = "limited"
    UNKNOWN = "unknown"


_ACCOUNTS: Final = {
    "sandbox": Account.WORKING,
    "sandbox-empty": Account.EMPTY,
    "sandbox-limited": Account.LIMITED,
}


def account_of(key: str) -> Account:
    """Return the account behind a key; `sandbox-user-<anything>` are further working ones."""
    if key.startswith(_USER_PREFIX) and len(key) <= _KEY_LENGTH_MAX:
        return Account.WORKING
    return _ACCOUNTS.get(key, Account.UNKNOWN)

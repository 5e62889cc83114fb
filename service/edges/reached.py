"""Remembers which addresses answered last: whoever reaches somebody has a network that works."""

from functools import lru_cache
from typing import Final

from service.domain.public_address import read_address, refusal_of

ADDRESSES_JUDGED: Final = 4_096


class Reached:
    """When addresses were last heard of, public ones apart from those of our own network."""

    def __init__(self) -> None:
        # Of each sort the newest two: one of them is always another than the one asked about.
        self._newest: dict[bool, list[tuple[str, float]]] = {True: [], False: []}

    def note(self, address: str, at_s: float) -> None:
        """Take in that an address answered."""
        sort = _is_public(address)
        kept = [(address, at_s)]
        kept += [each for each in self._newest[sort] if each[0] != address][:1]
        self._newest[sort] = kept

    def others_since(self, address: str, since_s: float) -> bool:
        """Tell whether another address of the same sort answered since then."""
        return any(
            other != address and at_s >= since_s
            for other, at_s in self._newest[_is_public(address)]
        )


@lru_cache(maxsize=ADDRESSES_JUDGED)
def _is_public(address: str) -> bool:
    read = read_address(address)
    return read is not None and refusal_of(read) is None

"""Loads named SQL statements from the `.sql` files that stand beside the store modules."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_NAME: Final = re.compile(r"^-- name: ([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)


@cache
def load_statements(group: str) -> Mapping[str, str]:
    """Return the statements of `<group>.sql` by name.

    A statement starts at a line `-- name: words_like_this` and ends at the next one.

    Raises:
        ValueError: a name stands twice in the file.
    """
    text = files("service.store").joinpath(f"{group}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    names, bodies = parts[0::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{group}.sql names a statement twice")
    return MappingProxyType({name: body.strip() for name, body in zip(names, bodies, strict=True)})

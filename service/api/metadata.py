"""What callers may note on a job: strings under names of their own, given back with its results."""

from typing import Annotated, Final

import orjson
from pydantic import Field

METADATA_BYTES_MAX: Final = 4_096

Metadata = Annotated[dict[str, str], Field(max_length=METADATA_BYTES_MAX)]


def metadata_problems(metadata: dict[str, str] | None) -> dict[str, str]:
    """Return what is wrong with metadata beyond its types, by field."""
    if metadata is None or len(orjson.dumps(metadata)) <= METADATA_BYTES_MAX:
        return {}
    return {"metadata": f"metadata must have at most {METADATA_BYTES_MAX} bytes as JSON"}

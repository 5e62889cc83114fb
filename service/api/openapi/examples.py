"""Makes an example of a schema out of the examples of its parts."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import JsonSchemaValue

from service.api.openapi.schemas import REF

_REF_PREFIX: Final = REF.format(model="")
_PLAIN: Final = {"string": "text", "boolean": True, "null": None}
_MOMENT: Final = "2026-01-31T09:00:00.000Z"


def example_of(schema: JsonSchemaValue, defined: Mapping[str, Any]) -> Any:
    """Return a value of a schema: its own example, or one built of its parts' examples.

    Raises:
        LookupError: a part says neither what it is nor shows an example.
    """
    if "$ref" in schema:
        return example_of(defined[schema["$ref"].removeprefix(_REF_PREFIX)], defined)
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if name in schema:
            return schema[name][0]
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return example_of(schema[name][0], defined)
    return _of_type(schema, defined)


def _of_type(schema: JsonSchemaValue, defined: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            parts = schema.get("properties", {})
            return {name: example_of(part, defined) for name, part in parts.items()}
        case "array":
            return [example_of(schema["items"], defined)]
        case "string" if schema.get("format") == "date-time":
            return _MOMENT
        case "integer" | "number":
            return schema.get("minimum", 1)
        case str(kind) if kind in _PLAIN and "pattern" not in schema:
            return _PLAIN[kind]
        case _:
            raise LookupError(f"no example: {schema}")

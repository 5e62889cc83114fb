"""The filter grammar as JSON Schema, for whoever publishes what a body may hold."""

from typing import Any, Final

from service.domain.lead_filter import ALIASES, KEYS, VALUE_CHARACTERS_MAX, VALUES_MAX

_TEXT: Final = {"type": "string", "maxLength": VALUE_CHARACTERS_MAX}
_TEXTS: Final = {"type": "array", "items": _TEXT, "maxItems": VALUES_MAX}
_VALUES: Final = {"anyOf": [_TEXT, _TEXTS]}
_SIDES: Final = {
    "type": "object",
    "properties": {"must": _VALUES, "doesnt": _VALUES},
    "additionalProperties": False,
}

FILTER_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Each key is a condition, and all must hold: a text, an array (any of), or "
    "`must` and `doesnt`. Case is ignored.",
    "properties": {key: {"anyOf": [_TEXT, _TEXTS, _SIDES]} for key in KEYS},
    "additionalProperties": False,
    # Two names of one column are refused together.
    "allOf": [{"not": {"required": [alias, column]}} for alias, column in ALIASES.items()],
    "examples": [{"job_title": ["engineer", "analyst"], "location": {"doesnt": "Paris"}}],
}

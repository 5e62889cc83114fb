"""Writes the page of each event in `docs/events`, from its model and its example.

`python -m tests.api.event_pages` writes them anew; a test holds them to the models.
"""

from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args

import orjson
from pydantic import BaseModel

from service.api.event_examples import EXAMPLES
from service.api.event_models import DATA_MODELS
from service.domain.event_types import EventType

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "events"

_BORN_AT: Final = "2026-01-01T00:05:00.000Z"
_RECEIVERS: Final = {
    EventType.ENRICHMENT_COMPLETED: "The job's `webhook_url`, and endpoints that subscribe.",
    EventType.ENRICHMENT_FAILED: "The job's `webhook_url`, and endpoints that subscribe.",
    EventType.ENRICHMENT_CANCELLED: "The job's `webhook_url`, and endpoints that subscribe.",
    EventType.LEAD_ENRICHED: "The job's `webhook_url`, and endpoints that subscribe; only for "
    "jobs that ask with `lead_events` (Seleqt) or `leadEvents` (SendKit).",
    EventType.TEST: "The endpoint that is tested, whatever it subscribes to.",
    EventType.ENDPOINT_DISABLED: "Other endpoints that subscribe; for the one that was disabled "
    "it waits parked with the rest.",
    EventType.ENDPOINT_EXHAUSTED: "Other endpoints that subscribe, and not the one it is about.",
}
_FOOT: Final = (
    "More fields may come: ignore those you do not know. "
    "How to verify and answer: [Webhooks](../webhooks.md)."
)
_SUBSCRIBERS: Final = "Endpoints that subscribe."


def page(event_type: EventType) -> str:
    """Return the page of an event."""
    models = models_of(event_type)
    body = {"type": event_type, "timestamp": _BORN_AT, "data": EXAMPLES[event_type]}
    example = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    parts = [
        f"# `{event_type}`",
        *dict.fromkeys(said(model) for model in models),
        f"**Goes to:** {_RECEIVERS.get(event_type, _SUBSCRIBERS)}",
        f"```json\n{example}\n```",
        *(table(model) for model in with_parts(models)),
        _FOOT,
    ]
    return "\n\n".join(parts) + "\n"


def models_of(event_type: EventType) -> list[type[BaseModel]]:
    """Return the models of an event's data: one, or one for each face."""
    data = DATA_MODELS[event_type]
    return list(get_args(data)) if isinstance(data, UnionType) else [data]


def with_parts(models: Sequence[type[BaseModel]]) -> list[type[BaseModel]]:
    """Return the models, and after each those that its fields are made of."""
    found: dict[type[BaseModel], None] = {}
    for model in models:
        found[model] = None
        found |= dict.fromkeys(with_parts(parts_of(model)))
    return list(found)


def parts_of(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the models that the fields of one are directly made of."""
    inside = [each for field in model.model_fields.values() for each in leaves(field.annotation)]
    return [each for each in inside if isinstance(each, type) and issubclass(each, BaseModel)]


def leaves(annotation: Any) -> list[Any]:
    """Return what an annotation is composed of."""
    arguments = get_args(annotation)
    return [leaf for each in arguments for leaf in leaves(each)] if arguments else [annotation]


def table(model: type[BaseModel]) -> str:
    """Return the fields of a model as a table under its name."""
    schema = model.model_json_schema()
    shared = schema.get("$defs", {})
    asked = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {sort(field, shared)}{'' if name in asked else ', may be absent'} "
        f"| {field.get('description', '')} |"
        for name, field in schema["properties"].items()
    ]
    head = ["| field | type | |", "| --- | --- | --- |"]
    return "\n".join([f"## {model.__name__}", "", said(model), "", *head, *rows])


def sort(field: dict[str, Any], shared: dict[str, Any]) -> str:  # noqa: PLR0911 - one return for each sort of type
    """Return the type of a field in words."""
    match field:
        case {"$ref": str(ref)}:
            name = ref.rpartition("/")[2]
            return sort(shared[name], shared) if "enum" in shared.get(name, {}) else name
        case {"anyOf": list(kinds)}:
            return " or ".join(sort(each, shared) for each in kinds)
        case {"const": value}:
            return f"`{orjson.dumps(value).decode()}`"
        case {"enum": list(values)}:
            return " or ".join(f'`"{each}"`' for each in values)
        case {"type": "array", "items": items}:
            return f"list of {sort(items, shared)}"
        case {"type": "string", "format": "date-time"}:
            return "date and time"
        case _:
            return str(field.get("type", "anything"))


def said(model: type[BaseModel]) -> str:
    """Return what a model says of itself."""
    return " ".join((model.__doc__ or "").split())


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for event_type in EventType:
        (FOLDER / f"{event_type}.md").write_text(page(event_type), encoding="utf-8")


if __name__ == "__main__":
    main()

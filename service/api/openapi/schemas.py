"""Makes JSON Schema from the models of bodies, answers and events."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

REF: Final = "#/components/schemas/{model}"


class _Schemas(GenerateJsonSchema):
    """Leaves out the titles of fields, which only repeat their names."""

    def field_title_should_be_set(
        self,
        schema: core_schema.CoreSchema  # noqa: ARG002 - the signature is the library's
        | core_schema.ModelField
        | core_schema.DataclassField
        | core_schema.TypedDictField
        | core_schema.ComputedField
        | core_schema.DataclassArgsSchema,
    ) -> bool:
        return False


def definitions(models: Iterable[type[BaseModel]]) -> tuple[dict[type[BaseModel], Any], Any]:
    """Return each model's schema, and the definitions to which all of them refer."""
    given = [(model, "validation") for model in dict.fromkeys(models)]
    made, shared = models_json_schema(
        given,  # type: ignore[arg-type] # a list of such pairs is one of the wider type
        ref_template=REF,
        schema_generator=_Schemas,
    )
    defined = shared.get("$defs", {})
    return {model: made[(model, "validation")] for model, _ in given}, defined

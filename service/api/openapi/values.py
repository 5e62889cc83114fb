"""What the models of answers share: a closed base, and fields with their formats and examples."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel


class Answer(BaseModel):
    """An answer in snake case, as the Seleqt face has them: nothing but these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Envelope(BaseModel):
    """What goes around something else: nothing but these fields, for models made as they come."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CamelAnswer(Answer):
    """An answer in camel case, as the SendKit face has them: nothing but these fields."""

    model_config = ConfigDict(alias_generator=to_camel)


def wrapped(data: type[BaseModel]) -> type[BaseModel]:
    """Return the model of SendKit's envelope around one thing."""
    return create_model(
        f"{data.__name__}Answer",
        __base__=Envelope,
        __doc__=data.__doc__,
        success=(Literal[True], ...),
        data=(data, ...),
    )


def paged(
    row: type[BaseModel], pagination: type[BaseModel], said: str, *, name: str | None = None
) -> type[BaseModel]:
    """Return the model of SendKit's envelope around a page."""
    return create_model(
        name or f"{row.__name__}Page",
        __base__=Envelope,
        __doc__=said,
        success=(Literal[True], ...),
        data=(list[row], ...),  # type: ignore[valid-type] # the row is a model
        pagination=(pagination, ...),
    )


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def may_lack(description: str) -> Any:
    """Return the default of a field that some answers do not have; where it is, it is not null."""
    return Field(default=None, description=description, json_schema_extra=_without_default)


Moment = Annotated[AwareDatetime, Field(examples=["2026-01-31T09:00:00.000Z"])]
Count = Annotated[int, Field(ge=0, examples=[2])]
Credits = Annotated[int, Field(ge=0, examples=[6])]
Metadata = Annotated[dict[str, str], Field(examples=[{"campaign": "spring"}])]
JobId = Annotated[str, Field(examples=["bulk_email_verification_1710000000000_abc1234"])]
ObjectId = Annotated[str, Field(pattern="^[0-9a-f]{24}$", examples=["65f0c1d2e3a4b5c6d7e8f901"])]
WorkspaceId = Annotated[str, Field(examples=["65f0c1d2e3a4b5c6d7e8f900"])]
Text = Annotated[str | None, Field(examples=["Ada"])]
Cursor = Annotated[str | None, Field(examples=[None], description="Null on the last page.")]

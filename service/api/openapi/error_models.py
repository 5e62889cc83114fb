"""How each face shows an error, as models from which the published schemas are made."""

from typing import Annotated, Literal

from pydantic import Field

from service.api.openapi.values import Answer, CamelAnswer, may_lack

Sentence = Annotated[str, Field(description="What was wrong, in a sentence.")]


class SeleqtError(Answer):
    """An error of the Seleqt face; its stable code is in the header `X-Error-Code`."""

    error: Sentence
    message: str = may_lack("What to do.")


class SeleqtCreditsShort(Answer):
    """The balance does not cover the request; nothing was charged."""

    success: Literal[False]
    error: Literal["insufficient_credits"]
    message: Sentence


class BadFields(CamelAnswer):
    """What is wrong with each bad field, by its path."""

    fields: dict[str, str]


class CreditsShort(CamelAnswer):
    """What the request costs, and what there is."""

    required: int
    available: int
    leads: int
    enrichment_types: list[str]


class UnknownLeads(CamelAnswer):
    """Some of the ids given that name no lead of the workspace, and how many there are."""

    lead_ids: list[str]
    count: int


class KnownProviders(CamelAnswer):
    """The providers there are."""

    providers: list[str]


class KnownLead(CamelAnswer):
    """The lead that has the address already."""

    lead_id: str


Details = BadFields | CreditsShort | UnknownLeads | KnownProviders | KnownLead


class SendKitProblem(CamelAnswer):
    """What went wrong."""

    code: Annotated[str, Field(description="Stable; also in the header `X-Error-Code`.")]
    message: Sentence
    details: Details = may_lack("More about it, by the code.")


class SendKitError(CamelAnswer):
    """An error of the SendKit face."""

    success: Literal[False]
    error: SendKitProblem


class FlatError(Answer):
    """An error in the flat form of SendKit's page about workspaces' keys."""

    error: Annotated[str, Field(description="The status in words.")]
    message: Sentence
    code: Annotated[int, Field(description="The status; the stable code is in `X-Error-Code`.")]


SELEQT_ERRORS = SeleqtError | SeleqtCreditsShort

"""What is asked by probes and told by vendors: no face, and no key."""

from typing import Annotated, Final, Literal

from pydantic import Field

from service.api.openapi.operation import JSON, Access, Operation, Operations, Sent
from service.api.openapi.parameters import in_path
from service.api.openapi.prose import OPERATION
from service.api.openapi.values import Answer
from service.errors import NotFound


class HealthCheck(Answer):
    """One check; `value` is measured in `unit`, and from `threshold` on it does not pass."""

    name: Annotated[str, Field(examples=["event_loop_lag"])]
    status: Literal["pass", "warn", "fail"]
    message: Annotated[str, Field(examples=["One turn of the event loop took 0.0001 s."])]
    value: Annotated[float | None, Field(examples=[0.0001])]
    unit: Annotated[str | None, Field(examples=["s"])]
    threshold: Annotated[float | None, Field(examples=[5.0])]


class HealthAnswer(Answer):
    """Whether the process can do its work."""

    status: Literal["pass", "warn", "fail"]
    role: Annotated[str, Field(examples=["api"])]
    checks: list[HealthCheck]


class Taken(Answer):
    """The vendor was heard; its results are fetched from it."""

    success: Literal[True]


OPERATIONS: Final[Operations] = {
    ("GET", "/livez"): Operation(
        "isAlive",
        "Tell whether the process lives",
        OPERATION,
        Access.OPEN,
        HealthAnswer,
        failing=HealthAnswer,
    ),
    ("GET", "/readyz"): Operation(
        "isReady",
        "Tell whether the process is ready for work",
        OPERATION,
        Access.OPEN,
        HealthAnswer,
        failing=HealthAnswer,
    ),
    ("POST", "/v1/callbacks/{provider}/{token}"): Operation(
        "takeCallback",
        "Hear from a vendor that a submission is ready",
        OPERATION,
        Access.OPEN,
        Taken,
        description="Only wakes a worker: what the body says is never believed.",
        parameters=(
            in_path("provider", "The vendor.", "fullenrich"),
            in_path("token", "The secret of the submission.", "made-up"),
        ),
        body=Sent({JSON: {}}, required=False, examples={JSON: {"id": "made-up"}}),
        errors=(NotFound,),
    ),
}

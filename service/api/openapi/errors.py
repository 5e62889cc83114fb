"""The errors that operations publish: which, with what status and code, and how each face shows it.

An example of each is shown by the very code that answers callers.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from service.api.openapi.operation import Access, Operation
from service.api.rate_limit import RateLimitExceeded
from service.api.refusals import (
    BodyTooLarge,
    BodyTooSlow,
    Forbidden,
    MalformedBody,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from service.api.seleqt.errors import seleqt_error
from service.api.sendkit.errors import CreditsMissing, flat_error, sendkit_error
from service.errors import (
    DeliveryUnderWay,
    EndpointOff,
    FilterTooBroad,
    InsufficientCredits,
    InvalidRequest,
    JobNotCancellable,
    KeyChecksLimited,
    KeyInProgress,
    KeyReused,
    KeysStillSigning,
    LeadExists,
    LeadfallError,
    NotFound,
    NoUsableStep,
    PersonSuppressed,
    ProviderKeyRejected,
    ProviderLacksCapability,
    ProviderNotConfigured,
    ReplayRunning,
    SecretsUnavailable,
    SuppressionsUnreadable,
    TooBusy,
    TooManyEndpoints,
    WorkspaceKeyExists,
    WrongListType,
)

_SHORT: Final = InsufficientCredits(required=30, available=12)
_BODY_BYTES_MAX: Final = 4 * 1024 * 1024

SAMPLES: Final[Mapping[type[LeadfallError], LeadfallError]] = {
    type(each): each
    for each in (
        InvalidRequest("limit must be at most 100", {"limit": "limit must be at most 100"}),
        MalformedBody("Request body is not valid JSON", "See line 1, column 2 of the body"),
        WrongListType(),
        FilterTooBroad(2),
        NoUsableStep("FIND_PHONE", ["LEADFALL_PROVIDERS__LEADMAGIC__API_KEY"]),
        ProviderNotConfigured("Email", "zerobounce"),
        ProviderKeyRejected("ZeroBounce does not accept this key."),
        KeyChecksLimited("ZeroBounce", 3),
        ProviderLacksCapability("Phone", "zerobounce", ["enrich", "leadmagic"]),
        _SHORT,
        CreditsMissing(_SHORT, lead_count=30, requested=["email"]),
        Unauthenticated("Invalid API key", "Send a live key of this API"),
        Forbidden("Access denied", "X-Workspace-Id names another workspace than the key's"),
        NotFound("There is nothing with this id; check the URL"),
        PersonSuppressed(),
        LeadExists("65f0c1d2e3a4b5c6d7e8f901"),
        WorkspaceKeyExists(),
        JobNotCancellable(),
        TooManyEndpoints(50),
        KeysStillSigning(3, "2026-02-01T09:00:00.000Z"),
        EndpointOff(),
        DeliveryUnderWay(),
        ReplayRunning(),
        KeyReused(),
        KeyInProgress(),
        BodyTooSlow(30),
        BodyTooLarge(_BODY_BYTES_MAX),
        UnsupportedMediaType(),
        RateLimitExceeded("Rate limit exceeded"),
        TooBusy(),
        Unavailable(),
        SecretsUnavailable(),
        SuppressionsUnreadable(),
    )
}


def errors_of(operation: Operation) -> Iterator[LeadfallError]:
    """Yield an instance of every error that an operation can answer with, each once."""
    yield from (SAMPLES[each] for each in dict.fromkeys(_types_of(operation)))


def _types_of(operation: Operation) -> Iterator[type[LeadfallError]]:
    access = operation.access
    if operation.body is not None:
        yield from (BodyTooSlow, BodyTooLarge, MalformedBody, UnsupportedMediaType)
    if access is not Access.OPEN:
        yield from (InvalidRequest, Unauthenticated, RateLimitExceeded)
    if access not in {Access.OPEN, Access.SELEQT}:
        yield Forbidden
    yield from operation.errors
    if operation.failing is None:
        yield Unavailable
    yield TooBusy


def shown(operation: Operation, error: LeadfallError) -> tuple[int, dict[str, Any]]:
    """Return the status and the body with which an operation answers for an error."""
    render = seleqt_error if operation.access is Access.SELEQT else sendkit_error
    if operation.flat_errors and not isinstance(error, Unavailable | TooBusy):
        render = flat_error
    answer = render(error)
    body: dict[str, Any] = orjson.loads(answer.body)  # type: ignore[arg-type] # bytes here
    return answer.status, body

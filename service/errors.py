"""Every error a flow can answer with, in one tree.

LeadfallError
├── InvalidRequest            the caller's input; names each bad field
│   ├── WrongListType
│   ├── FilterTooBroad        finding what it means takes too long
│   ├── CursorStale           the lead that it follows was deleted
│   └── NoUsableStep          the operator must configure a provider
├── ProviderNotConfigured     own-key provider without a key
│   └── ProviderDisabled      it has one, switched off
├── ProviderKeyRejected       the vendor does not accept the key
├── KeyChecksLimited          the vendor would be asked about keys too often
├── ProviderLacksCapability
├── InsufficientCredits
├── NotFound                  a list, lead or job of this workspace
├── PersonSuppressed          nothing of this person may be kept or looked up
├── LeadExists                its address was given for another lead
├── WorkspaceKeyExists        a workspace has one at most
├── JobNotCancellable         it has ended already
├── TooManyEndpoints          the workspace has as many as it may have
├── KeysStillSigning          three secrets sign already; one must expire first
├── EndpointOff               nothing can be replayed to an endpoint that is off
├── DeliveryUnderWay          it is on its way, or withdrawn
├── ReplayRunning             one at a time for an endpoint
├── KeyReused                 an Idempotency-Key with another body
├── KeyInProgress             the first request of that key is not finished
├── SecretsUnavailable        the operator must set a key to encrypt with
├── SuppressionsUnreadable    the operator must set the key that opens the suppression list
└── TooBusy                   a bound of ours was reached; try again

Each class has a stable `code` and an HTTP `status`; a face may show others of its own (SendKit
answers 402 where Seleqt answers 400), but never another meaning.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

PERSON_SUPPRESSED: Final = "This person must not be kept or looked up"


class LeadfallError(Exception):
    """Something a caller did or met, told in a sentence that is safe to show them."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(LeadfallError):  # noqa: N818 - reads as what it is, here and below
    """The request cannot be understood; nothing was done.

    Attributes:
        fields: what is wrong, by the path of each bad field.
    """

    code = "VALIDATION_ERROR"
    status = 400

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class WrongListType(InvalidRequest):
    """The list holds companies, and only people can be enriched."""

    def __init__(self) -> None:
        super().__init__("Email/phone enrichment is only available for people lists")


class FilterTooBroad(InvalidRequest):
    """Finding what a filter means takes longer than a request may."""

    code = "FILTER_TOO_BROAD"

    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            f"Finding these leads takes longer than {timeout_s:g} s; narrow the filter, for "
            "instance by longer words in its texts or by fewer conditions, and sort by id"
        )


class CursorStale(InvalidRequest):
    """What a cursor points at was deleted, and its place in the order with it."""

    def __init__(self) -> None:
        sentence = "cursor follows a lead that was deleted; begin again without a cursor"
        super().__init__(sentence, {"cursor": sentence})


class NoUsableStep(InvalidRequest):
    """No provider that could do this kind is configured."""

    code = "NO_PROVIDER_AVAILABLE"

    def __init__(self, requested_as: str, settings: Sequence[str]) -> None:
        super().__init__(
            f"{requested_as} is not available on this server: no provider for it is configured. "
            f"The operator can set {' or '.join(settings)}."
        )


class ProviderNotConfigured(LeadfallError):  # noqa: N818
    """The workspace has no key for the provider it asked for."""

    code = "PROVIDER_NOT_CONFIGURED"
    status = 400

    def __init__(self, purpose: str, provider: str) -> None:
        super().__init__(
            f'{purpose} provider "{provider}" is not configured. '
            f"Add your API key via PUT /v1/enrichment-settings/{provider}"
        )


class ProviderDisabled(ProviderNotConfigured):
    """The workspace has a key for the provider it asked for, and has switched it off."""

    def __init__(self, purpose: str, provider: str) -> None:
        LeadfallError.__init__(
            self,
            f'{purpose} provider "{provider}" is disabled. '
            "Enable it via PATCH /v1/enrichment-settings",
        )


class ProviderKeyRejected(LeadfallError):  # noqa: N818
    """The vendor does not accept the key that was to be kept; nothing was kept."""

    code = "PROVIDER_KEY_REJECTED"
    status = 400

    def __init__(self, said: str) -> None:
        super().__init__(f"{said} It was not saved; check it with the vendor and send it again.")


class KeyChecksLimited(LeadfallError):  # noqa: N818
    """The vendor may not be asked about another key now; nothing was kept.

    Attributes:
        retry_after_s: whole seconds until it is worth another try.
    """

    code = "PROVIDER_CHECKS_LIMITED"
    status = 429

    def __init__(self, provider: str, retry_after_s: int) -> None:
        super().__init__(
            f"{provider} cannot be asked about another key now, because it limits how often it is "
            f"asked. Nothing was saved; try again in {retry_after_s} s."
        )
        self.retry_after_s = retry_after_s


class ProviderLacksCapability(InvalidRequest):
    """The provider exists but cannot do this."""

    code = "PROVIDER_LACKS_CAPABILITY"

    def __init__(self, purpose: str, provider: str, able: Sequence[str]) -> None:
        super().__init__(
            f'{purpose} provider "{provider}" cannot do this. Use one of: {", ".join(able)}'
        )


class InsufficientCredits(LeadfallError):  # noqa: N818
    """The balance does not cover the charge; nothing was charged."""

    code = "INSUFFICIENT_CREDITS"
    status = 402

    def __init__(self, *, required: int, available: int) -> None:
        super().__init__(f"Not enough credits. Need {required}, have {available}")
        self.required = required
        self.available = available


class NotFound(LeadfallError):  # noqa: N818
    """No such thing in this workspace."""

    code = "NOT_FOUND"
    status = 404

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})


class PersonSuppressed(LeadfallError):  # noqa: N818
    """The person was erased, opted out, or must not be processed by law; nothing was created."""

    code = "PERSON_SUPPRESSED"
    status = 409

    def __init__(self) -> None:
        super().__init__(f"{PERSON_SUPPRESSED}. The operator can lift a suppression.")


class LeadExists(LeadfallError):  # noqa: N818
    """The workspace has a lead that was given with this e-mail address; nothing was created.

    Attributes:
        details: `leadId` of that lead.
    """

    code = "DUPLICATE_LEAD"
    status = 409

    def __init__(self, lead_public_id: str | None) -> None:
        super().__init__(
            "A lead with this email is there already; change it via PATCH /v1/leads/{id}"
        )
        self.details = {} if lead_public_id is None else {"leadId": lead_public_id}


class WorkspaceKeyExists(LeadfallError):  # noqa: N818
    """The workspace has a live key; a second one is not made."""

    code = "CONFLICT"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "This workspace has an API key already. Use that one, or have the operator revoke it."
        )


class JobNotCancellable(LeadfallError):  # noqa: N818
    """The job has ended, or was cancelled before."""

    code = "JOB_NOT_CANCELLABLE"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "Only a pending or processing job can be cancelled; this one has ended. "
            "Read its results instead."
        )


class TooManyEndpoints(LeadfallError):  # noqa: N818
    """The workspace has as many endpoints as it may have."""

    code = "TOO_MANY_WEBHOOKS"
    status = 409

    def __init__(self, count_max: int) -> None:
        super().__init__(f"A workspace has at most {count_max} webhooks; delete one first.")


class KeysStillSigning(LeadfallError):  # noqa: N818
    """As many secrets sign at once as may; nothing was rotated."""

    code = "ROTATION_MUST_WAIT"
    status = 409

    def __init__(self, count_max: int, until: str) -> None:
        super().__init__(
            f"{count_max} secrets sign already, which is the most. "
            f"The next rotation is possible from {until}."
        )


class EndpointOff(LeadfallError):  # noqa: N818
    """The endpoint is off: what were replayed would only be parked."""

    code = "WEBHOOK_INACTIVE"
    status = 409

    def __init__(self) -> None:
        super().__init__("This webhook is inactive; enable it before replaying to it.")


class DeliveryUnderWay(LeadfallError):  # noqa: N818
    """The delivery is on its way at this moment, or its endpoint was deleted."""

    code = "DELIVERY_NOT_REPLAYABLE"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "This delivery is being sent or was withdrawn; it cannot be replayed now. "
            "Look at its state, and try again once an attempt that is under way has ended."
        )


class ReplayRunning(LeadfallError):  # noqa: N818
    """The endpoint has a replay that is not finished."""

    code = "REPLAY_RUNNING"
    status = 409

    def __init__(self) -> None:
        super().__init__("A replay of this webhook is still running; wait for it or cancel it.")


class KeyReused(LeadfallError):  # noqa: N818
    """The Idempotency-Key belongs to a request with another body."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used with another request body. "
            "Send the same body again, or use a new key."
        )


class KeyInProgress(LeadfallError):  # noqa: N818
    """The first request with this Idempotency-Key is still being accepted."""

    code = "IDEMPOTENCY_KEY_IN_PROGRESS"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            "The first request with this Idempotency-Key is not finished; try again in a second."
        )


class TooBusy(LeadfallError):  # noqa: N818
    """A bound of this server was reached; nothing was done."""

    code = "TOO_BUSY"
    status = 503

    def __init__(self) -> None:
        super().__init__("The server is busy; nothing was done. Try again in a few seconds.")


class SecretsUnavailable(LeadfallError):  # noqa: N818
    """Secrets cannot be kept or read, because there is nothing to encrypt them with."""

    code = "SECRETS_NOT_CONFIGURED"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "Secrets of webhooks and keys of providers cannot be kept or read on this server yet. "
            "The operator must set LEADFALL_SECRET_KEYS, the same for the API and for the workers."
        )


class SuppressionsUnreadable(LeadfallError):  # noqa: N818
    """It cannot be told who must not be looked up, so nothing is done."""

    code = "SUPPRESSIONS_UNREADABLE"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "The suppression list cannot be used on this server yet. The operator must set "
            "LEADFALL_SECRET_KEYS, the same for the API and for the workers."
        )

"""Every error a flow can answer with, in one tree.

LeadfallError
├── InvalidRequest            the caller's input; names each bad field
│   ├── WrongListType
│   └── NoUsableStep          the operator must configure a provider
├── ProviderNotConfigured     own-key provider without a key
│   └── ProviderDisabled      it has one, switched off
├── ProviderKeyRejected       the vendor does not accept the key
├── ProviderLacksCapability
├── InsufficientCredits
├── NotFound                  a list, lead or job of this workspace
├── JobNotCancellable         it has ended already
├── KeyReused                 an Idempotency-Key with another body
├── KeyInProgress             the first request of that key is not finished
├── SecretsUnavailable        the operator must set a key to encrypt with
└── TooBusy                   a bound of ours was reached; try again

Each class has a stable `code` and an HTTP `status`; a face may show others of its own (SendKit
answers 402 where Seleqt answers 400), but never another meaning.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


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
        super().__init__(f"{said} It was not saved.")


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


class JobNotCancellable(LeadfallError):  # noqa: N818
    """The job has ended, or was cancelled before."""

    code = "JOB_NOT_CANCELLABLE"
    status = 409

    def __init__(self) -> None:
        super().__init__("Only a pending or processing job can be cancelled; this one has ended.")


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
        super().__init__("The first request with this Idempotency-Key is not finished; try again.")


class TooBusy(LeadfallError):  # noqa: N818
    """A bound of this server was reached; nothing was done."""

    code = "TOO_BUSY"
    status = 503

    def __init__(self) -> None:
        super().__init__("The server is busy; nothing was done. Try again in a few seconds.")


class SecretsUnavailable(LeadfallError):  # noqa: N818
    """Providers' keys cannot be kept, because there is nothing to encrypt them with."""

    code = "SECRETS_NOT_CONFIGURED"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "Provider keys cannot be kept on this server yet. The operator must set "
            "LEADFALL_SECRET_KEYS, for the API and for the workers."
        )

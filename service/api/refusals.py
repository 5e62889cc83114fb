"""Refusals that only HTTP knows: they come before a request reaches any flow."""

from typing import ClassVar

from service.errors import LeadfallError


class Refusal(LeadfallError):  # noqa: N818 - reads as what it is, here and below
    """A request that was not understood as one of this API's.

    Attributes:
        advice: what to change, where the message alone does not say it.
    """

    advice: str | None = None

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self.advice = advice


class MalformedBody(Refusal):
    """The body cannot be read."""

    code = "VALIDATION_ERROR"
    status = 400


class Unauthenticated(Refusal):
    """No key, or none that is live."""

    code = "UNAUTHORIZED"
    status = 401


class Forbidden(Refusal):
    """The key is live, but not for this."""

    code = "FORBIDDEN"
    status = 403


class UnknownRoute(Refusal):
    """Nothing is at this path."""

    code = "NOT_FOUND"
    status = 404

    def __init__(self) -> None:
        super().__init__("Not found", "There is nothing at this path; check the URL")


class MethodNotAllowed(Refusal):
    """The path is right, the method is not."""

    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, allowed: str) -> None:
        super().__init__("Method not allowed", f"Use {allowed}")
        self.allowed = allowed


class BodyTooSlow(Refusal):
    """The body did not arrive in time."""

    code = "REQUEST_TIMEOUT"
    status = 408

    def __init__(self, timeout_s: float) -> None:
        super().__init__("Request body too slow", f"Send the whole body within {timeout_s:g} s")


class BodyTooLarge(Refusal):
    """The body is above the server's bound."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413

    def __init__(self, bytes_max: int) -> None:
        super().__init__("Request body too large", f"Send at most {bytes_max} bytes")


class UnsupportedMediaType(Refusal):
    """The body is not JSON by its own account."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415

    def __init__(self) -> None:
        super().__init__("Unsupported media type", "Send Content-Type: application/json in UTF-8")


class UnsupportedCoding(UnsupportedMediaType):
    """The body is compressed in a way that is not known here."""

    def __init__(self, advice: str) -> None:
        Refusal.__init__(self, "Unsupported content coding", advice)


class ExpectationFailed(Refusal):
    """The caller waits for something that is not known here."""

    code = "EXPECTATION_FAILED"
    status = 417

    def __init__(self) -> None:
        super().__init__(
            "Expectation failed", "Leave out the header Expect, or send Expect: 100-continue"
        )


class CallerLeft(Refusal):
    """The caller hung up before the answer was there; it goes to the log alone."""

    code = "CALLER_LEFT"
    status = 499

    def __init__(self) -> None:
        super().__init__("The caller left")


class Unavailable(Refusal):
    """The database could not be reached, or not in time."""

    code = "UNAVAILABLE"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "The server could not finish this request",
            "Send it again in a few seconds; a request that charges may have been accepted, and "
            "with an Idempotency-Key it is charged only once",
        )


class InternalFault(Refusal):
    """A fault of ours; what it was is in the log, under the request id."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status = 500

    def __init__(self, request_id: str) -> None:
        super().__init__("Internal error", f"Tell the operator this request id: {request_id}")


class BadRequest(Refusal):
    """Another 4xx of the HTTP layer itself."""

    code = "BAD_REQUEST"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            "Bad request",
            "The request is not valid HTTP, or its URL or one of its headers is too long, or it "
            "has too many headers; let an HTTP library write it",
        )

"""Why a vendor gave no outcome: states of the vendor, never of a lead."""


class VendorFault(Exception):  # noqa: N818 - the faults are states of a vendor, not only errors
    """The vendor gave no outcome for a reason of its own; no lead is to blame."""

    slug = "vendor_fault"


class Throttled(VendorFault):
    """The vendor asked for fewer requests.

    Attributes:
        retry_after_s: for how many seconds its answer asked, on anybody's clock.
        usual_wait_s: how long such a refusal usually lasts where the answer does not say, on the
            vendor's clock, which runs faster in a sandbox.
    """

    slug = "throttled"

    def __init__(
        self, retry_after_s: float | None = None, *, usual_wait_s: float | None = None
    ) -> None:
        super().__init__(retry_after_s, usual_wait_s)
        self.retry_after_s = retry_after_s
        self.usual_wait_s = usual_wait_s


class VendorDown(VendorFault):
    """5xx, a reset, a refused connection, or no answer before the deadline.

    Attributes:
        sent: False only when the request certainly never left, so that asking again cannot cost
            twice; True when the vendor may have seen it.
        retry_after_s: for how many seconds its answer asked, where it did, on anybody's clock.
    """

    slug = "vendor_down"

    def __init__(self, *, sent: bool = True, retry_after_s: float | None = None) -> None:
        super().__init__("the request may have been sent" if sent else "the request was not sent")
        self.sent = sent
        self.retry_after_s = retry_after_s


class CredentialsRejected(VendorFault):
    """The key is wrong, revoked or not allowed to do this."""

    slug = "credentials_rejected"


class OutOfCredit(VendorFault):
    """The vendor's own account has nothing left to spend."""

    slug = "out_of_credit"


class RequestRefused(VendorFault):
    """Another 4xx: the vendor refused the request as it stands, and charged nothing.

    Of a submission nobody can say which row is to blame. A `Direct` call whose vendor says that
    the lead's data is at fault ends as `RejectedInput` instead.
    """

    slug = "request_refused"


class BrokenAnswer(VendorFault):
    """The answer has another shape than documented, or cannot be read at all."""

    slug = "broken_answer"

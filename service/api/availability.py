"""Refuses what no provider on this server can do, before anything is charged."""

from service.api.context import ApiContext
from service.domain.kinds import JobType
from service.errors import NoUsableStep
from service.flows.check_providers import remedies


def require_usable(context: ApiContext, job_type: JobType) -> None:
    """Refuse a type whose waterfall has no step with a configured provider.

    Raises:
        NoUsableStep: names the settings of which the operator needs one.
    """
    waterfall = context.waterfalls[job_type.kind]
    if not waterfall.steps:
        raise NoUsableStep(job_type.requested_as, remedies(waterfall))

"""Refuses what no provider on this server can do, before anything is charged."""

from typing import Final

from providers.registry import all_providers
from service.api.context import ApiContext
from service.domain.kinds import JobType
from service.errors import NoUsableStep

BUILT_IN: Final = "enrich"


def require_usable(context: ApiContext, job_type: JobType) -> None:
    """Refuse a type whose waterfall has no step with a configured provider.

    Raises:
        NoUsableStep: names the settings of which the operator needs one.
    """
    if context.waterfalls[job_type.kind].steps:
        return
    able = [
        f"LEADFALL_PROVIDERS__{slug.upper()}__API_KEY"
        for slug, provider in all_providers().items()
        if slug != BUILT_IN and provider.offer(job_type.kind.capability)
    ]
    raise NoUsableStep(job_type.requested_as, able or ["LEADFALL_WATERFALLS_FILE"])

"""What every handler needs, built once by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from service.domain.kinds import Kind
from service.domain.waterfall import Waterfall
from service.edges.dial_guard import EgressPolicy
from service.edges.rate_limits import RateLimits
from service.edges.secret_box import SecretBox
from service.edges.vendor_http import VendorHTTP
from service.flows.check_pace import CheckPace
from service.flows.publish_finished import Publication
from service.flows.send_test import Tester
from service.flows.share_commits import SharedCommits
from service.flows.wait_for_jobs import Draining, FinishedWatcher
from service.settings import Settings
from service.store.connection import Pool


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The API's means.

    Attributes:
        commits: accepts requests; those that come together share a commit.
        ring: wakes a worker; called after a commit that left work, must not block or raise.
        waterfalls: one for every kind, with only the steps that are usable on this server.
        finished: wakes callers who wait for a job.
        draining: set when the process begins to stop.
        vendor_http: asks vendors about the keys that callers set; nothing else of a vendor is
            asked here.
        checks: paces those questions.
        rate_limits: counts the requests of each key.
        tester: sends test events to endpoints.
        box: seals those keys; None where the operator has set nothing to seal with.
    """

    settings: Settings = field(repr=False)
    pool: Pool
    commits: SharedCommits
    ring: Callable[[], None]
    publication: Publication
    waterfalls: Mapping[Kind, Waterfall]
    egress: EgressPolicy
    finished: FinishedWatcher
    draining: Draining
    vendor_http: VendorHTTP
    checks: CheckPace
    rate_limits: RateLimits
    box: SecretBox | None
    tester: Tester


CONTEXT: Final = web.AppKey("context", ApiContext)

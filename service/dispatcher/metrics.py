"""What the dispatcher counts; no label ever holds a URL, a tenant or an endpoint."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from service.domain.attempt_class import SILENT, AttemptClass
from service.edges.receiver_http import Answered
from service.flows.deliver_events import Sent
from service.store.deliveries import Backlog

_LATENCY_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600)
_PHASE_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30)
_ATTEMPTS: Final[Mapping[bool, str]] = MappingProxyType({True: "first", False: "retry"})

in_flight: Final = Gauge("leadfall_in_flight", "Deliveries on their way.")
due_rows: Final = Gauge("leadfall_due_rows", "Deliveries that are due, counted up to 100,000.")
oldest_due_age: Final = Gauge(
    "leadfall_oldest_due_age_seconds",
    "Age of the oldest due delivery whose receiver is not slow or down.",
)
clock_skew: Final = Gauge("leadfall_clock_skew_seconds", "This host's clock minus the database's.")
reclaimed: Final = Counter(
    "leadfall_lease_expired_total", "Deliveries taken back from dead processes."
)
canary_ok: Final = Gauge(
    "leadfall_canary_ok", "1 while the operator's own receiver answers, 0 while it does not."
)
canary_ok.set(1)
fenced: Final = Counter(
    "leadfall_fenced_results_total", "Results that came after their claim was lost."
)

_commit_to_sent_by: Final = Histogram(
    "leadfall_commit_to_sent_seconds",
    "From the event's birth to the moment its request is written.",
    ("attempt",),
    buckets=_LATENCY_S,
)
_commit_to_ack_by: Final = Histogram(
    "leadfall_commit_to_ack_seconds",
    "From the event's birth to the headers of the answer.",
    ("attempt",),
    buckets=_LATENCY_S,
)
_commit_to_sent: Final = {
    first: _commit_to_sent_by.labels(attempt) for first, attempt in _ATTEMPTS.items()
}
_commit_to_ack: Final = {
    first: _commit_to_ack_by.labels(attempt) for first, attempt in _ATTEMPTS.items()
}
_attempts_by_class: Final = Counter(
    "leadfall_attempts_total", "Attempts by what they came to.", ("class",)
)
# Looked up once: each class is shown from the start on, so that an alert on one has something to
# compare with.
_attempts: Final = {each: _attempts_by_class.labels(each.value) for each in AttemptClass}
_backlog_max: Final = Gauge(
    "leadfall_receiver_backlog_max", "Due deliveries of the receiver with the most."
)
_throttled: Final = Gauge("leadfall_receivers_throttled", "Receivers that are held for a while.")
_disabled: Final = Gauge("leadfall_receivers_disabled", "Receivers that are switched off.")
_duplicates: Final = Counter(
    "leadfall_duplicates_possible_total", "Requests that began and whose answer never came."
)
_retry_after: Final = Counter(
    "leadfall_retry_after_total", "Retry-After headers, honoured or ignored.", ("read",)
)
_blocked: Final = Counter("leadfall_ssrf_blocked_total", "Refusals of the dial guard.", ("rule",))
_reused_by: Final = Counter(
    "leadfall_conn_reused_total", "Requests by whether their connection was reused.", ("reused",)
)
_reused: Final = {each: _reused_by.labels(str(each).lower()) for each in (True, False)}
_truncated: Final = Counter(
    "leadfall_body_truncated_total", "Answers of which only the beginning was read."
)
_dns: Final = Histogram("leadfall_dns_seconds", "Look-ups of names.", buckets=_PHASE_S)
_connect: Final = Histogram(
    "leadfall_connect_seconds", "New connections: name, address and TLS.", buckets=_PHASE_S
)
_tls: Final = Histogram("leadfall_tls_seconds", "Agreeing on TLS.", buckets=_PHASE_S)
_ttfb: Final = Histogram(
    "leadfall_ttfb_seconds", "From a connection to the answer's headers.", buckets=_PHASE_S
)


def count_sent(sent: Sent) -> None:
    """Count one attempt that has ended."""
    result, passage = sent.result, sent.result.passage
    _attempts[sent.decision.attempt_class].inc()
    if passage.dns_s is not None:
        _dns.observe(passage.dns_s)
    if passage.tls_s is not None:
        _tls.observe(passage.tls_s)
    if passage.connected_s is not None:
        _reused[passage.reused].inc()
        if not passage.reused:
            _connect.observe(passage.connected_s)
    if sent.decision.retry_after is not None:
        _retry_after.labels(sent.decision.retry_after).inc()
    if isinstance(result, Answered):
        _truncated.inc(result.truncated)
        _count_answered(sent)
    else:
        _duplicates.inc(passage.began and result.attempt_class in SILENT)
        if result.rule is not None:
            _blocked.labels(result.rule).inc()


def set_backlog(backlog: Backlog, oldest_due_age_s: float) -> None:
    """Show what waits."""
    due_rows.set(backlog.due_count)
    oldest_due_age.set(oldest_due_age_s)
    _backlog_max.set(backlog.receiver_backlog_max)
    _throttled.set(backlog.throttled_count)
    _disabled.set(backlog.disabled_count)


def set_clock_skew(here: datetime, database: datetime) -> None:
    """Show by how much this host's clock is ahead of the database's."""
    clock_skew.set((here - database).total_seconds())


def _count_answered(sent: Sent) -> None:
    passage = sent.result.passage
    if passage.connected_s is None or passage.headers_s is None:
        return
    first = sent.delivery.attempt_count == 0
    waited: timedelta = sent.started_at - sent.delivery.event_created_at
    waited_s = max(waited.total_seconds(), 0.0)
    _commit_to_sent[first].observe(waited_s + passage.connected_s)
    _commit_to_ack[first].observe(waited_s + passage.headers_s)
    _ttfb.observe(passage.headers_s - passage.connected_s)

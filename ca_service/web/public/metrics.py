"""Metrics for Prometheus, from the database at each request.

Every process gives the same answer. No process keeps counters, so nothing must be merged or cleaned up. What takes long
to count is counted by a background job, which stores the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from flask import Response, request

from ca_service.authority.access.permissions import Action, require
from ca_service.authority.jobs import Outcome
from ca_service.authority.notices.announcing import MOST_COUNTED
from ca_service.authority.notices.records import MessageState
from ca_service.web.auth import bearer_token
from ca_service.web.context import options, origin, public, public_services
from ca_service.web.public import blueprint

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_DAY: Final = timedelta(days=1)
_MOST: Final = 5000  # counts stop here


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """Return the metrics to a token with read access, or to a client in one of the configured networks."""
    if not _is_near():
        require(public_services().tokens.authenticate(bearer_token(), origin()), Action.METRICS)
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Now())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_near() -> bool:
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:  # a Unix socket has no address
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # how a dual-stack socket shows IPv4
    return any((mapped or address) in ip_network(network) for network in options().metrics_networks)


class _Now:
    """The current figures from the database, as a collector of prometheus_client."""

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge."""
        yield from _checks()
        yield from _endings()
        yield from _messages()
        yield from _jobs()


def _checks() -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    passed = GaugeMetricFamily(
        "ca_service_check_ok", "Whether the check passed, at most a few seconds ago.", labels=["check"]
    )
    for result in public_services().readiness.results():
        passed.add_metric([result.check.id], result.is_well)
    yield passed


def _endings() -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    notices, now = public_services().notices, public_services().clock()
    left = GaugeMetricFamily("ca_service_days_left", "Days until the first item of this kind expires.", labels=["kind"])
    ends = GaugeMetricFamily(
        "ca_service_ends_timestamp_seconds", "When the first item of this kind expires.", labels=["kind"]
    )
    for kind, first in sorted(notices.firsts().items()):
        left.add_metric([kind.value], (first.not_after - now) / _DAY)
        ends.add_metric([kind.value], first.not_after.timestamp())
    soon = GaugeMetricFamily(
        "ca_service_ending",
        f"Items that expire within this number of days when they were last counted, up to {MOST_COUNTED}.",
        labels=["days"],
    )
    for days, count in notices.list_counts().items():
        soon.add_metric([str(days)], count)
    yield from (left, ends, soon)


def _messages() -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    waiting = GaugeMetricFamily(
        "ca_service_outbox_messages", f"Messages in this state, counted up to {_MOST}.", labels=["state"]
    )
    for state in (MessageState.WAITING, MessageState.DEAD):
        waiting.add_metric([state.value], public_services().deliveries.count(state, _MOST))
    yield waiting


def _jobs() -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    succeeded = GaugeMetricFamily(
        "ca_service_job_success_timestamp_seconds", "When the job last succeeded; 0 if never.", labels=["job"]
    )
    failed = GaugeMetricFamily("ca_service_job_failed", "Whether the last run of the job failed.", labels=["job"])
    took = GaugeMetricFamily("ca_service_job_seconds", "Duration of the last run in seconds.", labels=["job"])
    for state in public_services().jobs.states():
        name, run = state.job.name, state.run
        succeeded.add_metric([name], run.succeeded_at.timestamp() if run.succeeded_at else 0)
        failed.add_metric([name], run.outcome is Outcome.FAILED)
        took.add_metric([name], run.took / 1000)
    yield from (succeeded, failed, took)

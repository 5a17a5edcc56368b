"""`GET /metrics`: the status as Prometheus reads it, made at each scrape and of nothing but the status.

No label has a value that a client chose: tools are those of the catalogue, outcomes, reasons, causes, states, lanes,
layers and transports are ours, slots and profiles are as many as the settings say. prometheus-client is imported at
the first scrape: a server that nobody scrapes does not pay for it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from filewarden.broker.backoff import Breaker
from filewarden.broker.ledger import BOUNDS_S
from filewarden.broker.lifecycle import State
from filewarden.broker.pool import Kind
from filewarden.broker.status import (
    AuditStatus,
    ConfigurationStatus,
    FrontEndStatus,
    ProfileStatus,
    Report,
    Status,
    TelemetryStatus,
    WorkerStatus,
)

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

LATE_IMPORTS = ("prometheus_client.exposition", "prometheus_client.openmetrics.exposition", "prometheus_client.core")
"""For a server that cannot read its libraries any more when the first scrape comes."""
PREFIX = "filewarden_"
Values = Mapping[Any, float]
"""By the values of the labels, which are a tuple of texts: mappings are invariant in their keys."""
LEVELS = ("full", "strong", "partial", "paths-only", "off")
STATUSES = ("ok", "degraded", "draining")
_LES = (*map(str, BOUNDS_S), "+Inf")


def exposition(report: Report, accept: str) -> tuple[bytes, bytes]:
    """The document, and its media type: the text format, or OpenMetrics where `accept` asks for that."""
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector, CollectorRegistry

    class Scrape(Collector):
        def collect(self) -> Iterator["Metric"]:
            return families(report)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Scrape())
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type.encode()


def families(report: Report) -> Iterator["Metric"]:
    """Every metric of a server at the moment of the report."""
    status = report.status
    yield from _server(status)
    yield from _calls(report)
    yield from _queue(status)
    yield from _workers(status)
    yield from _clients(status)
    yield from _profiles(status.profiles)
    yield from _sandbox(status)
    if isinstance(status.audit, AuditStatus):
        yield from _audit(status.audit)
    if isinstance(status.telemetry, TelemetryStatus):
        yield from _telemetry(status.telemetry)
    if isinstance(status.front_end, FrontEndStatus):
        yield from _process(status.front_end, status.uptime_s)


def _server(status: Status) -> Iterator["Metric"]:
    yield _gauge(
        "build_info",
        "The version that runs; always 1.",
        {(status.version, status.transport): 1},
        "version",
        "transport",
    )
    yield _gauge("ready", "Whether calls are taken, as /readyz says.", {(): status.ready})
    states = {(name,): name == status.status for name in STATUSES}
    yield _gauge("status", "The status of the server: 1 for the one that it is in.", states, "status")
    yield from _configuration(status.configuration)


def _configuration(configuration: ConfigurationStatus) -> Iterator["Metric"]:
    yield _counter(
        "config_reloads", "Configurations that came into force by a reload.", {(): configuration.reloads_total}
    )
    yield _counter("config_refused_reloads", "Reloads that were refused.", {(): configuration.refused_total})
    is_refused = {(): configuration.problem is not None}
    yield _gauge("config_reload_refused", "Whether the latest reload was refused.", is_refused)
    waiting = {(): len(configuration.needs_restart)}
    yield _gauge("config_needs_restart", "Changed settings that wait for a restart.", waiting)


def _calls(report: Report) -> Iterator["Metric"]:
    from prometheus_client.core import HistogramMetricFamily

    labels = ("tool", "outcome")
    totals = {(each.tool, each.outcome): each.total for each in report.outcomes}
    yield _counter("calls", "Calls that have ended.", totals, *labels)
    seconds = HistogramMetricFamily(
        f"{PREFIX}call_duration_seconds", "How long calls took, from admission to answer.", labels=labels
    )
    for each in report.outcomes:
        buckets = list(zip(_LES, map(float, accumulate(each.buckets)), strict=True))
        seconds.add_metric([each.tool, each.outcome], buckets, each.seconds)
    yield seconds
    served = {(name,): tool.answer_bytes for name, tool in report.status.calls.by_tool.items()}
    yield _counter("served_bytes", "Bytes of answers, before transports shaped them.", served, "tool")
    refused = {(reason,): count for reason, count in report.status.refusals.items()}
    yield _counter("refusals", "Calls and HTTP requests refused before any worker saw them.", refused, "reason")


def _queue(status: Status) -> Iterator["Metric"]:
    queue = status.queue
    yield _gauge("queue_depth", "Calls that wait.", {(): queue.depth})
    yield _gauge("queue_limit", "Calls that may wait.", {(): queue.limit})
    lanes = queue.lanes.items()
    yield _gauge("lane_waiting", "Calls that wait, by lane.", {(name,): lane.waiting for name, lane in lanes}, "lane")
    yield _gauge("lane_running", "Calls that run, by lane.", {(name,): lane.running for name, lane in lanes}, "lane")
    ages = {(name,): (lane.oldest_ms or 0.0) / 1000 for name, lane in lanes}
    yield _gauge("lane_oldest_seconds", "How long the oldest waiting call has waited, by lane.", ages, "lane")


def _workers(status: Status) -> Iterator["Metric"]:
    pool, rows = status.pool, {_slot(row): row for row in status.workers}
    kinds = sorted({kind for kind, _ in rows})
    states = {
        (kind, state.value): sum(row.state is state for (of, _), row in rows.items() if of == kind)
        for kind in kinds
        for state in State
    }
    yield _gauge("workers", "Slots of the pools, by the state of their worker.", states, "pool", "state")
    yield _gauge("spare_workers", "Workers that are ready to take a slot over.", {(): pool.spares})
    causes = {(cause.value,): count for cause, count in pool.exits.items()}
    yield _counter("worker_restarts", "Workers that have ended and were replaced, by cause.", causes, "cause")
    yield _counter("worker_ejections", "Workers replaced because all their calls failed.", {(): pool.ejections_total})
    yield _gauge("stuck_workers", "Workers that were killed and do not die.", {(): pool.stuck})
    yield _gauge("hung_roots", "Roots whose file system does not answer.", {(): len(pool.hung_roots)})
    is_failing = {(): pool.breaker is not Breaker.CLOSED}
    yield _gauge("worker_starts_failing", "Whether starting workers has failed too often in a row.", is_failing)
    used = {slot: row.rss_bytes for slot, row in rows.items()}
    yield _gauge("worker_memory_bytes", "Resident memory of each worker.", used, "pool", "slot")
    yield _gauge("worker_memory_limit_bytes", "What a worker may use.", {(): pool.worker_memory_bytes})
    seconds = {slot: row.cpu_seconds for slot, row in rows.items()}
    yield _counter("worker_cpu_seconds", "Processor time of the present worker of each slot.", seconds, "pool", "slot")


def _slot(row: WorkerStatus) -> tuple[str, str]:
    kind = row.pool if isinstance(row.pool, Kind) else Kind.READING
    pool = f"{row.profile}/{kind.value}" if isinstance(row.profile, str) else kind.value
    return pool, str(row.slot)


def _profiles(profiles: Sequence[ProfileStatus]) -> Iterator["Metric"]:
    """Of a server that has any; "" is what stands outside of them. Their number is bounded by access.max_profiles."""
    if not profiles:
        return
    calls = {(each.name,): each.calls_total for each in profiles}
    yield _counter("profile_calls", "Calls that have ended, by profile.", calls, "profile")
    errors = {(each.name,): each.errors_total for each in profiles}
    yield _counter("profile_errors", "Calls that have failed, by profile.", errors, "profile")
    in_flight = {(each.name,): each.in_flight for each in profiles}
    yield _gauge("profile_in_flight", "Calls that wait or run, by profile.", in_flight, "profile")
    waiting = {(each.name,): each.waiting for each in profiles}
    yield _gauge("profile_waiting", "Calls that wait, by profile.", waiting, "profile")
    ready = {(each.name,): each.ready for each in profiles}
    yield _gauge("profile_workers_ready", "Workers that are ready, by profile.", ready, "profile")
    clients = {(each.name,): each.clients for each in profiles}
    yield _gauge("profile_clients", "Connected clients, by profile.", clients, "profile")
    broken = {(each.name,): each.state == "broken" for each in profiles}
    yield _gauge("profile_broken", "Whether no worker can be started, by profile.", broken, "profile")


def _clients(status: Status) -> Iterator["Metric"]:
    clients = status.clients
    counts = {("stdio",): clients.stdio, ("http",): clients.http, ("sse",): clients.sse}
    yield _gauge("clients", "Connected clients.", counts, "transport")
    yield _gauge("watchers", "Processes that watch files for subscriptions.", {(): len(status.watchers)})
    watches = sum(watcher.watches for watcher in status.watchers)
    yield _gauge("watches", "Files and folders that are watched.", {(): watches})


def _sandbox(status: Status) -> Iterator["Metric"]:
    levels = {(level,): level == status.sandbox.level for level in LEVELS}
    yield _gauge("sandbox_level", "What the workers measured: 1 for the level that they reach.", levels, "level")
    layers = {(name,): facts.get("active") is True for name, facts in status.sandbox.layers.items()}
    yield _gauge("sandbox_layer_active", "Whether a layer of the sandbox holds.", layers, "layer")


def _telemetry(telemetry: TelemetryStatus) -> Iterator["Metric"]:
    yield _gauge("telemetry_up", "Whether the latest traces could be sent.", {(): telemetry.reason is None})
    yield _counter("telemetry_calls", "Calls whose traces were sent.", {(): telemetry.exported_total})
    yield _counter("telemetry_lost_calls", "Calls whose traces were lost.", {(): telemetry.lost_total})


def _audit(audit: AuditStatus) -> Iterator["Metric"]:
    yield _gauge("audit_up", "Whether the audit log can be written.", {(): audit.reason is None})
    yield _counter("audit_lines", "Lines of the audit log.", {(): audit.lines_total})
    yield _counter("audit_lost_lines", "Lines that the audit log lacks.", {(): audit.lost_total})
    yield _counter("audit_errors", "Times that writing the audit log has failed.", {(): audit.errors_total})


def _process(process: FrontEndStatus, uptime_s: float) -> Iterator["Metric"]:
    began = round(time.time() - uptime_s, 2)
    yield _gauge("process_start_time_seconds", "When the server began, since the epoch.", {(): began})
    yield _counter("process_cpu_seconds", "Processor time of the front-end.", {(): process.cpu_seconds})
    yield _gauge("process_resident_memory_bytes", "Resident memory of the front-end.", {(): process.rss_bytes})
    if process.open_files is not None:
        yield _gauge("process_open_fds", "Open descriptors of the front-end.", {(): process.open_files})
    if process.max_files is not None:
        yield _gauge("process_max_fds", "Descriptors that the front-end may open.", {(): process.max_files})


def _gauge(name: str, help_text: str, values: Values, *labels: str) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(PREFIX + name, help_text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, float(value))
    return family


def _counter(name: str, help_text: str, values: Values, *labels: str) -> "Metric":
    """A counter; its samples get the ending `_total`."""
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(PREFIX + name, help_text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, float(value))
    return family

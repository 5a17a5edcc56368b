"""The status document: one frozen snapshot of everything, for people, probes, pages and the command line (design 4.6).

Fields are added at need and never change their meaning. Those with a default came later: a reader of an older server's
document finds the default. Times are in milliseconds or seconds by their names, sizes in bytes.
"""

import msgspec

from filewarden.broker.backoff import Breaker
from filewarden.broker.incidents import Incident
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.pool import Kind

Layers = dict[str, dict[str, bool | int | str | None]]


class SandboxStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the workers measured about their own confinement."""

    mode: str
    level: str
    degraded: tuple[str, ...]
    layers: Layers


class PoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The slots of all pools, counted; the breaker of the one that is worst off."""

    size: int
    ready: int
    busy: int
    spares: int
    restarts_total: int
    ejections_total: int = 0
    """Workers that were replaced because everything they were asked failed with an error of the system."""
    stuck: int = 0
    """Workers that were killed and do not die: they wait in the kernel for a file system."""
    breaker: Breaker
    hung_roots: tuple[str, ...] = ()
    """The roots to which calls are refused for that."""
    exits: dict[Exit, int] = {}
    """How many workers have ended, spares included, by cause."""
    worker_memory_bytes: int = 0
    """The limit of each worker's memory."""


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One slot. Processor time in percent of a core."""

    slot: int
    pool: Kind | msgspec.UnsetType = msgspec.UNSET
    """Only where there are several."""
    pid: int | None
    state: State
    tool: str | None
    busy_ms: float | None
    rss_bytes: int
    cpu_percent: float
    calls_total: int
    restarts: int
    last_exit: Exit | None
    uptime_s: float
    deadline_ms: float | None = None
    """The `busy_ms` at which the running call is ended."""
    path: str | None = None
    """The start of the first path that the running call names."""
    client: str | None = None
    """The id of the client whose call it runs."""
    cpu_seconds: float = 0.0
    """Processor time of this process since it began."""
    profile: str | msgspec.UnsetType = msgspec.UNSET
    """Of those that serve one."""


class WatcherStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process that watches files for the subscriptions of a principal."""

    pid: int | None
    state: State
    principal: str
    watches: int
    rss_bytes: int
    uptime_s: float


class FrontEndStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The process that answers; None where the system does not tell."""

    pid: int
    rss_bytes: int
    cpu_seconds: float
    open_files: int | None
    max_files: int | None


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one lane; `limit` is how many may run at the same time, None where all workers may be used."""

    waiting: int
    running: int
    limit: int | None
    oldest_ms: float | None
    """How long the call at the head of a queue has waited, of all clients' the longest."""


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that wait."""

    depth: int
    limit: int
    rejected_total: int
    lanes: dict[str, LaneStatus] = {}


class ToolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one tool; percentiles over the latest thousand."""

    total: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None
    outcomes: dict[str, int] = {}
    """"ok", "asked", "cancelled", or the code of the failure."""
    answer_bytes: int = 0


class CallsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that were answered."""

    total: int
    errors: int
    timeouts: int
    cancelled: int
    by_tool: dict[str, ToolStatus]


class AuditStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The audit log, where there is one. `last` is the hash of the latest line: `audit verify --last` asks for it."""

    state: str
    reason: str | None
    on_error: str
    lines_total: int
    lost_total: int
    last: str
    errors_total: int = 0
    """How often writing has failed, tries while it keeps failing included."""


class TelemetryStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Traces, where they are sent anywhere: counts of calls, and why the latest batch could not be sent."""

    exported_total: int
    lost_total: int
    waiting: int
    reason: str | None


class ClientsStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The clients connected now, by transport."""

    stdio: int = 0
    http: int = 0
    sse: int = 0


class ClientStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. `name` is what it says of itself."""

    id: str
    transport: str
    name: str
    principal: str
    in_flight: int
    connected_s: float
    profile: str | msgspec.UnsetType = msgspec.UNSET
    """That it is served by, where it is one."""


class ProfileStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One profile; "" is what stands outside of all.

    It is "resting" until somebody comes to it, "starting", "serving" while it has a worker, or "broken": none can be
    started, and the log says why.
    """

    name: str
    state: str
    clients: int = 0
    workers: int = 0
    ready: int = 0
    waiting: int = 0
    in_flight: int = 0
    calls_total: int = 0
    errors_total: int = 0
    hung_roots: tuple[str, ...] = ()


class RootStatus(msgspec.Struct, frozen=True):
    """A folder that somebody is served."""

    path: str
    mode: str


class ConfigurationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the latest reload, and what of the configuration waits for a restart."""

    edition: int = 1
    """1 is that of the start."""
    reloading: bool = False
    reloads_total: int = 0
    refused_total: int = 0
    problem: str | None = None
    """Why the latest reload was refused; None when it was not."""
    needs_restart: tuple[str, ...] = ()
    retiring: int = 0
    """Workers of earlier settings that end with their calls."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole server at one moment."""

    status: str
    server: str
    version: str
    uptime_s: float
    transport: str
    replica: str = ""
    """What the operator calls this one of several servers."""
    addresses: tuple[str, ...] = ()
    """Where clients connect: none on stdio."""
    roots: tuple[RootStatus, ...] = ()
    """Each folder once, whichever profiles serve it."""
    sandbox: SandboxStatus
    pool: PoolStatus
    workers: tuple[WorkerStatus, ...]
    queue: QueueStatus
    calls: CallsStatus
    clients: ClientsStatus
    audit: AuditStatus | msgspec.UnsetType = msgspec.UNSET
    telemetry: TelemetryStatus | msgspec.UnsetType = msgspec.UNSET
    configuration: ConfigurationStatus = ConfigurationStatus()
    ready: bool = True
    """What `/readyz` says."""
    problems: tuple[str, ...] = ()
    """Why the status is not "ok", and why it is not ready, in sentences."""
    refusals: dict[str, int] = {}
    """What was refused before any worker saw it, by reason: calls, and requests of the HTTP listener."""
    incidents: tuple[Incident, ...] = ()
    """The latest calls that were refused or lost, the newest first."""
    client_list: tuple[ClientStatus, ...] = ()
    """The clients one by one, the first hundred."""
    watchers: tuple[WatcherStatus, ...] = ()
    profiles: tuple[ProfileStatus, ...] = ()
    """Where there are any."""
    front_end: FrontEndStatus | msgspec.UnsetType = msgspec.UNSET


class OutcomeReport(msgspec.Struct, frozen=True):
    """The calls of one tool that ended in one way; `buckets` are counts by `ledger.BOUNDS_S`, not yet summed up."""

    tool: str
    outcome: str
    total: int
    seconds: float
    buckets: tuple[int, ...]


class Report(msgspec.Struct, frozen=True):
    """What metrics are made of: the status, and the histograms that it leaves out."""

    status: Status
    outcomes: tuple[OutcomeReport, ...]

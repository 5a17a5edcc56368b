"""One frozen snapshot of everything, for people, probes and the command line (design: the status JSON)."""

from collections.abc import Sequence

import msgspec

from filewarden.broker.backoff import Breaker
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.pool import Kind
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.slot import Slot
from filewarden.broker.supervisor import Supervisor
from filewarden.workers.wire import Report

_BY_GRAVITY = (Breaker.CLOSED, Breaker.HALF_OPEN, Breaker.OPEN)

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
    breaker: Breaker


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One slot. Times in milliseconds or seconds by the name, sizes in bytes, processor time in percent of a core."""

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


class QueueStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The calls that wait."""

    depth: int
    limit: int
    rejected_total: int


class ToolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one tool; percentiles over the latest thousand."""

    total: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None


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


class ClientsStatus(msgspec.Struct, kw_only=True):
    """The clients connected now, by transport."""

    stdio: int = 0
    http: int = 0
    sse: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The whole server at one moment."""

    status: str
    server: str
    version: str
    uptime_s: float
    transport: str
    sandbox: SandboxStatus
    pool: PoolStatus
    workers: tuple[WorkerStatus, ...]
    queue: QueueStatus
    calls: CallsStatus
    clients: ClientsStatus
    audit: AuditStatus | msgspec.UnsetType = msgspec.UNSET


class ProcessFigures:
    """Memory and processor time of worker processes, by psutil, which is imported at the first look."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._processes: dict[int, psutil.Process] = {}

    def of(self, pid: int) -> tuple[int, float]:
        """Resident bytes, and percent of one core since the last look; zeros for a process that is gone."""
        try:
            process = self._processes.get(pid)
            if process is None:
                process = self._processes[pid] = self._psutil.Process(pid)
            with process.oneshot():
                return process.memory_info().rss, process.cpu_percent()
        except (self._psutil.Error, ValueError):
            self._processes.pop(pid, None)
            return 0, 0.0

    def keep(self, pids: set[int]) -> None:
        """Forget every other process."""
        for pid in self._processes.keys() - pids:
            del self._processes[pid]


def sandbox_status(mode: str, report: Report | None) -> SandboxStatus:
    """What the latest worker reported; before the first report nothing is claimed."""
    if report is None:
        level = "off" if mode == "off" else "paths-only"
        return SandboxStatus(mode=mode, level=level, degraded=("No worker has reported yet.",), layers={})
    return SandboxStatus(mode=mode, level=report.level, degraded=report.degraded, layers=report.layers)


def pool_status(supervisors: Sequence[Supervisor]) -> PoolStatus:
    """The slots, counted."""
    rosters = [supervisor.roster for supervisor in supervisors]
    slots = [slot for roster in rosters for slot in roster.slots]
    states = [slot.worker.state for slot in slots if slot.worker is not None]
    busy = states.count(State.BUSY)
    return PoolStatus(
        size=len(slots),
        ready=states.count(State.IDLE) + busy,
        busy=busy,
        spares=sum(roster.spares_ready() for roster in rosters),
        restarts_total=sum(roster.restarts_total for roster in rosters),
        breaker=max((supervisor.breaker() for supervisor in supervisors), key=_BY_GRAVITY.index),
    )


def worker_rows(supervisors: Sequence[Supervisor], figures: ProcessFigures, now: float) -> tuple[WorkerStatus, ...]:
    """One row for each slot of each pool."""
    workers = [worker for supervisor in supervisors for worker in supervisor.roster.workers()]
    figures.keep({worker.pid for worker in workers if worker.pid is not None})
    return tuple(
        _row(slot, figures, now, supervisor.pool.kind if len(supervisors) > 1 else msgspec.UNSET)
        for supervisor in supervisors
        for slot in supervisor.roster.slots
    )


def _row(slot: Slot, figures: ProcessFigures, now: float, pool: Kind | msgspec.UnsetType) -> WorkerStatus:
    worker = slot.worker
    pid = None if worker is None else worker.pid
    rss_bytes, cpu_percent = (0, 0.0) if pid is None else figures.of(pid)
    busy_since = None if worker is None else worker.busy_since
    return WorkerStatus(
        slot=slot.index,
        pool=pool,
        pid=pid,
        state=State.DEAD if worker is None else worker.state,
        tool=None if worker is None or worker.call is None else worker.call.tool.name,
        busy_ms=None if busy_since is None else round(1000 * (now - busy_since), 1),
        rss_bytes=rss_bytes,
        cpu_percent=round(cpu_percent, 1),
        calls_total=slot.calls_total,
        restarts=slot.restarts,
        last_exit=slot.last_exit,
        uptime_s=0.0 if worker is None else round(now - worker.started_at, 1),
    )


def queue_status(scheduler: Scheduler, limit: int, ledger: Ledger) -> QueueStatus:
    """The calls that wait."""
    return QueueStatus(depth=scheduler.depth, limit=limit, rejected_total=ledger.rejected)


def calls_status(ledger: Ledger) -> CallsStatus:
    """The calls that were answered."""
    return CallsStatus(
        total=ledger.total,
        errors=ledger.errors,
        timeouts=ledger.timeouts,
        cancelled=ledger.cancelled,
        by_tool={
            name: ToolStatus(
                total=figures.total,
                errors=figures.errors,
                p50_ms=figures.percentile_ms(0.5),
                p99_ms=figures.percentile_ms(0.99),
            )
            for name, figures in ledger.by_tool.items()
        },
    )

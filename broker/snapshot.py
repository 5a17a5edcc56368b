"""How the status document is made of the broker's parts: each function looks at some of them, and changes nothing."""

from collections.abc import Sequence

import msgspec

from filewarden.broker.audit_entry import named_path
from filewarden.broker.backoff import Breaker
from filewarden.broker.crew import Crew
from filewarden.broker.guests import Guests
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.memory import resident_bytes
from filewarden.broker.pool import Kind
from filewarden.broker.process_figures import Figures, ProcessFigures
from filewarden.broker.readiness import PoolFacts
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.slot import Slot
from filewarden.broker.status import (
    CallsStatus,
    ClientsStatus,
    ClientStatus,
    LaneStatus,
    OutcomeReport,
    PoolStatus,
    QueueStatus,
    SandboxStatus,
    ToolStatus,
    WatcherStatus,
    WorkerStatus,
)
from filewarden.broker.supervisor import Supervisor
from filewarden.workers.wire import Report

MOST_CLIENTS = 100
MOST_PATH_CHARS = 200
_BY_GRAVITY = (Breaker.CLOSED, Breaker.HALF_OPEN, Breaker.OPEN)
_WRITES = "write"


def sandbox_status(mode: str, report: Report | None) -> SandboxStatus:
    """What the latest worker reported; before the first report nothing is claimed."""
    if report is None:
        level = "off" if mode == "off" else "paths-only"
        return SandboxStatus(mode=mode, level=level, degraded=("No worker has reported yet.",), layers={})
    return SandboxStatus(mode=mode, level=report.level, degraded=report.degraded, layers=report.layers)


def pool_status(
    supervisors: Sequence[Supervisor], worker_memory_bytes: int, hung_roots: tuple[str, ...], now: float
) -> PoolStatus:
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
        ejections_total=sum(supervisor.ejections_total for supervisor in supervisors),
        stuck=sum(len(supervisor.stuck(now)) for supervisor in supervisors),
        hung_roots=hung_roots,
        breaker=max((supervisor.breaker() for supervisor in supervisors), key=_BY_GRAVITY.index),
        exits={cause: sum(roster.exits.by_cause[cause] for roster in rosters) for cause in Exit},
        worker_memory_bytes=worker_memory_bytes,
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
    used = Figures() if pid is None else figures.of(pid)
    call = None if worker is None else worker.call
    busy_since = None if worker is None else worker.busy_since
    return WorkerStatus(
        slot=slot.index,
        pool=pool,
        pid=pid,
        state=State.DEAD if worker is None else worker.state,
        tool=None if call is None else call.tool.name,
        busy_ms=None if busy_since is None else round(1000 * (now - busy_since), 1),
        rss_bytes=used.rss_bytes,
        cpu_percent=round(used.cpu_percent, 1),
        calls_total=slot.calls_total,
        restarts=slot.restarts,
        last_exit=slot.last_exit,
        uptime_s=0.0 if worker is None else round(now - worker.started_at, 1),
        deadline_ms=None if call is None or busy_since is None else round(1000 * (call.hard_at - busy_since), 1),
        path=None if call is None else named_path(call.arguments, MOST_PATH_CHARS) or None,
        client=None if call is None else call.client,
        cpu_seconds=used.cpu_seconds,
    )


def watcher_rows(crew: Crew, now: float) -> tuple[WatcherStatus, ...]:
    """One row for each watcher."""
    return tuple(
        WatcherStatus(
            pid=watcher.pid,
            state=watcher.state,
            principal="" if lookout is None else lookout.principal,
            watches=0 if lookout is None else lookout.count,
            rss_bytes=0 if watcher.pid is None else resident_bytes(watcher.pid),
            uptime_s=round(now - watcher.started_at, 1),
        )
        for watcher, lookout in crew.watchers()
    )


def queue_status(scheduler: Scheduler, limit: int, ledger: Ledger, now: float, *, has_writes: bool) -> QueueStatus:
    """The calls that wait."""
    return QueueStatus(
        depth=scheduler.waiting,
        limit=limit,
        rejected_total=ledger.rejected,
        lanes={
            lane.name: LaneStatus(
                waiting=lane.waiting,
                running=lane.running,
                limit=lane.limit,
                oldest_ms=None if lane.oldest_at is None else round(1000 * (now - lane.oldest_at), 1),
            )
            for lane in scheduler.lanes()
            if has_writes or lane.name != _WRITES
        },
    )


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
                outcomes={outcome: ended.total for outcome, ended in figures.outcomes.items()},
                answer_bytes=figures.answer_bytes,
            )
            for name, figures in ledger.by_tool.items()
        },
    )


def outcome_reports(ledger: Ledger) -> tuple[OutcomeReport, ...]:
    """The histograms of all tools by outcome."""
    return tuple(
        OutcomeReport(name, outcome, ended.total, ended.seconds, tuple(ended.buckets))
        for name, figures in ledger.by_tool.items()
        for outcome, ended in figures.outcomes.items()
    )


def clients_status(guests: Guests) -> ClientsStatus:
    """The clients, counted."""
    return ClientsStatus(stdio=guests.count("stdio"), http=guests.count("http"), sse=guests.count("sse"))


def client_rows(guests: Guests, scheduler: Scheduler, now: float) -> tuple[ClientStatus, ...]:
    """The clients, one by one."""
    return tuple(
        ClientStatus(
            id=guest.id,
            transport=guest.transport,
            name=guest.name(),
            principal=guest.principal,
            in_flight=scheduler.in_flight_of(guest.id),
            connected_s=round(now - guest.since, 1),
        )
        for guest in guests.all()[:MOST_CLIENTS]
    )


def pool_facts(supervisor: Supervisor) -> PoolFacts:
    """What readiness is judged by."""
    slots = supervisor.roster.slots
    return PoolFacts(
        kind=supervisor.pool.kind,
        has_been_ready=all(slot.has_been_ready for slot in slots),
        ready=sum(slot.worker is not None and slot.worker.state in (State.IDLE, State.BUSY) for slot in slots),
        size=len(slots),
        breaker=supervisor.breaker(),
    )

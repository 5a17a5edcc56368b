"""How the status document is made of the broker's parts: each function looks at some of them, and changes nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from filewarden.broker.audit_entry import named_path
from filewarden.broker.backoff import Breaker
from filewarden.broker.branch import Branch
from filewarden.broker.crew import Crew
from filewarden.broker.guests import Guests
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.memory import resident_bytes
from filewarden.broker.pool import Kind
from filewarden.broker.process_figures import Figures, ProcessFigures
from filewarden.broker.protocol.principal import profile_of
from filewarden.broker.readiness import PoolFacts
from filewarden.broker.scheduler import LaneFigures, Scheduler
from filewarden.broker.slot import Slot
from filewarden.broker.status import (
    CallsStatus,
    ClientsStatus,
    ClientStatus,
    LaneStatus,
    OutcomeReport,
    PoolStatus,
    ProfileStatus,
    QueueStatus,
    RootStatus,
    SandboxStatus,
    ToolStatus,
    WatcherStatus,
    WorkerStatus,
)
from filewarden.broker.supervisor import Supervisor
from filewarden.config.profiles import all_roots, served_names
from filewarden.config.settings import Settings
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


def root_rows(settings: Settings) -> tuple[RootStatus, ...]:
    """Every folder that anybody is served."""
    return tuple(RootStatus(root.path, root.mode) for root in all_roots(settings))


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
        breaker=max(
            (supervisor.breaker() for supervisor in supervisors), key=_BY_GRAVITY.index, default=Breaker.CLOSED
        ),
        exits={cause: sum(roster.exits.by_cause[cause] for roster in rosters) for cause in Exit},
        worker_memory_bytes=worker_memory_bytes,
    )


def worker_rows(
    pools: Sequence[tuple[str, Supervisor]], figures: ProcessFigures, now: float
) -> tuple[WorkerStatus, ...]:
    """One row for each slot of each pool, which come with the names of their profiles."""
    workers = [worker for _, supervisor in pools for worker in supervisor.roster.workers()]
    figures.keep({worker.pid for worker in workers if worker.pid is not None})
    return tuple(
        _row(slot, figures, now, profile, supervisor.pool.kind if len(pools) > 1 else msgspec.UNSET)
        for profile, supervisor in pools
        for slot in supervisor.roster.slots
    )


def _row(slot: Slot, figures: ProcessFigures, now: float, profile: str, pool: Kind | msgspec.UnsetType) -> WorkerStatus:
    worker = slot.worker
    pid = None if worker is None else worker.pid
    used = Figures() if pid is None else figures.of(pid)
    call = None if worker is None else worker.call
    busy_since = None if worker is None else worker.busy_since
    return WorkerStatus(
        slot=slot.index,
        pool=pool,
        profile=profile or msgspec.UNSET,
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


def queue_status(branches: Sequence[Branch], limit: int, ledger: Ledger, now: float) -> QueueStatus:
    """The calls that wait in all branches; `limit` is that of a server in which nobody waits yet."""
    lanes: dict[str, list[LaneFigures]] = {}
    for branch in branches:
        has_writes = len(branch.staff.supervisors) > 1
        for lane in branch.scheduler.lanes():
            if has_writes or lane.name != _WRITES:
                lanes.setdefault(lane.name, []).append(lane)
    return QueueStatus(
        depth=sum(branch.scheduler.waiting for branch in branches),
        limit=sum(branch.settings.limits.queue for branch in branches) or limit,
        rejected_total=ledger.rejected,
        lanes={name: _lane(figures, now) for name, figures in lanes.items()},
    )


def _lane(figures: Sequence[LaneFigures], now: float) -> LaneStatus:
    """One lane, of all branches together."""
    limits = [lane.limit for lane in figures if lane.limit is not None]
    oldest_at = min((lane.oldest_at for lane in figures if lane.oldest_at is not None), default=None)
    return LaneStatus(
        waiting=sum(lane.waiting for lane in figures),
        running=sum(lane.running for lane in figures),
        limit=sum(limits) if limits else None,
        oldest_ms=None if oldest_at is None else round(1000 * (now - oldest_at), 1),
    )


def profile_rows(settings: Settings, branches: Mapping[str, Branch], guests: Guests) -> tuple[ProfileStatus, ...]:
    """The profiles, one by one; none where there are none."""
    if not settings.profiles:
        return ()
    clients = Counter(profile_of(guest.principal) for guest in guests.all())
    return tuple(_profile(name, branches.get(name), clients[name]) for name in served_names(settings))


def _profile(name: str, branch: Branch | None, clients: int) -> ProfileStatus:
    if branch is None:
        return ProfileStatus(name=name, state="resting", clients=clients)
    slots = [slot for supervisor in branch.staff.supervisors for slot in supervisor.roster.slots]
    calls, errors = branch.ledger.own
    ready = sum(slot.worker is not None and slot.worker.state in (State.IDLE, State.BUSY) for slot in slots)
    return ProfileStatus(
        name=name,
        state="broken" if branch.is_broken else "serving" if ready else "starting",
        clients=clients,
        workers=len(slots),
        ready=ready,
        waiting=branch.scheduler.waiting,
        in_flight=branch.dispatcher.in_flight,
        calls_total=calls,
        errors_total=errors,
        hung_roots=branch.dispatcher.hung_roots,
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


def client_rows(guests: Guests, schedulers: Sequence[Scheduler], now: float) -> tuple[ClientStatus, ...]:
    """The clients, one by one."""
    return tuple(
        ClientStatus(
            id=guest.id,
            transport=guest.transport,
            name=guest.name(),
            principal=guest.principal,
            in_flight=sum(scheduler.in_flight_of(guest.id) for scheduler in schedulers),
            profile=profile_of(guest.principal) or msgspec.UNSET,
            connected_s=round(now - guest.since, 1),
        )
        for guest in guests.all()[:MOST_CLIENTS]
    )


def pool_facts(profile: str, supervisor: Supervisor) -> PoolFacts:
    """What readiness is judged by."""
    slots = supervisor.roster.slots
    return PoolFacts(
        kind=supervisor.pool.kind,
        profile=profile,
        has_been_ready=all(slot.has_been_ready for slot in slots),
        ready=sum(slot.worker is not None and slot.worker.state in (State.IDLE, State.BUSY) for slot in slots),
        size=len(slots),
        breaker=supervisor.breaker(),
    )

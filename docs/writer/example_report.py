"""The report that metrics are made of, of a server where something of everything has happened."""

from filewarden.broker.backoff import Breaker
from filewarden.broker.guests import Guests
from filewarden.broker.ledger import BOUNDS_S
from filewarden.broker.lifecycle import Exit, State
from filewarden.broker.protocol.outcome import Reason
from filewarden.broker.snapshot import clients_status
from filewarden.broker.status import (
    AuditStatus,
    CallsStatus,
    FrontEndStatus,
    LaneStatus,
    OutcomeReport,
    PoolStatus,
    ProfileStatus,
    QueueStatus,
    Report,
    SandboxStatus,
    Status,
    TelemetryStatus,
    ToolStatus,
    WorkerStatus,
)
from filewarden.transports.http.turned_away import TURN_AWAY_REASONS


def _worker(slot: int, state: State) -> WorkerStatus:
    return WorkerStatus(
        slot=slot,
        pid=100 + slot,
        state=state,
        tool=None,
        busy_ms=None,
        rss_bytes=1024,
        cpu_percent=1.0,
        calls_total=1,
        restarts=0,
        last_exit=None,
        uptime_s=1.0,
        cpu_seconds=0.5,
    )


def example() -> Report:
    """The whole report."""
    status = Status(
        status="degraded",
        server="filewarden",
        version="1.2.3",
        uptime_s=60.0,
        transport="http",
        sandbox=SandboxStatus(
            mode="required", level="strong", degraded=(), layers={"landlock": {"active": True, "abi": 7}}
        ),
        pool=PoolStatus(
            size=2,
            ready=1,
            busy=1,
            spares=1,
            restarts_total=3,
            breaker=Breaker.OPEN,
            exits=dict.fromkeys(Exit, 0) | {Exit.MEMORY: 3},
            worker_memory_bytes=2048,
        ),
        workers=(_worker(0, State.BUSY), _worker(1, State.DEAD)),
        queue=QueueStatus(
            depth=3,
            limit=9,
            rejected_total=1,
            lanes={"quick": LaneStatus(waiting=3, running=1, limit=None, oldest_ms=1500.0)},
        ),
        calls=CallsStatus(
            total=4,
            errors=4,
            timeouts=4,
            cancelled=0,
            by_tool={"read_file": ToolStatus(total=4, errors=4, p50_ms=1.0, p99_ms=2.0, answer_bytes=512)},
        ),
        clients=clients_status(Guests()),
        profiles=(
            ProfileStatus(name="", state="serving", workers=2, ready=1, calls_total=4, errors_total=4, waiting=3),
            ProfileStatus(name="builds", state="resting"),
        ),
        refusals=dict.fromkeys((*Reason, *TURN_AWAY_REASONS), 0) | {"queue_full": 1},
        ready=True,
        audit=AuditStatus(
            state="degraded", reason="full", on_error="refuse", lines_total=5, lost_total=1, last="", errors_total=2
        ),
        telemetry=TelemetryStatus(exported_total=3, lost_total=1, waiting=0, reason="refused"),
        front_end=FrontEndStatus(pid=1, rss_bytes=4096, cpu_seconds=0.25, open_files=7, max_files=1024),
    )
    buckets = [0] * (len(BOUNDS_S) + 1)
    buckets[0], buckets[3], buckets[-1] = 1, 2, 1
    return Report(status, (OutcomeReport("read_file", "timeout", 4, 100.0081, tuple(buckets)),))

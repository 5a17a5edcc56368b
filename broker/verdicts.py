"""What is said of calls that end otherwise than by an answer of their worker."""

from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Exit
from filewarden.broker.pool import Kind, pool_of
from filewarden.broker.protocol.outcome import Failed, Reason
from filewarden.broker.scheduler import Overload
from filewarden.workers.errors import Code

LOST: dict[Exit, tuple[Code, str]] = {
    Exit.DEADLINE: (Code.TIMEOUT, "Timeout: the call took longer than its deadline and was stopped."),
    Exit.MEMORY: (Code.MEMORY_LIMIT, "Memory limit reached: the call needed more memory than a worker may use."),
    Exit.CRASH: (Code.WORKER_CRASHED, "The worker that ran this call crashed. Nothing else was affected."),
    Exit.PROTOCOL: (Code.WORKER_CRASHED, "The worker that ran this call misbehaved and was stopped."),
    Exit.VIOLATION: (Code.WORKER_CRASHED, "The worker that ran this call tried something forbidden and was stopped."),
    Exit.CANCELLED: (Code.CANCELLED, "The call was cancelled."),
    Exit.RECYCLED: (Code.CANCELLED, "The server is shutting down."),
}
DRAINING = Failed(Code.OVERLOADED, "The server is shutting down.", {}, Reason.DRAINING)
STOPPED = Failed(Code.CANCELLED, "The server is shutting down.", {}, Reason.DRAINING)
QUEUED_TOO_LONG = Failed(
    Code.TIMEOUT, "Timeout: the call waited for a free worker until its deadline.", {}, Reason.QUEUE_DEADLINE
)
NEVER_RAN = Failed(Code.CANCELLED, "The call was cancelled.", {})
NOT_OFFERED = Failed(Code.UNSUPPORTED, "The server's configuration has changed: this tool is not offered any more.", {})
NOT_SERVED = Failed(Code.UNSUPPORTED, "The server's configuration has changed: nothing is served here any more.", {})
NO_WORKER = Failed(
    Code.WORKER_CRASHED,
    "No worker can be started, so nothing can be served now. The server's log says why.",
    {},
    Reason.NO_WORKER,
)


def without_worker(kind: Kind, call: Call) -> Failed | None:
    """What a call hears while its pool can start nobody; None for those of another pool."""
    return NO_WORKER if pool_of(call.tool) is kind else None


def refused_by(overload: Overload) -> Failed:
    """What a call hears that finds no room."""
    return Failed(Code.OVERLOADED, str(overload), {"retry_after_ms": overload.retry_after_ms}, overload.reason)


def refused_for(seconds: float) -> Failed:
    """What a call hears that has brought workers down."""
    return Failed(
        Code.OVERLOADED,
        "This very call has cost two workers within a minute and is refused for a while. Change its arguments.",
        {"retry_after_ms": round(1000 * seconds)},
        Reason.REPEATED_LOSS,
    )

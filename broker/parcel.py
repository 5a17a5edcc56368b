"""The calls that one worker is given together: they cost one frame, and wake it and the link's own thread once."""

from filewarden.broker.call import Call
from filewarden.broker.supervisor import Supervisor
from filewarden.broker.worker import Worker
from filewarden.workers import wire

MOST_BYTES = 32_768
"""Of arguments in one frame with several calls: half of the room that a worker has beyond its largest call."""


class Parcel:
    """What is on its way to `worker`, in this order. Times are monotonic seconds."""

    __slots__ = ("_calls", "_supervisor", "_was_idle", "_worker")

    def __init__(self, supervisor: Supervisor, worker: Worker) -> None:
        self._supervisor = supervisor
        self._worker = worker
        self._was_idle = worker.call is None
        self._calls: list[wire.Call] = []

    def add(self, call: Call, mark: str, now: float) -> None:
        """Assign a call to the worker, which does not know of it before `send`."""
        call.worker = self._supervisor.name_of(self._worker)
        call.assigned_at = now
        self._worker.assign(call, now)
        self._calls.append(_told(call, mark, now))

    def holds(self, call: Call) -> bool:
        """Whether the call is here and has not been sent."""
        return any(each.call == call.id for each in self._calls)

    def take_all_out(self) -> list[Call]:
        """Take out what has not been sent, the latest first: the worker never heard of it and is as it was before."""
        taken = self._worker.take_unsent(len(self._calls))
        self._calls.clear()
        for call in taken:
            call.worker, call.assigned_at = "", None
        return taken

    def send(self) -> None:
        """Hand it to the link. Where that is lost, what has not left is taken out, for the supervisor tells of it."""
        calls = self._calls
        for part in _parts(calls) if len(calls) > 1 else [calls] * len(calls):
            self._supervisor.send(self._worker, wire.pack(wire.Calls(part)), was_idle=self._was_idle)
            if not calls:
                return
            del calls[: len(part)]


def _parts(calls: list[wire.Call]) -> list[list[wire.Call]]:
    """What goes in one frame each."""
    parts: list[list[wire.Call]] = [[]]
    total = 0
    for call in calls:
        size = len(call.arguments) + len(call.inputs)
        total += size
        if parts[-1] and total > MOST_BYTES:
            parts.append([])
            total = size
        parts[-1].append(call)
    return parts


def _told(call: Call, mark: str, now: float) -> wire.Call:
    hearing = call.hearing
    return wire.Call(
        call.id,
        call.tool.name,
        max(0.0, call.soft_at - now),
        wire.pack(call.arguments),
        hearing.wants_progress,
        hearing.log_level,
        hearing.askable,
        b"" if call.inputs is None else wire.pack(call.inputs),
        call.principal if call.tool.writes else "",
        mark,
    )

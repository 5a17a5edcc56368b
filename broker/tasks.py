"""The tasks that clients poll: their states and what each shows (MCP extension `io.modelcontextprotocol/tasks`). Pure.

A task is `working` or `input_required` until it is `completed`, `failed` or `cancelled`; these three never change. It
is kept for its time to live after its last change; whoever has no right to it hears the same as for one that never was.
"""

import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.workers.inquiry import InputRequest, Json

POLL_INTERVAL_MS = 500


class TaskState(StrEnum):
    """As the extension names them."""

    WORKING = "working"
    INPUT_REQUIRED = "input_required"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = (TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED)


class Task(msgspec.Struct, eq=False, kw_only=True):
    """One task. Times are wall-clock seconds."""

    id: str
    principal: str
    ttl_s: float
    created_at: float
    updated_at: float
    state: TaskState = TaskState.WORKING
    open_requests: dict[str, InputRequest] = {}
    answers: dict[str, Json] = {}
    resume_state: bytes = b""
    asked: int = 0
    payload: dict[str, object] = {}
    """What a finished task shows beside its state: `result` or `error`."""

    @property
    def is_final(self) -> bool:
        """Whether it never changes any more."""
        return self.state in FINAL


class Tasks:
    """All tasks of one server; each principal may have `limit` that are not final, and as many again that are."""

    def __init__(self, *, limit: int, ttl_s: float, new_id: Callable[[], str]) -> None:
        self._limit = limit
        self._ttl_s = ttl_s
        self._new_id = new_id
        self._tasks: dict[str, Task] = {}

    def renew(self, *, limit: int, ttl_s: float) -> None:
        """Hold what is created from now on to these."""
        self._limit, self._ttl_s = limit, ttl_s

    def has_room(self, principal: str, now: float) -> bool:
        """Whether a further task may be created."""
        self._sweep(now)
        mine = [task for task in self._tasks.values() if task.principal == principal]
        return sum(not task.is_final for task in mine) < self._limit and len(mine) < 2 * self._limit

    def create(self, principal: str, now: float) -> Task:
        """A task that works."""
        task = Task(id=self._new_id(), principal=principal, ttl_s=self._ttl_s, created_at=now, updated_at=now)
        self._tasks[task.id] = task
        return task

    def find(self, task_id: str, principal: str, now: float) -> Task:
        """The task of that principal.

        Raises:
            ProtocolError: -32602, there is none, or no longer.
        """
        self._sweep(now)
        task = self._tasks.get(task_id)
        if task is None or task.principal != principal:
            raise ProtocolError(ErrorCode.INVALID_PARAMS, "Unknown task: there is none with that id, or no longer")
        return task

    def of(self, principal: str, now: float) -> frozenset[str]:
        """The ids of all tasks of that principal."""
        self._sweep(now)
        return frozenset(task.id for task in self._tasks.values() if task.principal == principal)

    def ask(self, task: Task, requests: dict[str, InputRequest], state: bytes, now: float) -> None:
        """It needs answers; keys are made unique for its life."""
        if task.is_final:
            return
        task.asked += 1
        suffix = "" if task.asked == 1 else f"-{task.asked}"
        task.open_requests = {f"{key}{suffix}": request for key, request in requests.items()}
        task.answers = {}
        task.resume_state = state
        self._change(task, TaskState.INPUT_REQUIRED, now)

    def answer(self, task: Task, given: dict[str, Json], now: float) -> dict[str, Json] | None:
        """Note answers; returns all, by the asker's own keys, once nothing is open. Unknown keys are ignored."""
        if task.state is not TaskState.INPUT_REQUIRED:
            return None
        for key in given.keys() & task.open_requests.keys():
            del task.open_requests[key]
            task.answers[key.removesuffix("" if task.asked == 1 else f"-{task.asked}")] = given[key]
        if task.open_requests:
            task.updated_at = now
            return None
        self._change(task, TaskState.WORKING, now)
        return task.answers

    def finish(self, task: Task, state: TaskState, payload: dict[str, object], now: float) -> None:
        """It has ended; the first end counts."""
        if task.is_final:
            return
        task.payload = payload
        task.open_requests = {}
        self._change(task, state, now)

    def _change(self, task: Task, state: TaskState, now: float) -> None:
        task.state = state
        task.updated_at = now

    def knows(self, task_id: str) -> bool:
        """Whether it is still kept."""
        return task_id in self._tasks

    def _sweep(self, now: float) -> None:
        """Forget what ended, or waits for an answer, for longer than its time; what works ends by its deadline."""
        for task in list(self._tasks.values()):
            if task.state is not TaskState.WORKING and now > task.updated_at + task.ttl_s:
                del self._tasks[task.id]


def created(task: Task) -> dict[str, object]:
    """What answers the call that became a task."""
    return {"resultType": "task", **_facts(task)}


def shown(task: Task) -> dict[str, object]:
    """What `tasks/get` answers and `notifications/tasks` tells, without the stamp of a result."""
    if task.state is TaskState.INPUT_REQUIRED:
        requests = {
            key: {"method": request.method, "params": request.params} for key, request in task.open_requests.items()
        }
        return {**_facts(task), "inputRequests": requests}
    return {**_facts(task), **task.payload}


def _facts(task: Task) -> dict[str, object]:
    return {
        "taskId": task.id,
        "status": task.state,
        "createdAt": _iso(task.created_at),
        "lastUpdatedAt": _iso(task.updated_at),
        "ttlMs": int(1000 * task.ttl_s),
        "pollIntervalMs": POLL_INTERVAL_MS,
    }


def _iso(seconds: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(1000 * (seconds - whole)):03}Z"

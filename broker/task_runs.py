"""Calls that became tasks: they run on when their request was answered, for whoever asks with the task's id."""

import os
import time
from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET, Raw, UnsetType

from filewarden.broker.protocol.actions import TaskRequest
from filewarden.broker.protocol.errors import ErrorCode, ProtocolError
from filewarden.broker.protocol.outcome import Asked, Failed, Outcome
from filewarden.broker.protocol.refusals import cannot_ask
from filewarden.broker.protocol.response import error_response
from filewarden.broker.run import Run
from filewarden.broker.tasks import Task, Tasks, TaskState, created, shown
from filewarden.workers.errors import Code
from filewarden.workers.inquiry import Inputs

ID_BYTES = 24
Json = dict[str, object]
TaskChanged = Callable[[Task], None]


class _Response(msgspec.Struct):
    result: Raw = Raw(b"{}")
    error: Raw | UnsetType = UNSET


_RESPONSE = msgspec.json.Decoder(_Response)


class TaskRuns:
    """The tasks of one server and the runs behind those that work. `on_change` hears of every change."""

    def __init__(self, *, limit: int, ttl_s: float, on_change: TaskChanged) -> None:
        self._tasks = Tasks(limit=limit, ttl_s=ttl_s, new_id=lambda: os.urandom(ID_BYTES).hex())
        self.renew = self._tasks.renew
        self._runs: dict[str, Run] = {}
        self._on_change = on_change

    def adopt(self, run: Run) -> Json | None:
        """Take a run over; what its request is answered with, or None when its caller has too many tasks already."""
        principal, now = run.caller.principal.key, time.time()
        if not self._tasks.has_room(principal, now):
            return None
        self._runs = {task_id: each for task_id, each in self._runs.items() if self._tasks.knows(task_id)}
        task = self._tasks.create(principal, now)
        self._runs[task.id] = run
        run.settle = lambda _, outcome: self._settle(task, outcome)
        return created(task)

    def handle(self, request: TaskRequest, principal: str) -> Json | ProtocolError:
        """Serve `tasks/get`, `tasks/update` or `tasks/cancel`: the result without its stamp, or what is wrong."""
        try:
            task = self._tasks.find(request.task_id, principal, time.time())
        except ProtocolError as error:
            return error
        if request.method == "tasks/get":
            return shown(task)
        if request.method == "tasks/update":
            self._update(task, request)
        else:
            self._cancel(task)
        return {}

    def known(self, task_ids: Sequence[str], principal: str) -> frozenset[str]:
        """Those that are tasks of that principal."""
        return self._tasks.of(principal, time.time()) & frozenset(task_ids)

    def close(self) -> None:
        """The server stops: nothing runs on."""
        for run in self._runs.values():
            run.cancel()
        self._runs.clear()

    def _update(self, task: Task, request: TaskRequest) -> None:
        before = task.updated_at, task.state
        answers = self._tasks.answer(task, request.answers, time.time())
        if answers is not None and (run := self._runs.get(task.id)) is not None:
            run.again(Inputs(answers, task.resume_state))
        if before != (task.updated_at, task.state):
            self._on_change(task)

    def _cancel(self, task: Task) -> None:
        run = self._runs.pop(task.id, None)
        if run is not None:
            run.cancel()
        if not task.is_final:
            self._tasks.finish(task, TaskState.CANCELLED, {}, time.time())
            self._on_change(task)

    def _settle(self, task: Task, outcome: Outcome) -> None:
        now = time.time()
        run = self._runs.get(task.id)
        if run is None:
            return
        if isinstance(outcome, Asked) and cannot_ask(outcome, run.start.terms) is None:
            self._tasks.ask(task, outcome.requests, outcome.state, now)
        else:
            del self._runs[task.id]
            state, payload = _ending(run, outcome)
            self._tasks.finish(task, state, payload, now)
        self._on_change(task)


def _ending(run: Run, outcome: Outcome) -> tuple[TaskState, Json]:
    """What the call would have been answered with; a call that broke in our hands is a fault of the protocol's kind."""
    if isinstance(outcome, Asked) and (error := cannot_ask(outcome, run.start.terms)) is not None:
        return TaskState.FAILED, {"error": _RESPONSE.decode(error_response(error, run.start.request_id)).error}
    if isinstance(outcome, Failed) and outcome.code is Code.WORKER_CRASHED:
        return TaskState.FAILED, {"error": {"code": int(ErrorCode.INTERNAL_ERROR), "message": outcome.message}}
    response = _RESPONSE.decode(bytes(run.start.respond(run.start, outcome)))
    if not isinstance(response.error, UnsetType):
        return TaskState.FAILED, {"error": response.error}
    return TaskState.COMPLETED, {"result": response.result}

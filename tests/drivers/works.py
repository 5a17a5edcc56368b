"""Calls, queues and workers as the server puts them together, with time, processes and links in the test's hands."""

import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec

from filewarden.broker.admission import Admission
from filewarden.broker.call import Call
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.caller import Caller
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.ledger import Ledger
from filewarden.broker.lifecycle import Exit
from filewarden.broker.link import LinkError
from filewarden.broker.outcome_checks import OutcomeChecks
from filewarden.broker.patrol import BUSY_TICK_S, Patrol
from filewarden.broker.pool import Kind, Pool
from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.broker.protocol.principal import Principal
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Scheduler
from filewarden.broker.supervisor import Supervisor
from filewarden.broker.worker import Worker
from filewarden.broker.write_budgets import WriteBudgets
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.config.sections.roots import RootSettings
from filewarden.workers import wire
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.methods.find_outcome import OPERATION
from filewarden.workers.operations import ChangeMade, FindOutcome, FoundOutcome
from filewarden.workers.tool import Lane, Tool
from tests.drivers.hand_clock import Clock
from tests.drivers.stand_in_workers import Link, Process, Zygote

DEADLINES = DeadlineSettings(read_s=10.0, scan_s=15.0, write_s=20.0, grace_s=0.25)
REPORT = wire.pack_report(wire.Report(level="full", layers={}, degraded=(), refusal=None))
BYTES = 10_000_000
"""What a living process holds."""


ROOTS = (RootSettings(name="a", path="/a"), RootSettings(name="b", path="/b"))


class Nothing(msgspec.Struct, frozen=True):
    pass


class Target(msgspec.Struct, frozen=True):
    path: str = "a/1"


def _tool(name: str, *, lane: Lane = Lane.QUICK, **facts: Any) -> Tool:
    return Tool(
        name=name,
        title="",
        description="",
        arguments=Target,
        result=Nothing,
        run=lambda *_: Nothing(),
        lane=lambda _: lane,
        **facts,
    )


READ, SCAN = _tool("read"), _tool("scan", lane=Lane.SCAN)
CHANGE = _tool("change", writes=True)
JOINT_CHANGE = _tool("joint_change", writes=True, steps=lambda *_: iter(()))
"""One of those that a worker makes together."""
TOOLS = (READ, SCAN, CHANGE, JOINT_CHANGE)


class Record(msgspec.Struct, eq=False):
    """A call as its client sees it."""

    then: Callable[[], None]
    """What the client does when it is answered."""
    call: Call | None = None
    outcomes: list[Outcome] = msgspec.field(default_factory=list)
    is_cancelled: bool = False

    @property
    def is_over(self) -> bool:
        return bool(self.outcomes) or self.is_cancelled


class Works:
    """A dispatcher, a pool for each kind of calls, and the world around them."""

    def __init__(
        self,
        patch: Callable[[str, Any], None],
        *,
        sizes: tuple[int, int],
        hides_signals: bool = False,
        has_quarantine: bool = False,
    ) -> None:
        """`patch` puts something in the place of what a module knows by a name, until the test is over."""
        self.clock = Clock()
        self.sizes = sizes
        self._hides_signals = hides_signals
        self._serials, self._pids = itertools.count(1), itertools.count(1)
        self.zygotes: list[Zygote] = []
        self.records: list[Record] = []
        self.made: Counter[str] = Counter()
        """How often the change of a mark was made."""
        self.sent: set[int] = set()
        """The calls that have left for a worker."""
        self.too_large: set[int] = set()
        """Those that a worker refused, or was ended for, because of its memory."""
        self.blamed: set[int] = set()
        self.broken: list[str] = []
        """Why no worker can be started, each time that it was told."""
        self.budgets = WriteBudgets(max_bytes=0, max_files=10**6)
        reactor: Any = self.clock
        self._listened: Link | None = None
        self.has_no_descriptors = False
        """Whether no link can be listened on."""
        for module in ("supervisor", "retirement"):
            patch(f"filewarden.broker.{module}.resident_bytes", self._resident_bytes)
        signals = SimpleNamespace(SIGKILL=9, pidfd_send_signal=self._kill)
        patch("filewarden.broker.process._signal", signals)
        patch("filewarden.broker.worker.set_slice", lambda *_: None)
        patch("filewarden.broker.worker.Shelf", _no_shelf)
        self.scheduler = Scheduler(queue_limit=12, per_client_limit=8, scan_workers=1)
        self.checks = OutcomeChecks("server", OPERATION)
        self.patrol = Patrol(reactor, lambda _now: None)
        self.dispatcher = Dispatcher(
            reactor=reactor,
            scheduler=self.scheduler,
            ledger=Ledger(),
            deadlines=DEADLINES,
            patrol=self.patrol,
            numbers=itertools.count(1),
            closures=RootClosures(CallRoots(ROOTS), lambda _sentence: None),
            budgets=self.budgets,
            checks=self.checks,
        )
        note_loss = Admission.note_loss

        def blame(door: Admission, call: Call, now: float) -> None:
            self.blamed.add(call.id)
            if has_quarantine:
                note_loss(door, call, now)

        patch("filewarden.broker.admission.Admission.note_loss", blame)
        self.supervisors = self._hire()
        self.dispatcher.attach(self.supervisors)
        self.patrol.posts.append(self.dispatcher)
        self.patrol.start()
        self.staff_up()

    def _hire(self) -> list[Supervisor]:
        stand_in: Any = self
        pools = [
            Pool(
                kind=kind,
                size=size,
                spares=1 if kind is Kind.READING else 0,
                recycle_after_calls=40,
                recycle_after_s=1e6,
                recycle_above_bytes=10 * BYTES,
                start_timeout_s=5.0,
                memory_bytes=10 * BYTES,
            )
            for kind, size in zip(Kind, self.sizes, strict=True)
        ]
        reactor: Any = self.clock
        return [
            Supervisor(
                reactor=reactor,
                links=stand_in,
                launcher=stand_in,
                pool=pool,
                serials=self._serials,
                client=self.dispatcher,
                employer=stand_in,
                jitter=lambda: 0.5,
                log=lambda _sentence: None,
            )
            for pool in pools
        ]

    # The launcher, the links, and the kernel.

    def fork_server(self, _role: str, listener: Any) -> Zygote:
        self.zygotes.append(Zygote(self, listener))
        return self.zygotes[-1]

    max_frame_bytes = max_body_bytes = 100_000

    def endpoint(self) -> str:
        return "nowhere"

    def new_process(self, serial: int, secret: str) -> Process:
        self._listened = Link(self.sent, hides_signals=self._hides_signals)
        return Process(next(self._pids), serial, secret, self._listened)

    def listen(self, _endpoint: str, _pid: int) -> Link:
        assert self._listened is not None
        if self.has_no_descriptors:
            raise LinkError("none left")
        return self._listened

    @property
    def processes(self) -> list[Process]:
        return [process for zygote in self.zygotes for process in zygote.processes]

    def _resident_bytes(self, pid: int | None) -> int:
        return BYTES if any(process.pid == pid and process.is_alive for process in self.processes) else 0

    def _kill(self, pidfd: int, _signal: int) -> None:
        for process in self.processes:
            if process.pidfd == pidfd and not process.is_buried:
                process.die()

    # Who answers for the workers.

    def on_gone(self, _worker: Worker, _place: str, _cause: Exit, _lost: Call | None) -> None:
        pass

    def on_report(self, _report: wire.Report) -> bool:
        return True

    def on_broken(self, reason: str) -> None:
        self.broken.append(reason)

    def on_breach(self, _breach: Any) -> None:
        pass

    # What happens.

    def submit(
        self, tool: Tool, client: str, principal: str, then: Callable[[], None] = lambda: None, path: str = "a/1"
    ) -> Record:
        record = Record(then)
        self.records.append(record)

        def deliver(outcome: Outcome) -> None:
            assert not record.is_cancelled, "answered after it was cancelled"
            record.outcomes.append(outcome)
            assert len(record.outcomes) == 1, "answered twice"
            record.then()

        record.call = self.dispatcher.submit(Caller(client, Principal(principal)), tool, Target(path), deliver)
        return record

    def cancel(self, record: Record) -> None:
        if not record.is_over and record.call is not None:
            record.is_cancelled = True
            self.dispatcher.cancel(record.call)

    def run(self, process: Process, how: str = "answer") -> None:
        """A process takes what it was sent and does something about the first of its calls."""
        if not process.is_alive or process.is_stuck:
            return
        told, process.link.told = process.link.told, []
        for frame in told:
            message = wire.unpack_to_worker(frame)
            if isinstance(message, wire.Calls):
                process.calls += message.calls
        if not process.is_ready:
            process.is_ready = True
            process.say(wire.pack(wire.Hello(process.secret)))
            process.say(wire.pack(wire.Ready(REPORT)))
        elif process.calls:
            self._work(process, process.calls.pop(0), how)

    def _work(self, process: Process, call: wire.Call, how: str) -> None:
        if how == "refuse":
            process.say(wire.refuse(call.call, ToolFailure(Code.NOT_FOUND, "no", path="a")))
            return
        if how == "fail":
            process.say(wire.refuse(call.call, ToolFailure(Code.IO_ERROR, "no")))
            return
        if how == "exhaust":
            self.too_large.add(call.call)
            process.say(wire.refuse(call.call, ToolFailure(Code.MEMORY_LIMIT, "too much")))
            return
        if how == "lie":
            process.say(wire.refuse(call.call + 1, ToolFailure(Code.NOT_FOUND, "no")))
            return
        result: msgspec.Struct = Nothing()
        if call.tool == OPERATION.name:
            asked = msgspec.msgpack.decode(call.arguments, type=FindOutcome)
            is_made = self.made[asked.mark] > 0
            result = FoundOutcome("changed", (ChangeMade("content", "a"),)) if is_made else FoundOutcome("unchanged")
        elif call.mark:
            self.made[call.mark] += 1
            assert self.made[call.mark] == 1, "a change was made twice"
        if how == "crash":
            process.die(-11)
        else:
            process.say(b"".join(wire.answer(call.call, result)))

    def hear(self, process: Process) -> None:
        if process.link.said or process.link.is_lost:
            self.clock.is_ready(process.link.fd)

    def hear_of_death(self, process: Process) -> None:
        if not process.is_alive and not process.is_buried:
            process.is_buried = True
            self.clock.is_ready(process.pidfd)

    def reload(self, offers: Callable[[Tool], bool] = lambda _tool: True) -> None:
        """Other settings count: other workers, which are ready."""
        before, self.supervisors = self.supervisors, self._hire()
        self.staff_up()
        self.dispatcher.renew(
            self.supervisors,
            deadlines=DEADLINES,
            budgets=self.budgets,
            closures=RootClosures(CallRoots(ROOTS), lambda _sentence: None),
            offers=offers,
        )
        for supervisor in before:
            supervisor.wind_down()

    def staff_up(self) -> None:
        """Let the workers of the pools that count be ready, as far as they are not."""
        for supervisor in self.supervisors:
            zygote = next(each for each in self.zygotes if each.listener is supervisor)
            if not zygote.is_ready:
                supervisor.start()
                zygote.come()
            for _ in range(20):
                zygote.fork()
                for process in zygote.processes:
                    if not process.is_ready:
                        self.run(process)
                        self.hear(process)
                        self.run(process)

    def everybody_goes_on(self) -> None:
        """A moment in which everything happens that is to happen."""
        self.has_no_descriptors = False
        for zygote in self.zygotes:
            zygote.come()
            zygote.fork()
            zygote.tell_exits()
        for process in self.processes:
            process.come_unstuck()
            self.run(process)
            self.hear(process)
            self.hear_of_death(process)
        self.clock.end_tick()

    def finish(self, within_s: float) -> None:
        """Go on until every call has ended."""
        for _ in range(math.ceil(within_s / BUSY_TICK_S)):
            for _ in range(3):
                self.everybody_goes_on()
            if not self.dispatcher.in_flight:
                return
            self.clock.pass_by(BUSY_TICK_S)

    def close(self) -> None:
        self.patrol.close()
        for zygote in self.zygotes:
            for worker in zygote.listener.roster.workers():
                worker.hang_up()
        for process in self.processes:
            if not process.is_buried:
                os.close(process.pidfd)

    # What has to hold.

    def workers(self) -> Iterator[Worker]:
        for supervisor in self.dispatcher.pools:
            yield from supervisor.roster.workers()

    def process_of(self, worker: Worker) -> Process | None:
        return next((process for process in self.processes if process.serial == worker.serial), None)


def _no_shelf() -> Any:
    raise OSError


def code_of(outcome: Outcome) -> Code | None:
    return outcome.code if isinstance(outcome, Failed) else None

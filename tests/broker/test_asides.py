"""What a worker says about a call that runs: passed on where it was asked for, the worker's end where it was not."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from filewarden.broker.asides import ASIDES_AT_ONCE, ASIDES_PER_SECOND, MOST_SHORT_PIECES, PIECE_BYTES
from filewarden.broker.call import Hearing
from filewarden.broker.call_roots import CallRoots
from filewarden.broker.caller import Caller
from filewarden.broker.dispatcher import Dispatcher
from filewarden.broker.ledger import Ledger
from filewarden.broker.patrol import Patrol
from filewarden.broker.process import Violation
from filewarden.broker.protocol.long_text import LongText
from filewarden.broker.protocol.outcome import Failed, Outcome, Reason
from filewarden.broker.protocol.principal import LOCAL
from filewarden.broker.root_closures import RootClosures
from filewarden.broker.scheduler import Scheduler
from filewarden.config.sections.deadlines import DeadlineSettings
from filewarden.workers import wire
from filewarden.workers.errors import Code
from filewarden.workers.note_level import NoteLevel
from filewarden.workers.tool import Kind, Tool
from filewarden.workers.wire import Aside, Beginning, Note, Progress


class Clock:
    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def at(self, _when: float, _action: Callable[[], None]) -> Any:
        return self

    def cancel(self) -> None:
        pass

    def settle(self, _action: Callable[[], None]) -> None:
        pass


class Worker:
    """Runs the call that it was given."""

    most_bytes = most_body_bytes = 100

    def __init__(self, call: Any) -> None:
        self.call = call
        self.shelf: dict[int, bytes] = {}
        """What lies there, by its length."""

    def fetch(self, length: int) -> LongText:
        if length not in self.shelf:
            raise Violation("no such text")
        return LongText([self.shelf.pop(length)])


class Stage:
    """A dispatcher and one worker that runs one call."""

    def __init__(self, tool: Tool, **hearing: Any) -> None:
        self.clock = Clock()
        clock: Any = self.clock
        self.heard: list[Aside] = []
        self.outcomes: list[Outcome] = []
        self.ledger = Ledger()
        self.dispatcher = Dispatcher(
            reactor=clock,
            scheduler=Scheduler(queue_limit=9, per_client_limit=9, scan_workers=1),
            ledger=self.ledger,
            deadlines=DeadlineSettings(),
            patrol=Patrol(clock, lambda _now: None),
            numbers=itertools.count(1),
            closures=RootClosures(CallRoots(()), lambda _sentence: None),
        )
        arguments = tool.arguments()
        listening = Hearing(overhear=lambda _call, aside: self.heard.append(aside), **hearing)
        self.call = self.dispatcher.submit(Caller("c", LOCAL), tool, arguments, self.outcomes.append, listening)
        worker: Any = Worker(self.call)
        self.worker = worker

    def say(self, frame: Aside) -> None:
        self.dispatcher.on_frame(self.worker, frame, self.clock.seconds)


Stages = Callable[..., Stage]


@pytest.fixture
def stage(tool: Tool) -> Stages:
    return lambda **hearing: Stage(tool, **hearing)


def test_what_was_asked_for_is_passed_on(stage: Stages) -> None:
    on = stage(wants_progress=True, log_level=NoteLevel.INFO)
    said: list[Aside] = [Progress(on.call.id, 1, 2, "x"), Note(on.call.id, NoteLevel.INFO, "y")]
    for each in said:
        on.say(each)
    assert on.heard == said
    assert on.outcomes == []


@pytest.mark.parametrize(
    ("hearing", "frame"),
    [
        ({}, Progress(1, 1, None, None)),
        ({}, Note(1, NoteLevel.EMERGENCY, "x")),
        ({"wants_progress": True}, Note(1, NoteLevel.EMERGENCY, "x")),
        ({"log_level": NoteLevel.DEBUG}, Progress(1, 1, None, None)),
        ({"wants_progress": True}, Progress(2, 1, None, None)),
        ({"wants_progress": True}, Progress(0, 1, None, None)),
        ({"log_level": NoteLevel.DEBUG}, Note(7, NoteLevel.ERROR, "x")),
    ],
)
def test_what_nobody_asked_for_is_a_violation(hearing: Any, frame: Aside, stage: Stages) -> None:
    on = stage(**hearing)
    with pytest.raises(Violation):
        on.say(frame)
    assert on.heard == []


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_reports_without_an_end_are_a_violation(seconds: float, stage: Stages) -> None:
    on = stage(wants_progress=True, log_level=NoteLevel.DEBUG)
    on.clock.seconds = seconds
    allowed = int(ASIDES_AT_ONCE + seconds * ASIDES_PER_SECOND)
    for number in range(allowed):
        on.say(Progress(1, number, None, None))
    with pytest.raises(Violation):
        on.say(Note(1, NoteLevel.DEBUG, "x"))
    assert len(on.heard) == allowed


@pytest.mark.parametrize("over", ["is_settled", "is_disowned"])
def test_nothing_is_passed_on_to_whoever_lost_interest_or_is_served_elsewhere(over: str, stage: Stages) -> None:
    on = stage(wants_progress=True)
    setattr(on.call, over, True)
    on.say(Progress(1, 1, None, None))
    assert on.heard == []


@pytest.fixture
def reading(tool: Tool) -> Stage:
    return Stage(msgspec.structs.replace(tool, kind=Kind.TEXT))


def test_a_text_that_goes_ahead_is_made_json_at_once(reading: Stage) -> None:
    for piece in ('a "line"\n', "\u00fc\x01"):
        reading.say(Beginning(1, memoryview(piece.encode())))
    assert b"".join(reading.call.begun) == 'a \\"line\\"\\n\u00fc\\u0001'.encode()
    assert reading.call.answer_bytes == 12


def test_one_on_the_shelf_is_fetched_whoever_waits_for_it(reading: Stage) -> None:
    worker: Any = reading.worker
    worker.shelf = {3: b'a"b', 4: b"left"}
    reading.say(Beginning(1, 3))
    assert b"".join(reading.call.begun) == b'a\\"b'
    with pytest.raises(Violation):
        reading.say(Beginning(1, 3))
    reading.call.is_settled = True
    reading.say(Beginning(1, 4))
    assert worker.shelf == {}  # or there would be no room for the next
    assert reading.call.answer_bytes == 3


@pytest.mark.parametrize("pieces", [[b""], [b"\xc3"], [b"x" * 101], [b"x" * 100, b"x"], [b"x"] * 5])
def test_the_beginning_of_no_text_is_a_violation(pieces: list[bytes], reading: Stage) -> None:
    *honest, last = pieces
    for piece in honest:
        reading.say(Beginning(1, memoryview(piece)))
    with pytest.raises(Violation):
        reading.say(Beginning(1, memoryview(last)))


def test_a_long_text_may_come_in_as_many_pieces_as_it_has_room_for(reading: Stage) -> None:
    reading.worker.most_bytes = 1 << 20
    pieces = 3 * MOST_SHORT_PIECES
    for _ in range(pieces):
        reading.say(Beginning(1, memoryview(b"x" * PIECE_BYTES)))
    assert (len(reading.call.begun), reading.call.answer_bytes) == (pieces, pieces * PIECE_BYTES)
    for _ in range(MOST_SHORT_PIECES):
        reading.say(Beginning(1, memoryview(b"x")))
    with pytest.raises(Violation):
        reading.say(Beginning(1, memoryview(b"x")))


@pytest.mark.parametrize("length", [-1, (1 << 64) - 1])
def test_nothing_is_counted_of_an_answer_that_is_not_there(length: int, reading: Stage) -> None:
    worker: Any = reading.worker
    with pytest.raises(Violation):
        reading.dispatcher.on_frame(worker, wire.Answer(1, memoryview(b"\x80"), length), reading.clock.seconds)
    assert reading.call.answer_bytes == 0


def test_a_tool_that_answers_with_no_text_begins_none(stage: Stages) -> None:
    on = stage()
    with pytest.raises(Violation):
        on.say(Beginning(1, memoryview(b"x")))


def test_nothing_is_kept_of_a_text_that_nobody_waits_for(reading: Stage) -> None:
    reading.call.is_settled = True
    reading.say(Beginning(1, memoryview(b"x")))
    assert reading.call.begun == ()


def test_a_worker_without_a_call_has_nothing_to_say(stage: Stages) -> None:
    on = stage(wants_progress=True)
    idle: Any = Worker(None)
    for frame in (Progress(1, 1, None, None), wire.Answer(1, memoryview(b"\x80"), None)):
        with pytest.raises(Violation):
            on.dispatcher.on_frame(idle, frame, 0.0)
    assert msgspec.structs.asdict(on.call)["is_settled"] is False


def test_a_call_that_loses_its_place_in_a_full_queue_is_refused_like_one_that_came_late(
    tool: Tool, stage: Stages
) -> None:
    on = stage()
    refused: list[Outcome] = []
    for client in ("c", "c", "c", "c", "c", "d", "e", "f", "g"):
        on.dispatcher.submit(Caller(client, LOCAL), tool, tool.arguments(), refused.append)
    assert [outcome.code for outcome in refused if isinstance(outcome, Failed)] == [Code.OVERLOADED]
    assert on.ledger.refusals[Reason.QUEUE_FULL] == 1
    assert on.outcomes == []  # the latest one of the greediest, not its first
    assert on.dispatcher.in_flight == 9

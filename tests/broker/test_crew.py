"""The watchers of a server as far as they do not live, on a zygote in the test's hands."""

import itertools
import os
from typing import Any

import pytest

from filewarden.broker import crew
from filewarden.broker.breach import Breach
from filewarden.broker.crew import MOST_THREADS, Crew
from filewarden.broker.lifecycle import State
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.watches import Watches
from filewarden.workers.errors import Code
from filewarden.workers.wire import Hello, Ready, Report, pack, pack_report
from tests.drivers.hand_clock import Clock
from tests.drivers.stand_in_workers import Link

START_TIMEOUT_S = 5.0
MEMORY_BYTES = 1_000_000
PID = 4711


class WatchersLink(Link):
    """What a watcher is told is told to nobody."""

    def send(self, frame: bytes) -> None:
        self.told.append(frame)


class Hung:
    """A zygote that takes spawn messages and does nothing; and what else a crew asks for."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.is_ready = False
        self.asked = self.spawned = 0
        self.link = WatchersLink(set(), hides_signals=False)
        self.breaches: list[Breach] = []
        self.ordered = 0, ""
        stand_in: Any = self
        reactor: Any = self.clock
        self.crew = Crew(
            reactor=reactor,
            links=stand_in,
            launcher=stand_in,
            serials=itertools.count(1),
            memory_bytes=MEMORY_BYTES,
            start_timeout_s=START_TIMEOUT_S,
            judge=lambda _report: None,
            jitter=lambda: 0.5,
            log=lambda _sentence: None,
            on_breach=self.breaches.append,
        )
        self.watches = Watches(reactor, self.crew, ["a"], 10)

    def fork_server(self, _role: str, _listener: Crew) -> "Hung":
        return self

    def endpoint(self) -> str:
        return "nowhere"

    def ask_for_zygote(self) -> None:
        self.asked += 1

    def come(self) -> None:
        self.is_ready = True
        self.crew.on_zygote()

    def spawn(self, serial: int, _endpoint: str, secret: str, gate: int) -> None:
        os.close(gate)
        self.spawned += 1
        self.ordered = serial, secret

    max_frame_bytes = max_body_bytes = 100_000

    def listen(self, _endpoint: str, _pid: int) -> Link:
        return self.link

    def man(self) -> None:
        """Let the watcher that was asked for be there, and confined."""
        serial, secret = self.ordered
        self.crew.on_spawned(serial, PID, os.open("/dev/null", os.O_RDONLY))
        report = Report(level="full", layers={}, degraded=(), refusal=None)
        self.link.said += [pack(Hello(secret)), pack(Ready(pack_report(report)))]
        self.clock.is_ready(self.link.fd)

    def give_up_zygote(self, reason: str) -> None:
        self.is_ready = False
        self.crew.on_zygote_lost(reason)


@pytest.fixture
def hung() -> Hung:
    return Hung()


def test_a_zygote_that_starts_no_watcher_is_replaced(hung: Hung) -> None:
    results: list[Failed | None] = []
    hung.watches.subscribe("ann", "a.txt", on_change=lambda: None, on_result=results.append)
    hung.come()
    assert (hung.asked, hung.spawned) == (1, 1)
    hung.clock.pass_by(START_TIMEOUT_S + 1.5)
    assert len(results) == 1, "whoever waits is told"
    assert hung.crew.watchers() == [], "nobody will ever tell of it"
    hung.watches.subscribe("ann", "a.txt", on_change=lambda: None, on_result=results.append)
    hung.clock.pass_by(3)
    assert hung.asked == 2
    hung.come()
    assert hung.spawned == 2
    hung.crew.close()


def test_a_watcher_that_was_on_its_way_when_nothing_can_be_watched_is_none(hung: Hung) -> None:
    results: list[Failed | None] = []
    hung.watches.subscribe("ann", "a.txt", on_change=lambda: None, on_result=results.append)
    hung.come()
    hung.crew.on_unusable("the test says so")
    assert not hung.crew.watchers()
    hung.clock.pass_by(1.5)
    assert [failure.code for failure in results if failure is not None] == [Code.UNSUPPORTED]
    assert hung.spawned == 1


@pytest.mark.parametrize(
    ("memory", "threads", "is_ended", "breaches"),
    [
        (MEMORY_BYTES, MOST_THREADS, False, []),
        (MEMORY_BYTES + 1, 1, True, []),
        (1, MOST_THREADS + 1, True, ["it runs too many threads"]),
    ],
)
def test_a_watcher_that_takes_too_much_is_ended(
    hung: Hung, monkeypatch: pytest.MonkeyPatch, memory: int, threads: int, is_ended: bool, breaches: list[str]
) -> None:
    monkeypatch.setattr(crew, "resident_bytes", lambda pid: memory if pid == PID else 0)
    monkeypatch.setattr(crew, "_threads", lambda pid: threads if pid == PID else 0)
    monkeypatch.setattr("filewarden.broker.process._signal.pidfd_send_signal", lambda *_: None)
    hung.watches.subscribe("ann", "a.txt", on_change=lambda: None, on_result=lambda _: None)
    hung.come()
    hung.man()
    ((watcher, _),) = hung.crew.watchers()
    states = [watcher.state]
    hung.clock.pass_by(1.5)
    states.append(watcher.state)
    assert states == [State.IDLE, State.STOPPING if is_ended else State.IDLE]
    assert [breach.reason for breach in hung.breaches] == breaches
    hung.crew.close()
    hung.clock.is_ready(watcher.pidfd)

"""The watchers of a server as far as they do not live, on a zygote in the test's hands."""

import itertools
import os
from typing import Any

import pytest

from filewarden.broker.crew import Crew
from filewarden.broker.protocol.outcome import Failed
from filewarden.broker.watches import Watches
from tests.drivers.hand_clock import Clock

START_TIMEOUT_S = 5.0


class Hung:
    """A zygote that takes spawn messages and does nothing; and what else a crew asks for."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.is_ready = False
        self.asked = self.spawned = 0
        stand_in: Any = self
        reactor: Any = self.clock
        self.crew = Crew(
            reactor=reactor,
            links=stand_in,
            launcher=stand_in,
            serials=itertools.count(1),
            memory_bytes=1_000_000,
            start_timeout_s=START_TIMEOUT_S,
            judge=lambda _report: None,
            jitter=lambda: 0.5,
            log=lambda _sentence: None,
            on_breach=lambda _breach: None,
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

    def spawn(self, _serial: int, _endpoint: str, _secret: str, gate: int) -> None:
        os.close(gate)
        self.spawned += 1

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

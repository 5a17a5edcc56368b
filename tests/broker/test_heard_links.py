"""When the links of processes are heard, on real descriptors."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from filewarden.broker.heard_links import HeardLinks
from filewarden.broker.reactor import EpollReactor


class Process:
    """What is in its pipe signals; what it holds back does not."""

    def __init__(self) -> None:
        self.link_fd, self._write_fd = os.pipe()
        self.held_back = 0

    def signal(self) -> None:
        os.write(self._write_fd, b"x")

    def has_more(self) -> bool:
        return self.held_back > 0

    def close(self) -> None:
        os.close(self.link_fd)
        os.close(self._write_fd)


@pytest.fixture
def process() -> Iterator[Process]:
    process = Process()
    yield process
    process.close()


class Heard:
    """Runs a loop until nothing is left to be heard; how often something was."""

    def __init__(self) -> None:
        self.reactor = EpollReactor()
        self.links: HeardLinks[Any] = HeardLinks(self.reactor, self._hear)
        self._count = 0

    def _hear(self, process: Process) -> None:
        self._count += 1
        if process.held_back:
            process.held_back -= 1
            self.links.look_again(process)
        else:
            os.read(process.link_fd, 1)

    def count(self) -> int:
        self.reactor.at(self.reactor.now(), self.reactor.stop)
        self.reactor.run()
        count, self._count = self._count, 0
        return count


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    yield heard
    heard.reactor.close()


def test_a_link_is_heard_when_it_signals_and_until_it_is_unwatched(heard: Heard, process: Process) -> None:
    heard.links.watch(process)
    assert heard.count() == 0
    process.signal()
    assert heard.count() == 1
    process.signal()
    heard.links.unwatch(process)
    assert heard.count() == 0


def test_what_does_not_signal_is_heard_before_sleeping_where_that_was_asked_for(heard: Heard, process: Process) -> None:
    process.held_back = 3
    heard.links.watch(process)
    assert heard.count() == 0
    for _ in range(2):
        heard.links.look_again(process)
    assert heard.count() == 3
    process.held_back = 1
    heard.links.look_again(process)
    heard.links.unwatch(process)
    assert heard.count() == 0

"""Which zygote is whose, on a launcher that is a socket in the test's hands."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from filewarden.broker.forkserver import ForkServer
from filewarden.broker.launcher import Launcher
from filewarden.workers import attached
from tests.drivers.hand_clock import Clock


class Post:
    """What the launcher is told and says, and who listens to its zygotes."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.control, self._theirs = attached.pair()
        self.errors_fd, self._errors = os.pipe()
        self.asked: list[str] = []
        self.given_up: list[str] = []
        stand_in: Any = self
        self.launcher = Launcher(stand_in.clock, stand_in, lambda: None, lambda _sentence: None)
        self.launcher.start()

    def ask_for_zygote(self, label: str) -> None:
        self.asked.append(label)

    def give_up_zygote(self, label: str) -> None:
        self.given_up.append(label)

    def on_zygote(self) -> None:
        pass

    def fork_server(self) -> ForkServer:
        listener: Any = self
        return self.launcher.fork_server("ro", listener)

    def zygote_comes(self) -> Any:
        """The other end of its control socket."""
        ours, theirs = attached.pair()
        attached.send(self._theirs, b"Zro", ours.fileno())
        ours.close()
        self.clock.is_ready(self.control.fileno())
        return theirs

    def close(self) -> None:
        self.control.close()
        self._theirs.close()
        os.close(self.errors_fd)
        os.close(self._errors)


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()
    yield made
    made.close()


def test_whoever_gives_its_zygote_up_late_leaves_the_next_one_its_own(post: Post) -> None:
    """Workers that were ended can take long to die, and others of the same profile be started meanwhile."""
    before = post.fork_server()
    first = post.zygote_comes()
    after = post.fork_server()
    second = post.zygote_comes()
    before.give_up()
    assert (before.is_ready, after.is_ready, post.given_up) == (False, True, [])
    after.give_up()
    assert (after.is_ready, post.given_up) == (False, ["ro"])
    after.give_up()
    assert post.given_up == ["ro"]
    for zygote in (first, second):
        zygote.close()


def test_a_zygote_that_was_given_up_on_its_way_is_let_go(post: Post) -> None:
    server = post.fork_server()
    server.ask_for_zygote()
    server.give_up()
    zygote = post.zygote_comes()
    assert zygote.recv(1) == b""
    assert (server.is_ready, post.asked, post.given_up) == (False, ["ro"], ["ro"])
    zygote.close()

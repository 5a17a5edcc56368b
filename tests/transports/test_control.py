"""Whoever asks for a reload hears of one that began after the question."""

import json
import socket
from typing import Any

from filewarden.broker.charter import Charter
from filewarden.broker.reload_outcome import ReloadOutcome
from filewarden.broker.renewal import Follower
from filewarden.config.settings import Settings
from filewarden.transports.control import MOST_WAITING, Callers

CHARTER = Charter(arguments=(), environ={}, account=None, endpoints="", readable=(), settings=Settings(), file=None)


class Renewing:
    """Reloads as the broker does: one at a time, and once more when one was asked for meanwhile."""

    def __init__(self) -> None:
        self.follower: Follower
        self.edition = 1
        self._is_under_way = self._is_wanted_again = False

    def follow(self, follower: Follower) -> None:
        self.follower = follower

    def reload(self) -> None:
        self._is_wanted_again = self._is_under_way
        if not self._is_under_way:
            self._is_under_way = True
            self.follower.on_reloading()

    def reload_outcome(self) -> ReloadOutcome:
        return ReloadOutcome(edition=self.edition, problem=None)

    def end(self) -> None:
        self.edition += 1
        self.follower.on_reloaded(CHARTER)
        self._is_under_way = False
        if self._is_wanted_again:
            self.reload()


class Asking:
    """Somebody who has connected."""

    def __init__(self, callers: Callers) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        callers.hear(theirs)

    def heard(self) -> Any:
        """The document, None where there is nothing yet, "" where there never will be."""
        with self._ours:
            try:
                return json.loads(self._ours.recv(65_536) or b'""')
            except BlockingIOError:
                return None


def test_who_asks_during_a_reload_hears_of_the_next_one() -> None:
    renewing = Renewing()
    callers = Callers(renewing)
    first, second, third = (Asking(callers) for _ in range(3))
    renewing.end()
    assert first.heard()["edition"] == 2
    fourth = Asking(callers)
    renewing.end()
    assert [second.heard()["edition"], third.heard()["edition"]] == [3, 3]
    callers.dismiss()
    assert fourth.heard() == ""


def test_not_everybody_may_wait_and_nobody_hears_before_the_end() -> None:
    callers = Callers(Renewing())
    waiting = [Asking(callers) for _ in range(MOST_WAITING)]
    assert Asking(callers).heard() == ""
    assert {each.heard() for each in waiting} == {None}
    callers.dismiss()

"""The event loop as the broker needs it, and the plain one that stdio runs on.

HTTP brings an asyncio loop behind the same interface; the broker knows neither. Times are monotonic seconds.
"""

import contextlib
import heapq
import select
import time
from collections.abc import Callable
from typing import Protocol

Action = Callable[[], None]

MOST_ROUNDS = 16
"""How often what asks for the end of a tick may have led to more of it before what concludes the tick is run."""


class Timer(Protocol):
    """A pending `Reactor.at`."""

    def cancel(self) -> None:
        """Never run it; nothing happens when it already ran."""


class Reactor(Protocol):
    """Readiness of descriptors, timers, and the end of a tick."""

    def now(self) -> float:
        """The monotonic clock."""

    def watch(self, fd: int, ready: Action) -> None:
        """Run `ready` whenever `fd` is readable."""

    def watch_writable(self, fd: int, ready: Action) -> None:
        """Run `ready` whenever `fd` accepts bytes. At most one of the two watches exists for a descriptor."""

    def forget(self, fd: int) -> None:
        """End a watch; nothing happens when there is none."""

    def at(self, when: float, action: Action) -> Timer:
        """Run `action` at `when`."""

    def settle(self, action: Action) -> None:
        """Run `action` once at the end of this tick, however often it was asked for."""

    def conclude(self, action: Action) -> None:
        """Run `action` once after what has asked for the end of this tick, and most of what that has led to.

        So one write takes all answers that have come meanwhile. It does not wait for the last of them: a tick may go on
        for as long as workers answer.
        """


class PendingTimer:
    """A timer of the plain loop."""

    __slots__ = ("action", "when")

    def __init__(self, when: float, action: Action) -> None:
        self.when = when
        self.action: Action | None = action

    def cancel(self) -> None:
        """Never run it."""
        self.action = None

    def __lt__(self, other: "PendingTimer") -> bool:
        return self.when < other.when


def _nothing() -> None:
    """Nobody watches any more."""


class EpollReactor:
    """A loop over epoll(7): no task, no future, and no import of asyncio on the way to a first answer."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Action] = {}
        self._timers: list[PendingTimer] = []
        self._settling: dict[Action, None] = {}
        self._concluding: dict[Action, None] = {}
        self._is_stopping = False

    now = staticmethod(time.monotonic)

    def watch(self, fd: int, ready: Action) -> None:
        """Run `ready` whenever `fd` is readable."""
        self._watch(fd, select.EPOLLIN, ready)

    def watch_writable(self, fd: int, ready: Action) -> None:
        """Run `ready` whenever `fd` accepts bytes."""
        self._watch(fd, select.EPOLLOUT, ready)

    def _watch(self, fd: int, event: int, ready: Action) -> None:
        self._epoll.register(fd, event)
        self._watched[fd] = ready

    def forget(self, fd: int) -> None:
        """End a watch; nothing happens when there is none."""
        if self._watched.pop(fd, None) is not None:
            with contextlib.suppress(OSError):  # it was closed before
                self._epoll.unregister(fd)

    def at(self, when: float, action: Action) -> Timer:
        """Run `action` at `when`."""
        timer = PendingTimer(when, action)
        heapq.heappush(self._timers, timer)
        return timer

    def settle(self, action: Action) -> None:
        """Run `action` once at the end of this tick."""
        self._settling[action] = None

    def conclude(self, action: Action) -> None:
        """Run `action` once after what has asked for the end of this tick, and most of what that has led to."""
        self._concluding[action] = None

    def stop(self) -> None:
        """Let `run` return at the end of this tick."""
        self._is_stopping = True

    def run(self) -> None:
        """Run until `stop`."""
        self._is_stopping = False
        poll, watched, timers = self._epoll.poll, self._watched, self._timers
        while True:
            if self._settling or self._concluding:
                self._end_tick()
            if self._is_stopping:
                return
            while timers and timers[0].action is None:
                heapq.heappop(timers)
            wait_s = timers[0].when - time.monotonic() if timers else None
            if wait_s is not None and wait_s <= 0:
                self._run_timers()
                wait_s = 0.0  # what they have asked for comes at the end of a tick, and descriptors have their turn
            events = poll(wait_s)
            if len(events) == 1:
                watched.get(events[0][0], _nothing)()
            elif events:
                self._run_ready([(fd, watched.get(fd)) for fd, _ in events])

    def _run_ready(self, ready: list[tuple[int, Action | None]]) -> None:
        for fd, action in ready:
            if action is not None and self._watched.get(fd) is action:  # not forgotten by an earlier one of this tick
                action()

    def _end_tick(self) -> None:
        while self._settling or self._concluding:
            for _ in range(MOST_ROUNDS):
                if not self._settling:
                    break
                due, self._settling = self._settling, {}
                for action in due:
                    action()
            due, self._concluding = self._concluding, {}
            for action in due:
                action()

    def _run_timers(self) -> None:
        now = time.monotonic()
        due = []  # collected first: an action that asks for another at once must not keep the loop here
        while self._timers and self._timers[0].when <= now:
            due.append(heapq.heappop(self._timers))
        for timer in due:
            if timer.action is not None:
                timer.action()

    def close(self) -> None:
        """Free the descriptor."""
        self._epoll.close()

"""The round that the front-end makes over and over: pools, memory, calls that nobody wants; often while any run."""

from collections.abc import Callable
from typing import Protocol

from filewarden.broker.reactor import Reactor, Timer

BUSY_TICK_S = 0.05
IDLE_TICK_S = 0.25


class Post(Protocol):
    """What is looked after."""

    def look(self, now: float) -> bool:
        """Enforce what time has brought; whether calls are, or just were, under way."""


class Patrol:
    """One round for all posts of a server; `after` is told the time once all of them were looked after."""

    def __init__(self, reactor: Reactor, after: Callable[[float], None]) -> None:
        self._reactor = reactor
        self._after = after
        self._timer: Timer | None = None
        self.posts: list[Post] = []
        self.next_at = 0.0
        """When the next round is made, in monotonic seconds."""

    def start(self) -> None:
        """Go round from now on."""
        self._arm(IDLE_TICK_S)

    def hurry(self) -> None:
        """A call is under way: the next round is made soon."""
        self._arm(BUSY_TICK_S)

    def close(self) -> None:
        """Make no round any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.next_at = self._reactor.now() + delay_s
        self._timer = self._reactor.at(self.next_at, self._go_round)

    def _go_round(self) -> None:
        now = self._reactor.now()
        is_active = False
        for post in tuple(self.posts):
            is_active |= post.look(now)
        self._after(now)
        self._arm(BUSY_TICK_S if is_active else IDLE_TICK_S)

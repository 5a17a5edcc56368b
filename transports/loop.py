"""The broker's reactor on a running asyncio loop, and the choice of that loop: uvloop where it is installed."""

import asyncio
import time
from collections.abc import Callable

from filewarden.broker.reactor import Action, Timer

_make: Callable[[], asyncio.AbstractEventLoop]
try:
    import uvloop
except ImportError:
    _make = asyncio.new_event_loop
else:
    _make = uvloop.new_event_loop


def new_loop() -> asyncio.AbstractEventLoop:
    """A fresh loop that nobody runs yet. It comes after the front-end's confinement: libuv looks once for io_uring."""
    return _make()


class AsyncioReactor:
    """Readiness, timers and the end of a tick, by asyncio. An exception in an action goes to the loop's handler."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._settling: dict[Action, None] = {}

    now = staticmethod(time.monotonic)
    """Not the loop's clock, which stands still during a tick of uvloop."""

    def watch(self, fd: int, ready: Action) -> None:
        """Run `ready` whenever `fd` is readable."""
        self._loop.add_reader(fd, ready)

    def watch_writable(self, fd: int, ready: Action) -> None:
        """Run `ready` whenever `fd` accepts bytes."""
        self._loop.add_writer(fd, ready)

    def forget(self, fd: int) -> None:
        """End a watch; nothing happens when there is none."""
        if fd >= 0:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)

    def at(self, when: float, action: Action) -> Timer:
        """Run `action` at `when`."""
        return self._loop.call_later(max(0.0, when - time.monotonic()), action)

    def settle(self, action: Action) -> None:
        """Run `action` once at the end of this tick: one callback of the loop serves all that ask."""
        if not self._settling:
            self._loop.call_soon(self._end_tick)
        self._settling[action] = None

    def conclude(self, action: Action) -> None:
        """Run `action` at the end of this tick too: nothing here is written at once for several."""
        self.settle(action)

    def _end_tick(self) -> None:
        actions, self._settling = self._settling, {}
        for action in actions:
            action()

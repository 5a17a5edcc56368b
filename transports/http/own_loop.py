"""The loop as one connection sees it: what goes wrong in what it has run later ends that connection, and no more.

A mistake in any other action of the loop ends the server, for a call would be left without an end. So whatever the loop
tells a connection is run here too.
"""

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

Action = Callable[..., object]


class OwnLoop:
    """As much of a loop as a connection uses; `fail`, a method of it, is told of what went wrong while it is there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fail: Callable[[Exception], object]) -> None:
        self._loop = loop
        self._fail = weakref.WeakMethod(fail)  # a cycle of references would be left to the collector
        self.time = loop.time
        self.create_task = loop.create_task

    def call_soon(self, action: Action, *arguments: Any) -> asyncio.Handle:
        """Run it in the next turn."""
        return self._loop.call_soon(self.run, action, *arguments)

    def call_later(self, delay_s: float, action: Action, *arguments: Any) -> asyncio.TimerHandle:
        """Run it in a while."""
        return self._loop.call_later(delay_s, self.run, action, *arguments)

    def run(self, action: Action, *arguments: Any) -> None:
        """Run it now."""
        try:
            action(*arguments)
        except Exception as error:
            fail = self._fail()
            if fail is None:
                raise
            fail(error)

"""The links of processes, heard when their descriptors signal, and once more before sleeping where those may not."""

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from filewarden.broker.process import Process
from filewarden.broker.reactor import Reactor

P = TypeVar("P", bound=Process[Any])


class HeardLinks(Generic[P]):
    """Those of one pool, or of all watchers; `hear` takes what has arrived over one."""

    def __init__(self, reactor: Reactor, hear: Callable[[P], None]) -> None:
        self._reactor = reactor
        self._hear = hear
        self._again: set[P] = set()

    def watch(self, process: P) -> None:
        """Hear it from now on, where it has a link."""
        if process.link_fd is not None:
            self._reactor.watch(process.link_fd, partial(self._hear, process))

    def unwatch(self, process: P) -> None:
        """Hear it no more."""
        if process.link_fd is not None:
            self._reactor.forget(process.link_fd)
        self._again.discard(process)

    def look_again(self, process: P) -> None:
        """Look once more before sleeping: after we sent or received, its descriptor may not show all that arrived."""
        if not self._again:
            self._reactor.settle(self._look)
        self._again.add(process)

    def _look(self) -> None:
        again, self._again = self._again, set()
        for process in again:
            if process.has_more():
                self._hear(process)

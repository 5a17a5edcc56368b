"""One watcher process as the broker sees it: a process of ours that names what has changed."""

from filewarden.broker.process import LinkLost, Process
from filewarden.workers.watching.watch_wire import Changed, Pong, Unwatchable, Watched, unpack_from_watcher
from filewarden.workers.wire import Ready

FRAMES_AT_ONCE = 64
"""How many one look at a link takes, so that no watcher keeps the loop."""

Told = Watched | Unwatchable | Changed | Pong


class Watcher(Process[Ready | Told]):
    """A watcher; after the handshake it may speak at any time, and `Lookout` judges what it says."""

    def __init__(self, serial: int, endpoint: str, started_at: float) -> None:
        super().__init__(serial, endpoint, started_at, unpack_from_watcher)

    def receive(self) -> list[Ready | Told]:
        """The frames that have arrived.

        Raises:
            Violation: an illegal frame.
            LinkLost: nothing arrives any more.
        """
        found: list[Ready | Told] = []
        try:
            while len(found) < FRAMES_AT_ONCE and (frame := self.next_frame()) is not None:
                found.append(frame)  # what is left is found before the loop sleeps: the link is looked at again
        except LinkLost:
            if not found:
                raise
        return found

"""One worker process as the broker sees it: a process of ours, and the call it runs."""

from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Event, Exit, State, advance
from filewarden.broker.process import LinkLost, Process, Violation
from filewarden.workers import wire
from filewarden.workers.wire import Aside, Ending, Note, Progress, Ready

FRAMES_AT_ONCE = 64
"""How many one look at a link takes, so that no worker keeps the loop."""


class Worker(Process[Ready | Ending | Aside]):
    """A worker: after the handshake, the only legal frames are those about the call it was given."""

    def __init__(self, serial: int, endpoint: str, started_at: float) -> None:
        super().__init__(serial, endpoint, started_at, wire.unpack_from_worker)
        self.needs_another_look = False
        """Whether `receive` left something that the descriptor will not signal again."""
        self.busy_since: float | None = None
        self.call: Call | None = None
        self.principal: str | None = None
        """Whose calls it runs, from the first one on: nobody else's."""
        self.last_call = 0
        """The number of its latest call."""
        self.calls_total = 0
        self.serves_since: float | None = None
        """When it got its first call."""

    def receive(self) -> list[Ready | Ending | Aside]:
        """The frames that have arrived and are legal now; the handshake's first step is done on the way.

        Nothing follows a start report, or what ends a call, before there is another call.

        Raises:
            Violation: an illegal frame, or one too many.
            LinkLost: nothing arrives any more.
        """
        found: list[Ready | Ending | Aside] = []
        self.needs_another_look = True
        try:
            for frame in self.frames():
                if found and not isinstance(found[-1], Progress | Note):
                    raise Violation("a frame out of turn")
                found.append(frame)
                if len(found) == FRAMES_AT_ONCE:
                    break
            else:
                self.needs_another_look = False
        except LinkLost:
            if not found:
                raise
        return found

    def assign(self, call: Call, frame: bytes, now: float) -> None:
        """Give it a call.

        Raises:
            LinkLost: the link does not take the frame.
        """
        self.state = advance(self.state, Event.ASSIGNED)
        self.call = call
        self.principal = call.principal
        self.last_call = call.id
        self.busy_since = now
        if self.serves_since is None:
            self.serves_since = now
        self.send(frame)

    def answered(self, call_id: int) -> Call:
        """Take back the call that it answers.

        Raises:
            Violation: it runs none, or another.
        """
        call = self.call
        if call is None or self.state is not State.BUSY or call.id != call_id:
            raise Violation("an answer to a call that it does not run")
        self.state = advance(self.state, Event.ANSWERED)
        self.call = None
        self.busy_since = None
        self.calls_total += 1
        return call

    def condemn(self, cause: Exit) -> Call | None:
        """Kill it; the call that it ran is handed back."""
        self.end(cause)
        return self._give_back()

    def exited(self) -> Call | None:
        """Its process is gone; the call that it ran is handed back."""
        self.ended()
        return self._give_back()

    def leave(self) -> Call | None:
        """Close the link and the gate; the call that it ran is handed back."""
        self.hang_up()
        return self._give_back()

    def _give_back(self) -> Call | None:
        call, self.call, self.busy_since = self.call, None, None
        return call

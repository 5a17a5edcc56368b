"""One worker process as the broker sees it: its state, its link, its handle, and the call it runs."""

import contextlib
import os
import signal

from filewarden.broker.call import Call
from filewarden.broker.lifecycle import Event, Exit, State, advance
from filewarden.broker.link import Link, LinkError, LinkLostError, Links
from filewarden.workers import wire
from filewarden.workers.wire import Aside, Ending, Go, Hello, Note, Progress, Ready, Report, WireError

FRAMES_AT_ONCE = 64
"""How many one look at a link takes, so that no worker keeps the loop."""


class Violation(Exception):
    """The worker broke the protocol and must go."""


class LinkLost(Exception):
    """The worker's connection has ended, because it died or because of what it sent."""


class Worker:
    """A worker from its spawn message to the end of its process.

    The handshake is `Hello` with the secret of the spawn message, answered by `Go`, then `Ready` with the report; after
    that the only legal frame is the answer to the call it was given.
    """

    def __init__(self, serial: int, endpoint: str, started_at: float) -> None:
        self.serial = serial
        self.endpoint = endpoint
        self.secret = os.urandom(16).hex()
        self.started_at = started_at
        self.ready_at: float | None = None
        self.busy_since: float | None = None
        self.pid: int | None = None
        self.report: Report | None = None
        self.state = State.STARTING
        self.call: Call | None = None
        self.principal: str | None = None
        """Whose calls it runs, from the first one on: nobody else's."""
        self.last_call = 0
        """The number of its latest call."""
        self.exit: Exit | None = None
        self.is_cut_off = False
        """Whether its link is lost: it gets no call any more, and its end is near."""
        self.calls_total = 0
        self._pidfd: int | None = None
        self._gate: int | None = None
        self._link: Link | None = None
        self._has_said_hello = False

    @property
    def pidfd(self) -> int | None:
        """The handle that becomes readable when the process is dead."""
        return self._pidfd

    @property
    def link_fd(self) -> int | None:
        """The descriptor that signals frames."""
        return None if self._link is None else self._link.fd

    def open_gate(self) -> int:
        """Make the start gate; the returned read end belongs to the spawn message."""
        read_end, self._gate = os.pipe()
        return read_end

    def spawned(self, pid: int, pidfd: int, links: Links) -> None:
        """The process exists: listen for it alone, then let it through its gate.

        Raises:
            LinkError: the endpoint cannot be bound.
        """
        self.pid, self._pidfd = pid, pidfd
        if self.state is not State.STARTING:  # condemned while the fork was under way
            self._kill()
            return
        self._link = links.listen(self.endpoint, pid)
        if self._gate is not None:
            with contextlib.suppress(BrokenPipeError):  # it died already; its pidfd tells
                os.write(self._gate, b"\0")
            self._close_gate()

    def receive(self) -> list[Ready | Ending | Aside]:
        """The frames that have arrived and are legal now; the handshake's first step is done on the way.

        Nothing follows a start report, or what ends a call, before there is another call.

        Raises:
            Violation: an illegal frame, or one too many.
            LinkLost: nothing arrives any more.
        """
        if self._link is None:
            return []
        found: list[Ready | Ending | Aside] = []
        try:
            for raw in self._link.receive():
                if found and not isinstance(found[-1], Progress | Note):
                    raise Violation("a frame out of turn")
                frame = wire.unpack_from_worker(raw.buffer)
                if isinstance(frame, Hello):
                    self._link.check_sender(raw)
                    self._greet(frame)
                    continue
                found.append(frame)
                if len(found) == FRAMES_AT_ONCE:
                    break  # the link is looked at again before the loop sleeps
        except LinkLostError:
            if not found:
                raise LinkLost from None
        except (LinkError, WireError) as error:
            raise Violation(str(error)) from None
        return found

    def _greet(self, hello: Hello) -> None:
        if self._has_said_hello or hello.secret != self.secret or self._link is None:
            raise Violation("a second or foreign hello")
        self._has_said_hello = True
        self._link.unlink()
        self._link.send(wire.pack(Go()))

    def confined(self, ready: Ready, now: float) -> Report:
        """Accept the start report.

        Raises:
            Violation: out of turn, or no report.
        """
        if self.state is not State.STARTING or not self._has_said_hello:
            raise Violation("a start report out of turn")
        try:
            self.report = wire.unpack_report(ready.report)
        except WireError as error:
            raise Violation(str(error)) from None
        self.state = advance(self.state, Event.CONFINED)
        self.ready_at = now
        return self.report

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
        if self._link is None:
            raise LinkLost
        try:
            self._link.send(frame)
        except LinkError:
            raise LinkLost from None

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

    def has_more(self) -> bool:
        """Whether a frame or the end of the link waits that the descriptor will not signal again."""
        return self._link is not None and self._link.needs_a_look()

    def condemn(self, cause: Exit) -> Call | None:
        """Kill it; the call that it ran is handed back."""
        self.state = advance(self.state, Event.CONDEMNED)
        self.exit = cause
        self._kill()
        return self.leave()

    def exited(self) -> Call | None:
        """Its process is gone; the call that it ran is handed back."""
        self.state = advance(self.state, Event.EXITED)
        if self.exit is None:
            self.exit = Exit.CRASH
        call = self.leave()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        return call

    def leave(self) -> Call | None:
        """Close the link and the gate; the call that it ran is handed back."""
        call, self.call, self.busy_since = self.call, None, None
        self._close_gate()
        if self._link is not None:
            self._link.close()
            self._link = None
        return call

    def _close_gate(self) -> None:
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def _kill(self) -> None:
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

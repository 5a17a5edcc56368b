"""One process that a zygote has forked for us, as the broker sees it: its handle, its link, and the handshake."""

import _signal  # type: ignore[import-not-found]  # the built-in half of `signal`, without its enumerations
import contextlib
import os
from collections.abc import Callable
from typing import Generic, TypeVar

from filewarden.broker.lifecycle import Event, Exit, State, advance
from filewarden.broker.link import Link, LinkError, LinkLostError, Links
from filewarden.workers import wire
from filewarden.workers.wire import MAY_BE_LONG, SHORT_BYTES, Go, Hello, Ready, Report, WireError

Frame = TypeVar("Frame")


class Violation(Exception):
    """The process broke the protocol and must go: `what` in our own words, while `detail` may hold some of its own."""

    def __init__(self, what: str, detail: object = "") -> None:
        self.what = what
        self.detail = str(detail)
        super().__init__(f"{what}: {detail}" if self.detail else what)


class LinkLost(Exception):
    """The process's connection has ended, because it died or because of what it sent."""


class Process(Generic[Frame]):
    """A process from its spawn message to its end. `decode` knows the frames of its kind.

    The handshake is `Hello` with the secret of the spawn message, answered by `Go`, then `Ready` with the report.
    """

    def __init__(
        self,
        serial: int,
        endpoint: str,
        started_at: float,
        decode: Callable[[bytes | bytearray | memoryview], Frame | Hello],
    ) -> None:
        self.serial = serial
        self.endpoint = endpoint
        self.secret = os.urandom(16).hex()
        self.started_at = started_at
        self.ready_at: float | None = None
        self.pid: int | None = None
        self.most_bytes = 0
        """Of a frame, and of an answer that comes in several."""
        self.most_body_bytes = 0
        """Of what an answer says beside a text or blocks."""
        self.report: Report | None = None
        self.state = State.STARTING
        self.exit: Exit | None = None
        self.hides_signals = False
        """Whether sending to it may take away the signal of what has arrived."""
        self.may_say_more = True
        """Whether it may have said more than the frame that it was heard with last."""
        self.is_cut_off = False
        """Whether its link is lost: it is given nothing any more, and its end is near."""
        self._pidfd: int | None = None
        self._gate: int | None = None
        self._link: Link | None = None
        self._has_said_hello = False
        self._decode = decode

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
        self.hides_signals = self._link.hides_signals
        self.most_bytes, self.most_body_bytes = links.max_frame_bytes, links.max_body_bytes
        if self._gate is not None:
            with contextlib.suppress(BrokenPipeError):  # it died already; its pidfd tells
                os.write(self._gate, b"\0")
            self._close_gate()

    def next_frame(self) -> Frame | None:
        """The next frame, where one has arrived; the handshake's first step is done on the way.

        Raises:
            Violation: what no honest process sends.
            LinkLost: nothing arrives any more.
        """
        link = self._link
        try:
            while link is not None and (raw := link.receive()) is not None:
                frame = self._decode(raw)
                if len(raw) > SHORT_BYTES and not isinstance(frame, MAY_BE_LONG):
                    raise Violation(f"a frame of {len(raw)} bytes that is no answer")
                if not isinstance(frame, Hello):
                    self.may_say_more = link.may_give_more
                    return frame
                self._greet(frame)
        except LinkLostError:
            raise LinkLost from None
        except LinkError as error:
            raise Violation(str(error)) from None
        except WireError as error:
            raise Violation(error.what, error.detail) from None
        return None

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
            raise Violation(error.what, error.detail) from None
        self.state = advance(self.state, Event.CONFINED)
        self.ready_at = now
        return self.report

    def send(self, frame: bytes) -> None:
        """Hand over one frame without waiting.

        Raises:
            LinkLost: the link does not take it.
        """
        if self._link is None:
            raise LinkLost
        try:
            self._link.send(frame)
        except LinkLostError:
            raise LinkLost from None

    def has_more(self) -> bool:
        """Whether a frame or the end of the link waits that the descriptor will not signal again."""
        return self._link is not None and self._link.needs_a_look()

    def end(self, cause: Exit) -> None:
        """Kill it and leave its link."""
        self.state = advance(self.state, Event.CONDEMNED)
        self.exit = cause
        self._kill()
        self.hang_up()

    def ended(self) -> None:
        """Its process is gone."""
        self.state = advance(self.state, Event.EXITED)
        if self.exit is None:
            self.exit = Exit.CRASH
        self.hang_up()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def hang_up(self) -> None:
        """Close the link and the gate."""
        self._close_gate()
        if self._link is not None:
            self._link.close()
            self._link = None

    def _close_gate(self) -> None:
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def _kill(self) -> None:
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                _signal.pidfd_send_signal(self._pidfd, _signal.SIGKILL)

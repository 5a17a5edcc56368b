"""The audit log as the front-end writes it: one line a call, few writes, and what happens when they fail.

A line is written at the end of the tick in which its call ended, or, right after another, within 10 ms: a server that
is killed loses no more than that. Whoever serves while the file cannot be written finds out at the next write; the
lines of what was served until then are kept, and written first.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

import msgspec

from filewarden.broker.audit_entry import Clock, entry_of
from filewarden.broker.breach import Breach
from filewarden.broker.call import Call
from filewarden.broker.log import Log
from filewarden.broker.protocol.outcome import Failed, Outcome, Reason, word_for
from filewarden.broker.reactor import Reactor
from filewarden.broker.status import AuditStatus
from filewarden.config.sections.audit import AuditSettings
from filewarden.config.version import VERSION
from filewarden.workers.audit.chain import Position, digest_of, first_position, is_end, position_of, prev_of
from filewarden.workers.audit.files import LOCK_S, append, last_lines, locked, open_folder, opened, reason_of
from filewarden.workers.errors import Code

MOST_WAITING = 4096
"""Lines that are kept while the file cannot be written."""
RETRY_S = 0.5
BUSY_RETRY_S = 0.005
PAUSE_S = 0.01
"""The least time between two writes: what a busy server has to say goes out in few large ones."""
LOOK_S = 1.0
"""How often it is looked whether the file still has its name."""

_encode = msgspec.json.Encoder().encode


class _Full(Exception):
    """The file goes on elsewhere."""


class AuditLog:
    """The log of one server. `fd` is its file, opened with the rights of the start; `ask_for_file` leads to `adopt`."""

    def __init__(self, fd: int, settings: AuditSettings, log: Log) -> None:
        self._path = settings.file
        self._fd = fd
        self._settings = settings
        self._log = log
        self._server = log.server
        self._clock = Clock()
        self._position = first_position()
        self._size = -1
        """Where our latest line ended; -1 until the file's end was looked at."""
        self._waiting: deque[bytes] = deque()
        self._ended: list[tuple[Call, str, float, float]] = []
        """Calls of the last moment, how they ended, when, and after how many seconds."""
        self._lost = 0
        self._reason: str | None = None
        self._awaits_file = False
        self._is_waiting_to_retry = False
        self._rest_until = 0.0
        self._looked_at = 0.0
        self._busy_since = 0.0
        self._lines_total = 0
        self._lost_total = 0
        self._errors_total = 0
        self._reactor: Reactor | None = None
        self._ask_for_file: Callable[[], None] = lambda: None

    def start(self, reactor: Reactor, ask_for_file: Callable[[], None]) -> None:
        """Write from now on."""
        self._reactor = reactor
        self._ask_for_file = ask_for_file
        self._event("start", pid=os.getpid(), version=VERSION)
        self.flush()

    # What calls lead to.

    @property
    def refusal(self) -> Failed | None:
        """Why no call may run now."""
        is_full = len(self._waiting) >= MOST_WAITING
        if self._settings.on_error == "continue" or (self._reason is None and not is_full):
            return None
        return _REFUSAL

    def record(self, call: Call, outcome: Outcome | None) -> None:
        """A call has ended; None: its caller cancelled it."""
        if self._reactor is None:
            return
        now = self._reactor.now()
        self._ended.append((call, word_for(outcome), time.time(), now - call.submitted_at))
        if call.tool.writes or self._reason is not None:
            self._put_down()  # what it was to write must not be kept
        self._flush_soon(self._reactor)

    def record_breach(self, breach: Breach) -> None:
        """A worker was ended for what no honest one does, whether or not it ran a call."""
        if self._reactor is None:
            return
        self._put_down()
        self._event("breach", **msgspec.to_builtins(breach))
        self._flush_soon(self._reactor)

    def _flush_soon(self, reactor: Reactor) -> None:
        if self._reason is not None or self._is_waiting_to_retry:
            return  # there is a timer
        if reactor.now() >= self._rest_until:
            reactor.settle(self.flush)
        else:
            self._retry_in(self._rest_until - reactor.now())

    def _put_down(self) -> None:
        """Make lines of the calls that have ended: several at once take half the time."""
        ended, self._ended = self._ended, []
        for call, code, at, took_s in ended:
            shown = self._clock.shown(at)
            self._add(_encode(entry_of(call, code, at=shown, server=self._server, took_s=took_s)))

    @property
    def trouble(self) -> str | None:
        """Why it cannot be written; None while it can."""
        return self._reason

    def status(self) -> AuditStatus:
        """How it stands."""
        return AuditStatus(
            state="ok" if self._reason is None else "degraded",
            reason=self._reason,
            on_error=self._settings.on_error,
            lines_total=self._lines_total,
            lost_total=self._lost_total,
            last=self._position.digest,
            errors_total=self._errors_total,
        )

    def close(self, await_file: Callable[[], bool]) -> None:
        """Say that the server ended in good order, and let go of the file; `await_file` waits for the one asked for."""
        if self._fd < 0:
            return
        self._put_down()
        self._event("stop")
        self.flush()
        if self._awaits_file:
            await_file()
        if self._waiting or self._lost:
            self._log.error("the audit log is not whole", lines_lost=self._lost_total + len(self._waiting))
        os.close(self._fd)
        self._fd = -1
        self._reactor = None

    def _add(self, body: bytes) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            self._lost_total += 1
        else:
            self._waiting.append(body)

    def _event(self, event: str, **facts: object) -> None:
        self._add(self._event_body(event, **facts))

    def _event_body(self, event: str, **facts: object) -> bytes:
        return _encode({"time": self._clock.shown(time.time()), "server": self._server, **facts, "event": event})

    # Writing.

    def flush(self) -> None:
        """Write what waits, all of it or nothing."""
        self._put_down()
        if self._fd < 0 or self._awaits_file or not (self._waiting or self._lost or self._reason):
            return
        try:
            self._check_name()
            with locked(self._fd, 0.0):
                self._write()
        except _Full:
            self._get_file()
        except BlockingIOError as error:
            self._wait_for_others(error)
        except OSError as error:
            self._fail(reason_of(error))
        else:
            self._succeed()

    def _write(self) -> None:
        """Add what waits; while in trouble one line at a time, for there may be room for some."""
        at_once = len(self._waiting) if self._reason is None else 1
        while True:
            size = os.fstat(self._fd).st_size
            opening = self._catch_up(size)
            position = self._position.copy()
            if size == 0 and self._size < 0:
                opening = position.add(b'{"event":"continue"}' if position.seq else b'{"event":"begin"}')
            bodies = list(islice(self._waiting, at_once))
            is_last = len(bodies) == len(self._waiting)
            if is_last and self._lost:
                bodies.append(self._event_body("gap", lost=self._lost, reason=self._reason or "too many at once"))
            data = opening + b"".join(map(position.add, bodies))
            is_full = 0 < self._settings.max_bytes <= size + len(data)
            if is_full:
                data += position.add(b'{"event":"end"}')
            append(self._fd, data, size)
            self._position, self._size = position, size + len(data)
            self._count_written(at_once, is_last=is_last)
            if is_last or is_full:
                return

    def _count_written(self, at_once: int, *, is_last: bool) -> None:
        for _ in range(min(at_once, len(self._waiting))):
            self._waiting.popleft()
            self._lines_total += 1
        if is_last:
            self._lost = 0

    def _catch_up(self, size: int) -> bytes:
        """Learn what others have written since; what has to stand before our next line."""
        if size == self._size:
            return b""
        is_ended = size == 0 or os.pread(self._fd, 1, size - 1) == b"\n"
        opening = b"" if is_ended else b"\n"
        if size == 0 and self._size < 0:
            return b""  # a new file
        if size < self._size:
            self._log.error("the audit log was cut off at its end: `filewarden audit verify` shows where")
        elif size:
            self._follow(last_lines(self._fd, size), is_ended=is_ended)
        if is_ended:
            self._size = size
        return opening

    def _follow(self, lines: list[bytes], *, is_ended: bool) -> None:
        """Go on after these lines, whatever they are worth: a damaged end stays to be seen."""
        last, before = lines[-1], lines[-2] if len(lines) > 1 else b""
        position = position_of(last) if is_ended else None
        if position is None or (self._size < 0 and before and prev_of(last) != digest_of(before)):
            self._log.error("the audit log is damaged at its end: `filewarden audit verify` shows where")
        if position is None:
            position = Position((position_of(before) or self._position).seq + 1, digest_of(last))
        self._position = position
        if is_end(last):
            raise _Full

    def _check_name(self) -> None:
        """Whoever moves or removes the file gets what is in it so far; lines go on in a new one of its name."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        try:
            is_ours = os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(self._fd))
        except (FileNotFoundError, NotADirectoryError):
            is_ours = False
        except OSError:  # the account that we have become may not look into that folder: when in trouble, the launcher
            is_ours = self._reason is None and os.fstat(self._fd).st_nlink > 0
        if not is_ours:
            if self._reason is None:
                self._log.warning("the audit log was moved, removed or replaced: a new file is begun")
            raise _Full

    # When that is not possible.

    def _get_file(self) -> None:
        self._awaits_file = True
        self._ask_for_file()

    def adopt(self, fd: int | None, reason: str) -> None:
        """Take the file that was asked for, or why there is none."""
        self._awaits_file = False
        if fd is None or self._fd < 0:
            if fd is not None:
                os.close(fd)
            self._fail(reason)
            return
        os.close(self._fd)
        self._fd, self._size = fd, -1
        self._looked_at = time.monotonic()
        self.flush()

    def _wait_for_others(self, error: OSError) -> None:
        """Another server writes right now."""
        now = time.monotonic()
        self._busy_since = self._busy_since or now
        if now - self._busy_since > LOCK_S:
            self._fail(reason_of(error))
        else:
            self._retry_in(BUSY_RETRY_S)

    def _fail(self, reason: str) -> None:
        if reason != self._reason:
            what = "no call is run until it can" if self._settings.on_error == "refuse" else "calls are run unrecorded"
            self._log.error("the audit log cannot be written", reason=reason, consequence=what)
        self._reason = reason
        self._errors_total += 1
        self._looked_at = 0.0
        self._retry_in(RETRY_S)

    def _succeed(self) -> None:
        if self._reactor is not None:
            self._rest_until = self._reactor.now() + PAUSE_S
        self._busy_since = 0.0
        if self._reason is not None:
            self._reason = None
            self._log.warning("the audit log can be written again", lines_lost=self._lost_total)
        if self._settings.max_bytes and self._size >= self._settings.max_bytes:
            self._get_file()

    def _retry_in(self, delay_s: float) -> None:
        if self._reactor is not None and not self._is_waiting_to_retry:
            self._is_waiting_to_retry = True
            self._reactor.at(self._reactor.now() + delay_s, self._retry)

    def _retry(self) -> None:
        self._is_waiting_to_retry = False
        self.flush()


def open_audit(settings: AuditSettings, log: Log) -> AuditLog:
    """Open the log that the settings name, with the rights that there are.

    Raises:
        OSError: it cannot be had; the sentence is in `strerror`.
    """
    folder, name = os.path.split(settings.file)
    try:
        folder_fd = open_folder(folder)
        try:
            fd = opened(folder_fd, name)
        finally:
            os.close(folder_fd)
    except OSError as error:
        raise OSError(error.errno, reason_of(error)) from None
    return AuditLog(fd, settings, log)


_REFUSAL = Failed(
    Code.IO_ERROR,
    "The server's audit log cannot be written, so it runs no call until that is mended. The server's log says why.",
    {"retry_after_ms": round(1000 * RETRY_S)},
    Reason.AUDIT,
)

"""The audit log as the front-end writes it: one line a call, few writes, and what happens when they fail.

A line is written at the end of the tick in which its call ended, or, right after another, within 10 ms: a server that
is killed loses no more than that. Whoever serves while the file cannot be written finds out at the next write; the
lines of what was served until then are kept, and written first.
"""

import os
import time
from collections.abc import Callable

import msgspec

from filewarden.broker.audit_backlog import Backlog
from filewarden.broker.audit_file import AuditFile, FullError
from filewarden.broker.breach import Breach
from filewarden.broker.call import Call
from filewarden.broker.caller import Caller
from filewarden.broker.log import Log
from filewarden.broker.protocol.outcome import Failed, Outcome, Reason, Succeeded, word_for
from filewarden.broker.reactor import Reactor
from filewarden.broker.status import AuditStatus
from filewarden.config.sections.audit import AuditSettings
from filewarden.config.version import VERSION
from filewarden.workers.audit.files import LOCK_S, open_folder, opened, reason_of
from filewarden.workers.errors import Code

RETRY_S = 0.5
BUSY_RETRY_S = 0.005
PAUSE_S = 0.01
"""The least time between two writes: what a busy server has to say goes out in few large ones."""
TOO_MANY = "too many at once"
"""Why lines were lost though the file can be written."""


class AuditLog:
    """The log of one server. `fd` is its file, opened with the rights of the start; `ask_for_file` leads to `adopt`."""

    def __init__(self, fd: int, settings: AuditSettings, log: Log) -> None:
        self._settings = settings
        self._log = log
        self._file = AuditFile(fd, settings.file, settings.max_bytes, log)
        self._backlog = Backlog(log.server)
        self._reason: str | None = None
        self._errors_total = 0
        self._awaits_file = False
        self._has_timer = False
        self._rest_until = 0.0
        self._busy_since = 0.0
        self._reactor: Reactor | None = None
        self._ask_for_file: Callable[[], None] = lambda: None
        self.refusal: Failed | None = None
        """Why no call may run now. Every call looks here, so it is kept ready."""

    def start(self, reactor: Reactor, ask_for_file: Callable[[], None]) -> None:
        """Write from now on."""
        self._reactor = reactor
        self._ask_for_file = ask_for_file
        self._backlog.event("start", pid=os.getpid(), version=VERSION)
        self.flush()

    # What calls lead to.

    def record(self, call: Call, outcome: Outcome | None) -> None:
        """A call has ended; None: its caller cancelled it."""
        reactor = self._reactor
        if reactor is None:
            return
        now = reactor.now()
        word = "ok" if type(outcome) is Succeeded else word_for(outcome)
        self._backlog.note(call, word, now)
        if call.tool.writes or self._reason is not None:
            self._put_down()  # what it was to write must not be kept
        self._flush_soon(reactor, now)

    def record_unread(self, caller: Caller, tool: str, number: int) -> None:
        """A call could not be read as one: it named a tool that there is not, or its arguments were wrong.

        They are not kept: they have no form in which they could be told apart from what must not be written down.
        """
        if self._reactor is None:
            return
        self._put_down()
        self._backlog.unread(caller, tool, number)
        self._flush_soon(self._reactor, self._reactor.now())

    def record_breach(self, breach: Breach) -> None:
        """A worker was ended for what no honest one does, whether or not it ran a call."""
        if self._reactor is None:
            return
        self._put_down()
        self._backlog.event("breach", **msgspec.to_builtins(breach))
        self._flush_soon(self._reactor, self._reactor.now())

    def _flush_soon(self, reactor: Reactor, now: float) -> None:
        if self._has_timer:
            return
        if now >= self._rest_until:
            reactor.settle(self.flush)
        else:
            self._flush_in(self._rest_until - now)

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
            lines_total=self._backlog.written_total,
            lost_total=self._backlog.lost_total,
            last=self._file.last,
            errors_total=self._errors_total,
        )

    def close(self, await_file: Callable[[], bool]) -> None:
        """Say that the server ended in good order, and let go of the file; `await_file` waits for the one asked for."""
        if not self._file.is_open:
            return
        self._put_down()
        self._backlog.event("stop")
        self.flush()
        if self._awaits_file:
            await_file()
        if not self._backlog.is_empty:
            self._log.error("the audit log is not whole", lines_lost=self._backlog.lost_total + len(self._backlog))
        self._file.close()
        self._reactor = None

    # Writing.

    def flush(self) -> None:
        """Write what waits, all of it or nothing."""
        self._put_down()
        if not self._file.is_open or self._awaits_file or (self._backlog.is_empty and self._reason is None):
            return
        try:
            self._file.check_name(is_in_trouble=self._reason is not None)
            with self._file.locked():
                self._write()
        except FullError:
            self._get_file()
        except BlockingIOError as error:
            self._wait_for_others(error)
        except OSError as error:
            self._fail(reason_of(error))
        else:
            self._succeed()

    def _put_down(self) -> None:
        if self._reactor is not None:
            self._backlog.put_down(self._reactor.now())
            self._judge()

    def _judge(self) -> None:
        """Whether calls may run."""
        is_in_trouble = self._reason is not None or self._backlog.is_full
        self.refusal = _REFUSAL if is_in_trouble and self._settings.on_error == "refuse" else None

    def _write(self) -> None:
        """Add what waits; while in trouble one line at a time, for there may be room for some."""
        at_once = len(self._backlog) if self._reason is None else 1
        while True:
            is_full = self._file.append(self._backlog.first(at_once, self._reason or TOO_MANY))
            if self._backlog.written(at_once) or is_full:
                return

    # When that is not possible.

    def _get_file(self) -> None:
        self._awaits_file = True
        self._ask_for_file()

    def adopt(self, fd: int | None, reason: str) -> None:
        """Take the file that was asked for, or why there is none."""
        self._awaits_file = False
        if fd is None or not self._file.is_open:
            if fd is not None:
                os.close(fd)
            self._fail(reason)
            return
        self._file.adopt(fd)
        self.flush()

    def _wait_for_others(self, error: OSError) -> None:
        """Another server writes right now."""
        now = time.monotonic()
        self._busy_since = self._busy_since or now
        if now - self._busy_since > LOCK_S:
            self._fail(reason_of(error))
        else:
            self._flush_in(BUSY_RETRY_S)

    def _fail(self, reason: str) -> None:
        if reason != self._reason:
            what = "no call is run until it can" if self._settings.on_error == "refuse" else "calls are run unrecorded"
            self._log.error("the audit log cannot be written", reason=reason, consequence=what)
        self._reason = reason
        self._errors_total += 1
        self._judge()
        self._file.look_soon()
        self._flush_in(RETRY_S)

    def _succeed(self) -> None:
        if self._reactor is not None:
            self._rest_until = self._reactor.now() + PAUSE_S
        self._busy_since = 0.0
        if self._reason is not None:
            self._reason = None
            self._log.warning("the audit log can be written again", lines_lost=self._backlog.lost_total)
        self._judge()
        if self._file.is_full:
            self._get_file()

    def _flush_in(self, delay_s: float) -> None:
        if self._reactor is not None and not self._has_timer:
            self._has_timer = True
            self._reactor.at(self._reactor.now() + delay_s, self._on_time)

    def _on_time(self) -> None:
        self._has_timer = False
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

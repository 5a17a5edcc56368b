"""What a running operation tells the client before its answer: progress, and log messages, only where asked for."""

import time
from collections.abc import Callable

from filewarden.workers import wire
from filewarden.workers.note_level import LONGEST_MESSAGE, LONGEST_NOTE, NoteLevel

REPORTS_PER_SECOND = 10.0
BURST = 10.0
"""How many reports may follow each other at once before the rate holds."""
MOST_NOTES = 100
"""Log messages of one call; a client that wants more reads the server's log."""


Send = Callable[[bytes], None]


class Reporter:
    """One call's reports. Without a `log_level` the client wants no log messages."""

    _notes_left = MOST_NOTES
    _done = -1.0
    _credit = BURST
    _credited_at = 0.0

    def __init__(self, send: Send, call: int, *, wants_progress: bool, log_level: NoteLevel | None) -> None:
        self._send = send
        self._call = call
        self._wants_progress = wants_progress
        self._log_level = log_level

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Report that `done` of `total` is done; what comes too soon, or is no growth, is left out."""
        if not self._wants_progress or done <= self._done:
            return
        now = time.monotonic()
        self._credit = min(BURST, self._credit + (now - self._credited_at) * REPORTS_PER_SECOND)
        self._credited_at = now
        if self._credit < 1.0 and done != total:
            return
        self._done = done
        self._credit -= 1.0
        shown = None if message is None else message[:LONGEST_MESSAGE]
        self._send(wire.pack(wire.Progress(self._call, done, total, shown)))

    def note(self, level: NoteLevel, text: str) -> None:
        """Send a log message to the client, who must have asked for its level."""
        if self._log_level is None or level < self._log_level or not self._notes_left:
            return
        self._notes_left -= 1
        self._send(wire.pack(wire.Note(self._call, level, text[:LONGEST_NOTE])))


SILENT = Reporter(lambda _frame: None, 0, wants_progress=False, log_level=None)

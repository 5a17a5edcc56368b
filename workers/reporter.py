"""What a running operation tells the client before its answer: progress, and log messages, only where asked for."""

import time
from collections.abc import Callable

from filewarden.workers.note_level import LONGEST_MESSAGE, LONGEST_NOTE, NoteLevel

REPORTS_PER_SECOND = 10.0
BURST = 10.0
"""How many reports may follow each other at once before the rate holds."""
MOST_NOTES = 100
"""Log messages of one call; a client that wants more reads the server's log."""


SendProgress = Callable[[float, float | None, str | None], None]
SendNote = Callable[[NoteLevel, str], None]


class Reporter:
    """One call's reports. `send_progress` is None when the client asked for none, `log_level` when it wants no log."""

    def __init__(
        self,
        send_progress: SendProgress | None = None,
        send_note: SendNote | None = None,
        log_level: NoteLevel = NoteLevel.EMERGENCY,
    ) -> None:
        self._send_progress = send_progress
        self._send_note = send_note
        self._log_level = log_level
        self._notes_left = MOST_NOTES
        self._done = -1.0
        self._credit = BURST
        self._credited_at = 0.0

    def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Report that `done` of `total` is done; what comes too soon, or is no growth, is left out."""
        if self._send_progress is None or done <= self._done:
            return
        now = time.monotonic()
        self._credit = min(BURST, self._credit + (now - self._credited_at) * REPORTS_PER_SECOND)
        self._credited_at = now
        if self._credit < 1.0 and done != total:
            return
        self._done = done
        self._credit -= 1.0
        self._send_progress(done, total, None if message is None else message[:LONGEST_MESSAGE])

    def note(self, level: NoteLevel, text: str) -> None:
        """Send a log message to the client, who must have asked for its level."""
        if self._send_note is None or level < self._log_level or not self._notes_left:
            return
        self._notes_left -= 1
        self._send_note(level, text[:LONGEST_NOTE])


SILENT = Reporter()

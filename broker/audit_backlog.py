"""What the audit log has still to write: calls that have ended, lines that wait, and how many were lost. Pure."""

import time
from collections import deque
from itertools import islice

import msgspec

from filewarden.broker.audit_entry import Ended, Scribe
from filewarden.broker.call import Call
from filewarden.broker.caller import Caller

MOST_WAITING = 4096
"""Lines that are kept while the file cannot be written."""

_encode = msgspec.json.Encoder().encode


class Backlog:
    """The lines of one server, the oldest first; each is the JSON of its line but for number and hash."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._scribe = Scribe(server)
        self._waiting: deque[bytes] = deque()
        self._ended: list[Ended] = []
        """The calls of the last moment."""
        self._lost = 0
        self.lost_total = 0
        self.written_total = 0

    def __len__(self) -> int:
        """How many lines wait."""
        return len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._waiting or self._lost or self._ended)

    @property
    def is_full(self) -> bool:
        """Whether a further line would be lost."""
        return len(self._waiting) >= MOST_WAITING

    def note(self, call: Call, word: str, now: float) -> None:
        """A call has ended. Its line is made later: several at once take half the time."""
        self._ended.append((call, word, now))

    def put_down(self, now: float) -> None:
        """Make lines of the calls that have ended: nothing of what they were about is kept any longer."""
        if not self._ended:
            return
        ended, self._ended = self._ended, []
        room = MOST_WAITING - len(self._waiting)
        if len(ended) > room:
            self._lose(len(ended) - room)
            del ended[room:]
        clock_s = time.time() - now
        entry = self._scribe.entry
        self._waiting.extend([entry(each, clock_s) for each in ended])

    def unread(self, caller: Caller, tool: str, number: int) -> None:
        """Something was asked for that could not be read as a call."""
        self._add(self._scribe.unread(caller, tool, number, time.time()))

    def event(self, event: str, **facts: object) -> None:
        """Something happened that is no call."""
        self._add(self._event(event, **facts))

    def first(self, most: int, reason: str) -> list[bytes]:
        """So many lines, and, where they are all that wait, that some were lost, for the reason given."""
        found = list(islice(self._waiting, most))
        if self._lost and len(found) == len(self._waiting):
            found.append(self._event("gap", lost=self._lost, reason=reason))
        return found

    def written(self, most: int) -> bool:
        """What `first` has given is written; whether that was all."""
        count = min(most, len(self._waiting))
        self.written_total += count
        if count == len(self._waiting):
            self._waiting.clear()
            self._lost = 0
            return True
        for _ in range(count):
            self._waiting.popleft()
        return False

    def _add(self, line: bytes) -> None:
        if self.is_full:
            self._lose(1)
        else:
            self._waiting.append(line)

    def _lose(self, count: int) -> None:
        self._lost += count
        self.lost_total += count

    def _event(self, event: str, **facts: object) -> bytes:
        return _encode({"time": self._scribe.shown(time.time()), "server": self._server, **facts, "event": event})

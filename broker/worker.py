"""One worker process as the broker sees it: a process of ours, the call it runs, and those that wait behind it."""

from collections import deque

import msgspec

from filewarden.broker.call import Call
from filewarden.broker.lifecycle import ANSWERED, ASSIGNED, BUSY, TAKEN_BACK, Exit, advance
from filewarden.broker.memory import keep_big_blocks
from filewarden.broker.process import Process, Violation
from filewarden.broker.protocol.long_text import MOST_TIMES_LONGER, LongText
from filewarden.broker.shelf import Shelf
from filewarden.workers import wire
from filewarden.workers.slices import ANSWERING_S, SCANNING_S, set_slice
from filewarden.workers.tool import Lane
from filewarden.workers.wire import Aside, Ending, Ready

_RESTED = advance(BUSY, ANSWERED)
"""Looked up once: every call ends so."""


class Worker(Process[Ready | Ending | Aside]):
    """A worker: after the handshake, the only legal frames are those about the call it runs.

    It may have been given others already, of the same principal, which it takes from its link when it is done.
    """

    def __init__(self, serial: int, endpoint: str, started_at: float) -> None:
        super().__init__(serial, endpoint, started_at, wire.unpack_from_worker)
        self.busy_since: float | None = None
        self.call: Call | None = None
        self.behind: deque[Call] = deque()
        """What it was given to run after that, in this order."""
        self.principal: str | None = None
        """Whose calls it runs, from the first one on: nobody else's."""
        self.is_reaped = False
        """Whether its zygote has told what it died of."""
        self.place = -1
        """The slot that it has; none for a spare."""
        self.last_call = 0
        """The number of its latest call."""
        self.calls_total = 0
        self.serves_since: float | None = None
        """When it got its first call."""
        self._keeps_its_processor = False
        self._shelf: Shelf | None = None
        self._fetched: LongText | None = None
        """The latest long text: what is read twice is often read once more."""
        self._fetched_at = 0.0

    def open_shelf(self) -> tuple[int, ...]:
        """Make its shelf, whose descriptor belongs to the spawn message too; none where there is no room for one."""
        try:
            self._shelf = Shelf()
        except OSError:
            return ()
        return (self._shelf.fd,)

    def fetch(self, length: int) -> LongText:
        """What it has laid on its shelf.

        Raises:
            Violation: it has none, the length is impossible, or it is no text.
        """
        if self._shelf is None or length > self.most_bytes:
            raise Violation("a text on a shelf that has no room for it")
        keep_big_blocks()
        try:
            self._fetched = text = LongText(self._shelf.fetch(length), self._fetched)
        except UnicodeDecodeError as error:
            raise Violation("a text that is not UTF-8", error) from None
        except (ValueError, OSError) as error:
            raise Violation("a text on a shelf that has no room for it", error) from None
        self._fetched_at = self.busy_since or 0.0
        return text

    @property
    def kept_bytes(self) -> int:
        """At most so much is kept of its latest long text, with its JSON, and of what it has laid on its shelf."""
        text_bytes = 0 if self._fetched is None else (1 + MOST_TIMES_LONGER) * len(self._fetched)
        return text_bytes + (0 if self._shelf is None else self._shelf.mapped_bytes)

    def forget_text(self, before: float) -> None:
        """Keep its latest long text no longer, if that came with a call that began before then."""
        if self._shelf is not None and self._fetched_at < before:
            self._fetched = None
            self._shelf.forget()

    def hang_up(self) -> None:
        """Close the link, the gate and the shelf."""
        super().hang_up()
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = self._fetched = None

    def assign(self, call: Call, now: float) -> None:
        """It is about to be sent a call: to run at once, or after those that it was given before."""
        if self.call is None:
            self.state = advance(self.state, ASSIGNED)
            self._begin(call, now)
        else:
            self.behind.append(call)

    def _begin(self, call: Call, now: float) -> None:
        self.call = call
        self.principal = call.principal
        self.last_call = call.id
        self.busy_since = call.began_at = now
        if self.serves_since is None:
            self.serves_since = now
        if (call.lane is Lane.SCAN) is not self._keeps_its_processor:
            self._take_slice_for(call.lane)

    def _take_slice_for(self, lane: Lane) -> None:
        self._keeps_its_processor = lane is Lane.SCAN
        if self.pid is not None:
            set_slice(self.pid, SCANNING_S if self._keeps_its_processor else ANSWERING_S)

    def take_unsent(self, count: int) -> list[Call]:
        """Those of its latest `count` calls that somebody waits for, the latest first: it was not sent any of them."""
        behind = self.behind
        taken = [behind.pop() for _ in range(min(count, len(behind)))]
        if len(taken) < count and self.call is not None:
            taken.append(self.call)
            self._take_back()
        return [call for call in taken if not call.is_disowned]

    def _take_back(self) -> None:
        """It has not heard of the one call that it was assigned, and is as it was before."""
        self.state = advance(self.state, TAKEN_BACK)
        self.call = self.busy_since = None
        if not self.calls_total:  # it is nobody's yet
            self.principal = self.serves_since = None

    def answered(self, call_id: int, now: float) -> Call:
        """Take back the call that it answers; the first one behind that, if there is one, is what it runs now.

        Raises:
            Violation: it runs none, or another.
        """
        call = self.call
        if call is None or self.state is not BUSY or call.id != call_id:
            raise Violation("an answer to a call that it does not run")
        self.calls_total += 1
        if self.behind:
            self._begin(self.behind.popleft(), now)
        else:
            self.state = _RESTED
            self.call = self.busy_since = None
        return call

    def waiting(self) -> list[Call]:
        """The calls behind the one it runs whose answers somebody wants."""
        return [call for call in self.behind if not call.is_disowned]

    def makes_several(self) -> bool:
        """Whether what it runs may be one of several changes that it makes together."""
        return self.call is not None and all(
            any(call.tool.steps is not None for call in calls) for calls in ((self.call,), self.waiting())
        )

    def disown(self, call: Call) -> None:
        """One of those behind is somebody else's now: it will run it all the same, and nobody wants the answer."""
        self.behind[self.behind.index(call)] = msgspec.structs.replace(call, is_disowned=True)

    def take_waiting(self) -> list[Call]:
        """What it was given and never ran, now that it is about to go."""
        calls = self.waiting()
        self.behind.clear()
        return calls

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

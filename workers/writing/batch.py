"""Changes that are made together, because they wait together: what each has to flush, they flush at once.

An fsync(2) of a folder covers all names that were put into it before, and one of the history all that was written
there; and files whose writing has begun come to the disk together. What a single change promises, each of them keeps:
all that is kept of what was there is flushed before the first of them is made, each new file before it takes its place,
and its folder before anybody is answered. A failure is that of its own change alone; what they share fails for all.

It is as if they were made one after another, in the order in which they came: no two of a batch have to do with the
same place, and what is refused, or may change more than it says, waits until those before it are done.
"""

from typing import Generic

from filewarden.workers.history.flush import Flush, flush_all
from filewarden.workers.steps import Claim, Pause, Result, Steps

MOST_CHANGES = 8
"""Twice as many save little more, and the first one is answered when the last one is made."""
MOST_BYTES = 1 << 18
"""What they hold in memory together; a larger change is made by itself."""


class Batch(Generic[Result]):
    """Some changes, each begun already."""

    def __init__(self) -> None:
        self._members: list[_Member[Result]] = []
        self._places: set[object] = set()
        self._size = 0
        self.is_full = False
        """Whether no other one is to be begun."""

    def begin(self, steps: Steps[Result]) -> bool:
        """Begin a change; False, and nothing was done, where it is to be begun when those before it are done."""
        member = _Member(steps)
        member.go_on()
        claim = member.pause if isinstance(member.pause, Claim) else None
        if self._members and (claim is None or not self._admits(claim)):
            member.give_up()
            self.is_full = True
            return False
        self._members.append(member)
        if claim is not None:
            self._enter(claim)
            member.go_on()
        self.is_full |= member.has_failed or len(self._members) == MOST_CHANGES
        return True

    def finish(self) -> list[Result | None]:
        """Make them; what each has come to, None where there was not enough memory for it."""
        while waiting := [member for member in self._members if member.pause is not None]:
            flush_all([flush for member in waiting for flush in member.flushes])
            for member in waiting:
                member.go_on()
        return [member.result for member in self._members]

    def _admits(self, claim: Claim) -> bool:
        return not claim.is_alone and self._size + claim.size <= MOST_BYTES and self._places.isdisjoint(claim.places)

    def _enter(self, claim: Claim) -> None:
        self._places.update(claim.places)
        self._size += claim.size
        self.is_full |= claim.is_alone or self._size > MOST_BYTES


class _Member(Generic[Result]):
    """One change on its way. `pause` is where it waits, None when it has ended: in `result`, or for lack of memory."""

    def __init__(self, steps: Steps[Result]) -> None:
        self._steps = steps
        self.pause: Pause | None = None
        self.result: Result | None = None

    @property
    def has_failed(self) -> bool:
        return self.pause is None and self.result is None

    @property
    def flushes(self) -> tuple[Flush, ...]:
        """What it waits for."""
        return self.pause if isinstance(self.pause, tuple) else ()

    def go_on(self) -> None:
        self.pause = None
        try:
            self.pause = next(self._steps)
        except StopIteration as end:
            self.result = end.value
        except MemoryError:
            self.result = None

    def give_up(self) -> None:
        self._steps.close()

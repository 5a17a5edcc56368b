"""What became of a change whose worker was ended: a fresh worker looks, and only then its caller is told.

The front-end touches no file, so it asks: `find_outcome` runs in the pool that writes, before anything that waits
there, within a deadline of its own. It is asked once. A change is never tried again; where nobody can tell, the caller
hears that.
"""

import time
from collections import deque
from collections.abc import Iterator

from filewarden.broker.call import Call, Deliver
from filewarden.broker.fair_queue import Fits
from filewarden.broker.lifecycle import Exit
from filewarden.broker.protocol.outcome import Failed, Outcome, Succeeded
from filewarden.workers.errors import Details
from filewarden.workers.operations import FindOutcome, FoundOutcome
from filewarden.workers.paths.names import echo
from filewarden.workers.tool import Lane, Tool

SECONDS = 5.0
"""How long a check may take, the start of a worker included."""
MOST_TOLD = 5
_UNKNOWN = "Whether the change was made is not known: look at it before another try."
_CHANGED = "The change was made."
_UNCHANGED = "Nothing was changed."
_UNCHECKED = (Exit.CANCELLED, Exit.RECYCLED)
"""Nobody listens any more, or nobody is there to look."""
_WORDS = {
    "content": "wrote",
    "folder": "changed the folder",
    "move": "moved to",
    "trash": "put into the trash",
    "restore": "restored",
    "removal": "removed",
}


class OutcomeChecks:
    """The checks that wait for a worker. `operation` is what runs there; None where nothing can."""

    def __init__(self, server: str, operation: Tool | None, *, has_history: bool = True) -> None:
        self.has_history = has_history
        """Whether one is kept now, in which an outcome is found."""
        self._server = server
        self._operation = operation
        self.waiting: deque[Call] = deque()
        """The checks that no worker has begun; mostly there is none."""

    @property
    def can_tell(self) -> bool:
        """Whether anything can be found out."""
        return self.has_history and self._operation is not None

    def mark(self, call: Call) -> str:
        """What a call that changes something is known by in the history, among all calls of all servers."""
        return f"{self._server}-{call.id}" if call.tool.writes else ""

    def admit(self, numbers: Iterator[int], lost: Call, cause: Exit, now: float, deliver: Deliver) -> Call | None:
        """The check of a call whose worker was ended; None where there is nothing to be found out."""
        if self._operation is None or lost.is_check or lost.is_settled or cause in _UNCHECKED:
            return None
        since_ns = time.time_ns() - round(1e9 * (now - lost.submitted_at))
        check = Call(
            id=next(numbers),
            client=lost.client,
            principal=lost.principal,
            tool=self._operation,
            arguments=FindOutcome(self.mark(lost), since_ns),
            lane=Lane.QUICK,
            submitted_at=now,
            soft_at=now + SECONDS,
            hard_at=now + SECONDS,
            deliver=deliver,
            is_check=True,
        )
        self.waiting.append(check)
        return check

    def next_check(self, fits: Fits) -> Call | None:
        """Take the check that has waited longest, if a worker can take it."""
        return self.waiting.popleft() if self.waiting and fits(self.waiting[0]) else None

    def put_back(self, check: Call) -> None:
        """One that was taken has not run: it is the next one again."""
        self.waiting.appendleft(check)

    def withdraw(self, check: Call) -> bool:
        """Take a waiting check out; False when it does not wait."""
        if check not in self.waiting:
            return False
        self.waiting.remove(check)
        return True


def changes_something(call: Call) -> bool:
    """Whether it matters how far it came."""
    return call.tool.writes and not call.tool.is_look


def is_unchanged(found: Outcome) -> bool:
    """Whether a check has found that nothing was changed, so that the change can be begun again."""
    result = found.result if isinstance(found, Succeeded) else None
    return isinstance(result, FoundOutcome) and result.outcome == "unchanged"


def told(lost: Failed, found: Outcome | None) -> Failed:
    """How a change ended whose worker was ended, by what a check has `found`; None: there was none."""
    result = found.result if isinstance(found, Succeeded) else None
    if not isinstance(result, FoundOutcome):
        return _told(lost, _UNKNOWN, "unknown", [])
    if result.outcome == "unchanged":
        return _told(lost, _UNCHANGED, "unchanged", [])
    changes = [each for each in result.changes if each.path]
    made = [f"{_WORDS.get(each.action, 'changed')} '{echo(each.path)}'" for each in changes]
    shown = f"It had done this: {', '.join(made[:MOST_TOLD])}{', …' if len(made) > MOST_TOLD else ''}. " if made else ""
    sentence = _UNKNOWN if result.outcome == "unknown" else _CHANGED
    return _told(lost, shown + sentence, result.outcome, [each.path for each in changes])


def _told(lost: Failed, sentence: str, outcome: str, changed: list[str]) -> Failed:
    details: Details = {**lost.details, "outcome": outcome}
    if changed:
        details["changed"] = changed
    return Failed(lost.code, f"{lost.message} {sentence}", details, lost.reason)

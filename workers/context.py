"""What an operation may use during one call: the roots, the limits, the time left, and the client's ear."""

import time

import msgspec

from filewarden.workers.history.journal import NO_JOURNAL, Journal
from filewarden.workers.inquiry import NO_INPUTS, Inputs, Json
from filewarden.workers.limits import Limits
from filewarden.workers.note_level import NoteLevel
from filewarden.workers.paths.space import Space
from filewarden.workers.reporter import SILENT, Reporter
from filewarden.workers.rules.confirm_policy import Policy
from filewarden.workers.rules.write_rules import WriteRules
from filewarden.workers.shelf import Shelf


class Context(msgspec.Struct, frozen=True):
    """One call's surroundings. `soft_deadline` is on the monotonic clock, in seconds."""

    space: Space
    limits: Limits
    soft_deadline: float
    reporter: Reporter = SILENT
    inputs: Inputs = NO_INPUTS
    askable: tuple[str, ...] = ()
    """The methods of an `Inquiry` that this client answers."""
    confirm: Policy = Policy.NEVER
    """When the user is asked before something changes."""
    writing: WriteRules = WriteRules()
    """How changes are made, and which are refused."""
    journal: Journal = NO_JOURNAL
    """Where changes are recorded before they are made."""
    shelf: Shelf | None = None
    """Where a long text may be laid that needs no look."""

    def is_overdue(self) -> bool:
        """Whether a scan should now return what it has."""
        return time.monotonic() >= self.soft_deadline

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Report how far the call is, in any unit that only grows; costs nothing when nobody listens."""
        self.reporter.progress(done, total, message)

    def note(self, level: NoteLevel, text: str) -> None:
        """Send a log message to the client, if it asked for that level: never contents of files."""
        self.reporter.note(level, text)

    @property
    def answers(self) -> dict[str, Json]:
        """What the client answered to the `Inquiry` before, by key; empty at first."""
        return self.inputs.answers

    @property
    def state(self) -> bytes:
        """What the run before left with its `Inquiry`."""
        return self.inputs.state

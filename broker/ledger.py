"""What has been answered so far: counts and latencies by tool, refusals by reason, and the latest incidents. Pure.

Every answer passes here, so counting one is a few additions to numbers that are there already. What costs more, the
percentiles and the names of files, is made when somebody asks or when a call has failed.
"""

from bisect import bisect_left
from collections import deque

from filewarden.broker.call import Call
from filewarden.broker.incidents import Incidents
from filewarden.broker.protocol.outcome import Failed, Outcome, Reason, Succeeded
from filewarden.workers.errors import Code

RECENT_CALLS = 1000
"""How many latest calls of a tool its percentiles are taken from."""
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram's buckets, in seconds; what took longer is in one more."""
OK, ASKED, CANCELLED = "ok", "asked", "cancelled"
"""Outcomes that are no failure; those that are have the name of their code."""


class OutcomeFigures:
    """The calls of one tool that ended in one way."""

    __slots__ = ("buckets", "seconds", "total")

    def __init__(self) -> None:
        self.total = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS_S) + 1)


class ToolFigures:
    """The calls of one tool. `answer_bytes` is what workers answered, before any transport shaped it."""

    __slots__ = ("answer_bytes", "errors", "latencies_s", "outcomes", "total")

    def __init__(self) -> None:
        self.total = 0
        self.errors = 0
        self.answer_bytes = 0
        self.latencies_s: deque[float] = deque(maxlen=RECENT_CALLS)
        self.outcomes: dict[str, OutcomeFigures] = {}

    def ended(self, outcome: str, took_s: float) -> None:
        """A call ended so."""
        figures = self.outcomes.get(outcome)
        if figures is None:
            figures = self.outcomes[outcome] = OutcomeFigures()
        self.total += 1
        figures.total += 1
        figures.seconds += took_s
        figures.buckets[bisect_left(BOUNDS_S, took_s)] += 1

    def percentile_ms(self, share: float) -> float | None:
        """The latency that `share` of the recent calls did not exceed, in milliseconds; None without calls."""
        if not self.latencies_s:
            return None
        ordered = sorted(self.latencies_s)
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


class Ledger:
    """The calls of one server since it started, or those of one profile: these are told to that of the `whole` too."""

    def __init__(self, whole: "Ledger | None" = None) -> None:
        self._whole = whole
        self._told = self._told_errors = 0
        """What those of profiles have told."""
        self.total = 0
        self.errors = 0
        self.timeouts = 0
        self.cancelled = 0
        self.rejected = 0
        self.by_tool: dict[str, ToolFigures] = {}
        """By the names of the catalogue alone: what clients make up is refused before it gets here."""
        self.refusals: dict[Reason, int] = dict.fromkeys(Reason, 0)
        """Calls that no worker was asked to run."""
        self.incidents = Incidents()

    def count(self, call: Call, outcome: Outcome, took_s: float) -> None:
        """A call was answered after `took_s` seconds."""
        name = call.tool.name
        figures = self.by_tool.get(name)
        if figures is None:
            figures = self.by_tool[name] = ToolFigures()
        if self._whole is not None:
            self._whole.hear(call, outcome, took_s)
        self.total += 1
        figures.latencies_s.append(took_s)
        figures.answer_bytes += call.answer_bytes
        if isinstance(outcome, Succeeded):
            figures.ended(OK, took_s)
        elif isinstance(outcome, Failed):
            self._count_failure(call, outcome, figures)
            figures.ended(outcome.code.value, took_s)
        else:
            figures.ended(ASKED, took_s)

    def hear(self, call: Call, outcome: Outcome, took_s: float) -> None:
        """A call of a profile was answered."""
        self._told_errors += isinstance(outcome, Failed)
        self.hear_of_one()
        self.count(call, outcome, took_s)

    def hear_of_one(self) -> None:
        """The ledger of a profile tells of a call."""
        self._told += 1

    @property
    def own(self) -> tuple[int, int]:
        """The calls, and the errors among them, of no other ledger."""
        return self.total - self._told, self.errors - self._told_errors

    def count_cancelled(self, call: Call, took_s: float) -> None:
        """A caller lost interest before there was an answer."""
        if self._whole is not None:
            self._whole.count_cancelled(call, took_s)
            self._whole.hear_of_one()
        self.total += 1
        self.cancelled += 1
        self.by_tool.setdefault(call.tool.name, ToolFigures()).ended(CANCELLED, took_s)

    def note_refused(self, call: Call, refusal: Failed) -> None:
        """Somebody else has refused a call, and answered it."""
        if self._whole is not None:
            self._whole.note_refused(call, refusal)
        if refusal.reason is not None:
            self.refusals[refusal.reason] += 1
        self.incidents.note(call, refusal)

    def buckets(self) -> list[int]:
        """How many calls took how long, all tools and outcomes together."""
        sums = [0] * (len(BOUNDS_S) + 1)
        for figures in self.by_tool.values():
            for outcome in figures.outcomes.values():
                sums = [one + other for one, other in zip(sums, outcome.buckets, strict=True)]
        return sums

    def _count_failure(self, call: Call, failure: Failed, figures: ToolFigures) -> None:
        self.errors += 1
        figures.errors += 1
        self.timeouts += failure.code is Code.TIMEOUT
        self.rejected += failure.code is Code.OVERLOADED
        if self._whole is None:  # which has noted it already
            self.note_refused(call, failure)

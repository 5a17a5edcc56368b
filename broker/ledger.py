"""What has been answered so far: counts and recent latencies, by tool. Pure."""

from collections import deque

from filewarden.broker.protocol.outcome import Failed, Outcome
from filewarden.workers.errors import Code

RECENT_CALLS = 1000
"""How many latest calls of a tool its percentiles are taken from."""


class ToolFigures:
    """The calls of one tool."""

    __slots__ = ("errors", "latencies_s", "total")

    def __init__(self) -> None:
        self.total = 0
        self.errors = 0
        self.latencies_s: deque[float] = deque(maxlen=RECENT_CALLS)

    def percentile_ms(self, share: float) -> float | None:
        """The latency that `share` of the recent calls did not exceed, in milliseconds; None without calls."""
        if not self.latencies_s:
            return None
        ordered = sorted(self.latencies_s)
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


class Ledger:
    """The calls of one server since it started."""

    def __init__(self) -> None:
        self.total = 0
        self.errors = 0
        self.timeouts = 0
        self.cancelled = 0
        self.rejected = 0
        self.by_tool: dict[str, ToolFigures] = {}

    def count(self, tool: str, outcome: Outcome, took_s: float) -> None:
        """A call was answered after `took_s` seconds."""
        figures = self._figures(tool)
        self.total += 1
        figures.total += 1
        figures.latencies_s.append(took_s)
        if isinstance(outcome, Failed):
            self.errors += 1
            figures.errors += 1
            self.timeouts += outcome.code is Code.TIMEOUT
            self.rejected += outcome.code is Code.OVERLOADED

    def count_cancelled(self, tool: str) -> None:
        """A caller lost interest before there was an answer."""
        self.total += 1
        self.cancelled += 1
        self._figures(tool).total += 1

    def _figures(self, tool: str) -> ToolFigures:
        figures = self.by_tool.get(tool)
        if figures is None:
            figures = self.by_tool[tool] = ToolFigures()
        return figures

"""How much each principal may change within a minute. Pure.

A call reserves what its arguments tell when it is admitted, so that calls at the same time cannot spend the same twice;
what it really was is settled with its outcome. Spending is kept by whole seconds, each until a minute after its end.
"""

from collections import OrderedDict

import msgspec

from filewarden.broker.protocol.outcome import Asked, Failed, Outcome, Reason, Succeeded
from filewarden.config.sections.writes import WriteSettings
from filewarden.workers.errors import Code
from filewarden.workers.tool import Tool

WINDOW_S = 60
MOST_REMEMBERED = 1024
"""Principals; whoever was idle the longest is forgotten first."""
BYTES, FILES = "writes.max_bytes_per_minute", "writes.max_files_per_minute"


class Spending(msgspec.Struct):
    """What one call has reserved; `second` is when, on the monotonic clock."""

    principal: str
    second: int
    files: int
    bytes: int


Sums = list[int]
"""Files and bytes."""


class WriteBudgets:
    """Both budgets; 0 is none."""

    def __init__(self, *, max_bytes: int, max_files: int) -> None:
        self._limits = (max_files, max_bytes)
        self._spent: OrderedDict[str, dict[int, Sums]] = OrderedDict()

    def renew(self, *, max_bytes: int, max_files: int) -> None:
        """Hold everybody to these from now on; what was spent stays spent."""
        self._limits = (max_files, max_bytes)

    def reserve(self, principal: str, tool: Tool, arguments: msgspec.Struct, now: float) -> Spending | Failed | None:
        """What a call may spend, or why it may not; None for what costs nothing. `now` is monotonic seconds."""
        if not any(self._limits) or not tool.writes or tool.is_look:
            return None
        asked = (1, tool.volume(arguments) if self._limits[1] else 0)
        if self._limits[1] and asked[1] > self._limits[1]:
            return _too_much(asked[1], self._limits[1])
        spent = self._recent(principal, now)
        refusal = self._refusal(spent, asked, now)
        if refusal is not None:
            return refusal
        spending = Spending(principal, int(now), *asked)
        self._add(spending, *asked)
        return spending

    def settle(self, spending: Spending, outcome: Outcome) -> None:
        """A call has ended: nothing was changed, or it is known how much, or it is not and may have been all."""
        if isinstance(outcome, Asked) or (isinstance(outcome, Failed) and not _may_have_changed(outcome)):
            self._add(spending, -spending.files, -spending.bytes)
        elif isinstance(outcome, Succeeded):
            files, size = _extent(outcome.result)
            self._add(spending, files - spending.files, size - spending.bytes)

    def _recent(self, principal: str, now: float) -> dict[int, Sums]:
        """What a principal has spent by the second, the oldest first."""
        spent = self._spent.setdefault(principal, {})
        self._spent.move_to_end(principal)
        while len(self._spent) > MOST_REMEMBERED:
            self._spent.popitem(last=False)
        for second in [second for second in spent if second + 1 + WINDOW_S <= now]:
            del spent[second]
        return spent

    def _refusal(self, spent: dict[int, Sums], asked: tuple[int, int], now: float) -> Failed | None:
        for kind, name in enumerate((FILES, BYTES)):
            limit = self._limits[kind]
            excess = sum(sums[kind] for sums in spent.values()) + asked[kind] - limit
            if limit and excess > 0:
                return _spent(name, limit, _free_at(spent, kind, excess) - now)
        return None

    def _add(self, spending: Spending, files: int, size: int) -> None:
        spent = self._spent.get(spending.principal)
        if spent is None:
            return
        sums = spent.setdefault(spending.second, [0, 0])
        sums[0] = max(0, sums[0] + files)
        sums[1] = max(0, sums[1] + size)


def _may_have_changed(outcome: Failed) -> bool:
    return outcome.details.get("outcome") in ("unknown", "changed")


def _free_at(spent: dict[int, Sums], kind: int, excess: int) -> float:
    """When so much will have been forgotten."""
    second = 0
    for second in sorted(spent):
        excess -= spent[second][kind]
        if excess <= 0:
            break
    return second + 1 + WINDOW_S


def _extent(result: msgspec.Struct) -> tuple[int, int]:
    """Files and folders that were changed, and bytes that were written, as far as an answer tells."""
    if getattr(result, "dry_run", False) or getattr(result, "deletions", msgspec.UNSET) is not msgspec.UNSET:
        return 0, 0  # it was only looked at
    inside = getattr(result, "files", 0) + getattr(result, "folders", 0)
    return 1 + inside, getattr(result, "size", 0)


def _spent(name: str, limit: int, seconds: float) -> Failed:
    what = "bytes" if name == BYTES else "changes of files"
    return Failed(
        Code.OVERLOADED,
        f"The budget of {limit:,} {what} a minute is used up ({name}). Nothing was changed; wait before another try.",
        {"retry_after_ms": max(1, round(1000 * seconds)), "budget": name, "limit": limit},
        Reason.WRITE_BUDGET,
    )


def _too_much(size: int, limit: int) -> Failed:
    return Failed(
        Code.TOO_LARGE,
        f"The call brings {size:,} bytes to write, more than the budget of a whole minute, {limit:,} ({BYTES}). "
        "Nothing was changed.",
        {"size": size, "limit": limit, "budget": BYTES},
        Reason.WRITE_BUDGET,
    )


def budgets_of(writes: WriteSettings, before: WriteBudgets | None) -> WriteBudgets | None:
    """The budgets of these settings, in which spent is what was spent before."""
    most_bytes, most_files = writes.max_bytes_per_minute, writes.max_files_per_minute
    if not most_bytes and not most_files:
        return None
    budgets = before or WriteBudgets(max_bytes=most_bytes, max_files=most_files)
    budgets.renew(max_bytes=most_bytes, max_files=most_files)
    return budgets

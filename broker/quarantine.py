"""Calls that have cost too many workers: an identical one is refused for a while. Pure.

Nothing is retried behind a caller's back, but a caller that repeats what kills workers would keep the pool busy with
dying. Two losses within a minute close the door to that call (tool, arguments, principal) for a minute.
"""

from collections import OrderedDict

LOSSES = 2
WINDOW_S = 60.0
MOST_REMEMBERED = 1024

Key = tuple[str, str, int]
"""Principal, tool, and what stands for the arguments, which may be large."""


class Quarantine:
    """When which call lost its worker. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.losses: OrderedDict[Key, list[float]] = OrderedDict()
        """The latest ones of each call; mostly there are none."""

    def lost(self, key: Key, now: float) -> None:
        """The call cost a worker."""
        recent = [when for when in self.losses.pop(key, []) if now - when < WINDOW_S]
        self.losses[key] = [*recent, now][-LOSSES:]
        while len(self.losses) > MOST_REMEMBERED:
            self.losses.popitem(last=False)

    def closed_for_s(self, key: Key, now: float) -> float:
        """How many more seconds the call is refused; 0 when it is not."""
        times = self.losses.get(key)
        if times is None:
            return 0.0
        if now - times[-1] >= WINDOW_S:
            del self.losses[key]
            return 0.0
        return times[-1] + WINDOW_S - now if len(times) >= LOSSES else 0.0

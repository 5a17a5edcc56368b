"""Whether a server does its work, for a watchdog that would start it again. Pure.

That is more than a loop that runs, and less than being ready: a pool that has lost its workers gets the time that a
start takes, and a call that its deadline has not ended shows that nobody enforces them.
"""

from collections.abc import Iterable

from filewarden.broker.pool import Kind

LATE_S = 5.0
"""How long after its deadline a call may still wait for its end: a timer rings at the earliest of them."""


class Vitality:
    """Asked every now and then; times are monotonic seconds."""

    def __init__(self) -> None:
        self._down_since: dict[Kind, float] = {}

    def fault(
        self, now: float, pools: Iterable[tuple[Kind, bool]], *, start_timeout_s: float, overdue_s: float
    ) -> str | None:
        """Why the server should be started again, or None.

        `pools` says of each whether a worker of it is ready; `overdue_s` is by how much the latest call is late.
        """
        for kind, is_serving in pools:
            if is_serving:
                self._down_since.pop(kind, None)
            elif now - self._down_since.setdefault(kind, now) > start_timeout_s:
                return f"the {kind.value} pool has had no worker for {now - self._down_since[kind]:.0f} s"
        return f"a call is {overdue_s:.0f} s behind its deadline" if overdue_s > LATE_S else None

"""What somebody wants to hear of."""

from collections.abc import Callable

from filewarden.broker.protocol.outcome import Failed
from filewarden.workers.watching.watch_wire import Reports

OnResult = Callable[[Failed | None], None]
"""Gets None once everything is watched, or why it is not; called exactly once, unless it is unsubscribed before."""


class Subscription:
    """One or more paths that one client watches together."""

    __slots__ = (
        "_on_result",
        "asked_at",
        "is_over",
        "is_pending",
        "on_change",
        "paths",
        "principal",
        "reports",
        "waiting",
    )

    def __init__(
        self,
        principal: str,
        paths: dict[int, str],
        reports: Reports,
        on_change: Callable[[], None],
        on_result: OnResult,
        asked_at: float,
    ) -> None:
        self.principal = principal
        self.paths = paths
        """By the number that the watcher knows each by."""
        self.reports = reports
        self.on_change = on_change
        self._on_result = on_result
        self.asked_at = asked_at
        self.is_pending = True
        """Whether its result is still to come."""
        self.is_over = False
        """Whether whoever asked wants nothing any more."""
        self.waiting = set(paths)
        """The paths that no watcher watches yet, or again."""

    def settle(self, failure: Failed | None) -> None:
        """Tell the result, once."""
        if self.is_pending:
            self.is_pending = False
            if not self.is_over:
                self._on_result(failure)

    def change(self) -> None:
        """Tell that something has changed, to whoever knows already that it is watched."""
        if not self.is_pending and not self.is_over:
            self.on_change()

"""What a client hears of a scan that takes a while: how much was seen, and where it is."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.root import Root
    from filewarden.workers.searching.walk import Walk

QUIET_S = 1.0
"""A scan that is done by then reports nothing."""


def _nothing() -> tuple[int, int]:
    return 0, 0


class ScanProgress:
    """The reports of one call."""

    def __init__(self, context: "Context", looked_into: Callable[[], tuple[int, int]] = _nothing) -> None:
        """`looked_into` says of how many files the content was seen so far, and how many bytes."""
        self._context = context
        self._ends = context.soft_deadline
        self._begins = time.monotonic() + QUIET_S
        self._idle_until = min(self._begins, self._ends)
        self._folders = 0
        self._root: Root | None = None
        self._walk: Walk | None = None
        self._looked_into = looked_into

    def follow(self, root: "Root", walk: "Walk") -> None:
        """Report of this walk from now on."""
        if self._walk is not None:
            self._folders += self._walk.entered
        self._root, self._walk = root, walk

    def beat(self) -> bool:
        """Between two steps: report, if it is time to, and say whether the scan must end with what it has."""
        now = time.monotonic()
        if now < self._idle_until:
            return False
        if now >= self._begins:
            self._tell()
        return now >= self._ends

    def _tell(self) -> None:
        walk = self._walk
        folders = self._folders + (walk.entered if walk is not None else 0)
        seen = [f"{folders:,} folders"]
        files, size = self._looked_into()
        if files:
            seen.append(f"{files:,} files")
        if size:
            seen.append(f"{size / 1e6:,.0f} MB")
        if walk is not None and self._root is not None:
            seen.append(f"now in {self._context.space.display(self._root, walk.where)}")
        self._context.progress(folders + files + size, message=", ".join(seen))

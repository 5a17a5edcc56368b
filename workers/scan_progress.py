"""What a client hears of a scan that takes a while: how much was seen, and where it is."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.handle import Handle
    from filewarden.workers.paths import Names
    from filewarden.workers.root import Root

QUIET_S = 1.0
"""A scan that is done by then reports nothing."""


class ScanProgress:
    """The reports of one call."""

    def __init__(self, context: "Context") -> None:
        self._context = context
        self._begins = time.monotonic() + QUIET_S
        self.files = 0
        self.bytes = 0
        self._root: Root | None = None
        self._names: Names = ()

    def enter(self, folder: "Handle") -> None:
        """Say in which folder the scan is."""
        self._root, self._names = folder.root, folder.names
        self.tell()

    def tell(self) -> None:
        """Report, if it is time to."""
        if self._root is None or time.monotonic() < self._begins:
            return
        read = f", {self.bytes / 1e6:,.0f} MB" if self.bytes else ""
        where = self._context.space.display(self._root, self._names)
        self._context.progress(self.files + self.bytes, message=f"{self.files:,} files{read}, in {where}")

"""How long and how much the trash of a root keeps, and which deletions have to go by that. Pure."""

import time
from collections.abc import Iterable

import msgspec

_AFTER_ALL = "~"
"""Sorts after every name."""


class TrashBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings under `[writes]`: bytes and seconds; 0 is no bound."""

    max_bytes: int = 0
    max_age_s: float = 0.0
    min_age_s: float = 0.0
    """Nothing younger goes, however much there is."""

    def due(self, deletions: Iterable[tuple[str, int]], now: float) -> list[str]:
        """The names of what has to go, the oldest first, of (name, bytes); `now` is seconds of the epoch."""
        oldest_first = sorted(deletions)
        kept = sum(size for _, size in oldest_first)
        promised = stamp(now - self.min_age_s) if self.min_age_s else _AFTER_ALL
        expired = stamp(now - self.max_age_s) if self.max_age_s else ""
        found = []
        for name, size in oldest_first:
            is_too_much = 0 < self.max_bytes < kept
            if name >= promised or not (is_too_much or name < expired):
                break
            kept -= size
            found.append(name)
        return found


def stamp(moment: float) -> str:
    """What the names of deletions begin with, so that they sort by it: seconds of the epoch as UTC."""
    return time.strftime("%Y%m%dT%H%M%S-", time.gmtime(max(0.0, moment)))

"""What of the roots is closed to clients, found out where it takes a look at the file system: on the way to an object.

The rules themselves are `policy.py`'s affair.
"""

import os
from collections.abc import Sequence

from filewarden.workers.paths.policy import Policy
from filewarden.workers.paths.refusals import denied
from filewarden.workers.paths.resolution import FOLDER, Names, Resolver, Start, normalise


class Closed:
    """Objects beneath the starts of a space, each by the index of its start and its names there."""

    def __init__(self, starts: Sequence[Start], policy: Policy, resolver: Resolver) -> None:
        self._starts = starts
        self._policy = policy
        self._resolver = resolver
        self._closed_roots = frozenset(
            index for index, start in enumerate(starts) if policy.denies_object(os.fstat(start.fd))
        )
        """What is open stays the same object, so that nobody need look at a root again."""

    def refuse_way(self, index: int, names: Names, path: str) -> None:
        """Refuse by the text alone, so that an object that is denied and one that is absent look the same."""
        for end in range(1, len(names) + 1):
            if end == len(names) or names[end] == b"..":
                at = normalise(names[:end])
                if at and self._policy.denies(index, at):
                    raise denied(path)

    def hides(self, index: int, names: Names) -> bool:
        """Whether an object that could not be reached, there or not, lies where nothing may be known of it."""
        if self._policy.denies(index, names):
            return True
        return self._policy.has_denied_objects and self._lies_in_denied(index, names, is_there=False)

    def is_closed(self, index: int, names: Names, state: os.stat_result) -> bool:
        """Whether an object that was reached, and really lies there, is closed."""
        if self._policy.has_rules and (self._policy.denies(index, names) or self._is_alias(index, names)):
            return True
        if self._policy.has_link_rules and self._policy.refuses_link(index, names, state):
            return True
        if not self._policy.has_denied_objects:
            return False
        if state.st_ino in self._policy.denied_inodes and self._policy.denies_object(state):
            return True
        return index in self._closed_roots or (len(names) > 1 and self._lies_in_denied(index, names))

    def _lies_in_denied(self, index: int, names: Names, *, is_there: bool = True) -> bool:
        if index in self._closed_roots:
            return True
        top = self._starts[index].fd
        for end in range(1, len(names) + (not is_there)):
            try:
                above = os.stat(b"/".join(names[:end]), dir_fd=top, follow_symlinks=False)
            except OSError:
                return is_there  # It changed under us; the caller may try again.
            if self._policy.denies_object(above):
                return True
        return False

    def _is_alias(self, index: int, names: Names) -> bool:
        """Whether a folding file system opened a denied object by another spelling of its name."""
        if not self._policy.suspects(index, names):
            return False
        for end in range(len(names)):
            try:
                fd = self._resolver.open_plain(self._starts[index], names[:end], FOLDER)
            except OSError:
                return True
            try:
                if os.fsdecode(names[end]) not in os.listdir(fd):
                    return True
            finally:
                os.close(fd)
        return False

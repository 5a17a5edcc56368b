"""Which objects beneath the roots are closed to clients, and which root's settings hold where roots overlap."""

import os
import stat
from collections.abc import Sequence

from filewarden.workers.paths.resolution import Names, beneath
from filewarden.workers.paths.root import Root


class Policy:
    """The deny rules of all roots and the objects closed wherever they lie. Roots are known by their position."""

    def __init__(
        self, roots: Sequence[Root], places: tuple[Names, ...], denied_objects: frozenset[tuple[int, int]]
    ) -> None:
        """`places` are the roots' real absolute paths as names; `denied_objects` are (st_dev, st_ino)."""
        self._rules = tuple(root.deny for root in roots)
        self._refuses_hard_links = tuple(root.refuses_hard_links for root in roots)
        self._places = places
        self._denied_objects = denied_objects
        self.denied_inodes = frozenset(inode for _, inode in denied_objects)
        """For a first look that needs no stat."""
        self.has_rules = any(self._rules)
        self.has_link_rules = any(self._refuses_hard_links)
        self.has_denied_objects = bool(denied_objects)

    def denies(self, root: int, names: Names) -> bool:
        """Whether a rule closes the object with these real names, or a folder above it."""
        return self.has_rules and any(self._rules[at].deny(inside) for at, inside in self.governing(root, names))

    def suspects(self, root: int, names: Names) -> bool:
        """Whether the names may be another spelling of a denied object's."""
        return any(self._rules[at].suspect(inside) for at, inside in self.governing(root, names))

    def denies_object(self, state: os.stat_result) -> bool:
        """Whether this very object is closed, whatever it is called."""
        return state.st_ino in self.denied_inodes and (state.st_dev, state.st_ino) in self._denied_objects

    def refuses_link(self, root: int, names: Names, state: os.stat_result) -> bool:
        """Whether it is a file of several names where those are closed: another name may lie outside, or be denied."""
        return (
            self.has_link_rules
            and state.st_nlink > 1
            and stat.S_ISREG(state.st_mode)
            and any(self._refuses_hard_links[at] for at, _ in self.governing(root, names))
        )

    def governing(self, root: int, names: Names) -> list[tuple[int, Names]]:
        """Every root that holds the object, with the object's names in it; the one it was reached by comes first."""
        found = [(root, names)]
        if len(self._places) > 1:
            absolute = (*self._places[root], *names)
            for other, place in enumerate(self._places):
                if other != root:
                    found.extend((other, rest) for rest in beneath(absolute, (place,)))
        return found

    def innermost(self, root: int, names: Names) -> int:
        """Find the most specific root that holds the object: its mode decides."""
        if len(self._places) == 1:
            return root
        return min(self.governing(root, names), key=lambda pair: len(pair[1]))[0]

    def is_root(self, root: int, names: Names) -> bool:
        """Whether another root begins right here."""
        return len(self._places) > 1 and any(not rest for at, rest in self.governing(root, names) if at != root)

"""A tree of folders as indented text: level by level as far as the answer has room, what is folded with its counts.

The upper levels come first, because a reader who sees all of them knows where to look; a folder that does not fit any
more, or lies too deep, is one line that tells how much is below it.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.paths.names import show
from filewarden.workers.searching.scan_progress import ScanProgress
from filewarden.workers.searching.walk import Filters, Folder, Walk

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.handle import Handle
    from filewarden.workers.paths.resolution import Names
    from filewarden.workers.paths.root import Root

MOST_FILES = 200
"""So many files of one folder are shown; more of them tell a reader less than their number does."""
MOST_FOLDERS = 1000
"""So many folders in one folder are shown at most."""
COUNT_S = 3.0
"""So long folded folders are counted: their names are worth more than a wait for their sizes."""
_INDENT = 2
_FOLD_CHARS = 40
"""The most that a folded folder's line has beside its name."""


class Below(msgspec.Struct):
    """How much is below a folder that is not shown in full."""

    files: int = 0
    folders: int = 0
    is_complete: bool = True

    def __bool__(self) -> bool:
        return self.files > 0 or self.folders > 0

    def __str__(self) -> str:
        counts = [_count(number, what) for number, what in ((self.files, "file"), (self.folders, "folder")) if number]
        if not self.is_complete:
            return f"at least {', '.join(counts)}" if counts else "not counted"
        return ", ".join(counts) or "empty"


class Branch:
    """One folder of the tree."""

    def __init__(self, label: str, root: "Root", names: "Names", prefix: bytes = b"", depth: int = 0) -> None:
        self.label = label
        self.root = root
        self.names = names
        self.prefix = prefix
        """Its path from where the tree begins, with a slash at its end; empty there."""
        self.depth = depth
        self.branches: list[Branch] = []
        self.files: list[str] = []
        self.more = Below()
        """What lies in the folder and is not shown."""
        self.below: Below | None = None
        """Set when the folder is folded."""

    def lines(self) -> Iterator[str]:
        """Write what the folder holds, one entry a line."""
        indent = " " * _INDENT * self.depth
        for branch in self.branches:
            fold = f" … {branch.below}" if branch.below is not None else ""
            yield f"{indent}{branch.label}/{fold}"
            yield from branch.lines()
        for file in self.files:
            yield indent + file
        if self.more:
            yield f"{indent}… and {self.more} more"


class Tree:
    """One call: grows level by level, then counts what is folded."""

    def __init__(self, context: "Context", filters: Filters, depth: int) -> None:
        self._space = context.space
        self._filters = filters
        self._depth = depth
        self._room = context.limits.max_answer_chars
        self._progress = ScanProgress(context)
        self._counts_until = time.monotonic() + COUNT_S
        self.skipped = 0
        """Folders that could not be read."""
        self.is_cut = False
        """Whether something within the depth is folded, because the answer has no more room or the time is up."""
        self.folders = 0
        """Folders that are shown."""
        self.files = 0
        """Files that are shown."""

    def grow(self, branches: list[Branch]) -> None:
        """Show what lies below some folders of the first level."""
        level = branches
        while level and level[0].depth < self._depth:
            level = [below for branch in level for below in self._expand(branch)]
        for branch in level:
            self._fold(branch)

    def _expand(self, branch: Branch) -> list[Branch]:
        """Show a folder's content if there is room; gives the folders in it."""
        if self._progress.beat():
            self.is_cut = True
            branch.below = Below(is_complete=False)
            return []
        if not self._look(branch):
            return []
        cost = self._cost(branch)
        if cost > self._room and branch.depth:
            self.is_cut = True
            branch.branches, branch.files, branch.more = [], [], Below()
            self._fold(branch)
            return []
        while cost > self._room and len(branch.branches) + len(branch.files) > 1:
            self._halve(branch)
            cost = self._cost(branch)
        self._room -= cost
        self.is_cut = self.is_cut or bool(branch.more)
        self.folders += len(branch.branches)
        self.files += len(branch.files)
        return branch.branches

    def _halve(self, branch: Branch) -> None:
        """Leave out half of the files of the first folder, or, when there is one at most, half of its folders."""
        if len(branch.files) > 1:
            kept = len(branch.files) // 2
            branch.more.files += len(branch.files) - kept
            del branch.files[kept:]
        else:
            kept = (len(branch.branches) + 1) // 2
            branch.more.folders += len(branch.branches) - kept
            branch.more.files += len(branch.files)
            del branch.branches[kept:], branch.files[:]

    def _cost(self, branch: Branch) -> int:
        """Count the characters of what a folder holds as they stand in JSON: a line end is two, a quote too."""
        names = [one.label for one in branch.branches] + branch.files
        written = sum(len(name) + name.count("\\") + name.count('"') for name in names)
        lines = len(names) * (branch.depth * _INDENT + 3)
        return written + lines + (len(branch.branches) + 1) * _FOLD_CHARS

    def _look(self, branch: Branch) -> bool:
        """Read one folder into its branch; False when it is gone or cannot be read."""
        handle = self._open(branch)
        if handle is None:
            return False
        with handle:
            try:
                folder = Walk(self._space, handle, self._shifted(branch.prefix), lambda: False).top()
            except OSError:
                self.skipped += 1
                return False
            is_visible = self._sight(folder)
            folders = [name for name in folder.folders if is_visible(name)]
            files = [name for name in folder.files if is_visible(name)]
        branch.branches = [
            Branch(show(name), branch.root, (*branch.names, name), branch.prefix + name + b"/", branch.depth + 1)
            for name in folders[:MOST_FOLDERS]
        ]
        branch.files = [show(name) + ("@" if name in folder.links else "") for name in files[:MOST_FILES]]
        branch.more = Below(len(files) - len(branch.files), len(folders) - len(branch.branches))
        return True

    def _fold(self, branch: Branch) -> None:
        """Count what is below a folder instead of showing it."""
        branch.below = below = Below()
        handle = self._open(branch)
        if handle is None:
            return
        with handle:
            walk = Walk(self._space, handle, self._shifted(branch.prefix), self._is_late)
            self._progress.follow(branch.root, walk)
            with contextlib.closing(walk.folders(shows_empty=True)) as folders:
                for folder in folders:
                    is_visible = self._sight(folder)
                    below.files += sum(map(is_visible, folder.files))
                    below.folders += sum(map(is_visible, folder.folders))
            self.skipped += walk.skipped
            below.is_complete = walk.position is None

    def _is_late(self) -> bool:
        return self._progress.beat() or time.monotonic() >= self._counts_until

    def _open(self, branch: Branch) -> "Handle | None":
        try:
            handle = self._space.open_folder(branch.root, branch.names)
        except OSError:
            self.skipped += 1
            return None
        if self._space.denies_object(handle.stat):
            handle.close()
            return None
        return handle

    def _sight(self, folder: Folder) -> Callable[[bytes], bool]:
        """Tell which names clients may see, where names alone do not decide."""
        if not self._space.judges_objects:
            return lambda _name: True

        def is_visible(name: bytes) -> bool:
            try:
                state = os.stat(name, dir_fd=folder.handle.fd, follow_symlinks=False)
                return not self._space.closes(folder.handle, name, state)
            except OSError:
                return False

        return is_visible

    def _shifted(self, prefix: bytes) -> Filters:
        """Give the filters of a walk that starts below: what the client leaves out is relative to the tree."""
        excludes = self._filters.excludes
        if excludes is None or not prefix:
            return self._filters
        return msgspec.structs.replace(self._filters, excludes=lambda folder, name: excludes(prefix + folder, name))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"

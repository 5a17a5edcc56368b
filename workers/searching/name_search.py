"""One search by name: the regular files below a folder, or below all roots, whose path matches a glob."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from filewarden.workers.paths.globs import Matcher
from filewarden.workers.paths.names import show
from filewarden.workers.paths.starts import starts
from filewarden.workers.searching.scan_progress import ScanProgress
from filewarden.workers.searching.walk import Filters, Folder, Walk

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.handle import Handle
    from filewarden.workers.paths.resolution import Names

_CHECK_EVERY = 64


class FoundFile(NamedTuple):
    """A file, where it lies, and its state; a link that stays inside is seen as what it leads to."""

    start: int
    """Which of the starts it lies below."""
    folder: "Names"
    """The names from there on to the folder that holds it."""
    name: bytes
    prefix: str
    """What clients call that folder, with a slash at its end; empty for the one root."""
    state: os.stat_result

    @property
    def below(self) -> "Names":
        """Its names from the start on."""
        return (*self.folder, self.name)

    @property
    def shown(self) -> str:
        """What clients call it in its folder."""
        return show(self.name)


class NameSearch:
    """One call. `stopped` is set when the deadline ended it: the start it was in, and what was examined last there."""

    def __init__(self, context: "Context", filters: Filters, matcher: Matcher | None) -> None:
        """`matcher` says which paths are wanted, where the filters do not by the names alone."""
        self._space = context.space
        self._filters = filters
        self._matcher = matcher
        self._progress = ScanProgress(context)
        self.skipped = 0
        """Files and folders that could not be examined."""
        self.stopped: tuple[int, Names] | None = None

    def files(self, path: str, start: int = 0, after: "Names | None" = None) -> Iterator[FoundFile]:
        """Give the files in the order of their paths, beginning in one of the starts after a position in it."""
        for index, one in enumerate(starts(self._space, path)):
            if index < start:
                continue
            with self._space.open_directory(one) as folder:
                yield from self._below(folder, index, after if index == start else None)
            if self.stopped is not None:
                return

    def _below(self, top: "Handle", start: int, after: "Names | None") -> Iterator[FoundFile]:
        walk = Walk(self._space, top, self._filters, self._progress.beat, after)
        self._progress.follow(top.root, walk)
        with contextlib.closing(walk.folders()) as folders:
            try:
                for folder in folders:
                    yield from self._in(folder, start)
                    if self.stopped is not None:
                        return
            finally:
                self.skipped += walk.skipped
        if walk.position is not None:
            self.stopped = start, walk.position

    def _in(self, folder: Folder, start: int) -> Iterator[FoundFile]:
        last = b""
        prefix = self._space.display_below(folder.handle)
        for count, name in enumerate(self._matching(folder), 1):
            if count % _CHECK_EVERY == 0 and self._progress.beat():
                self.stopped = start, (*folder.names, last)
                return
            state = self._examine(folder, name)
            if state is not None:
                yield FoundFile(start, folder.names, name, prefix, state)
            last = name

    def _matching(self, folder: Folder) -> Iterable[bytes]:
        names = folder.files
        if folder.specials:
            names = [name for name in names if name not in folder.specials]
        if self._matcher is None:
            return names
        matches = self._matcher.expression.fullmatch
        prefix = b"".join(name + b"/" for name in folder.names)
        return (name for name in names if matches(prefix + name))

    def _examine(self, folder: Folder, name: bytes) -> os.stat_result | None:
        """Say the state of a regular file that clients may see, or None."""
        space = self._space
        try:
            if name in folder.links:
                entry = space.examine(folder.handle, name)
                return entry.stat if entry is not None and entry.kind == "file" else None
            state = os.stat(name, dir_fd=folder.handle.fd, follow_symlinks=False)
            if not stat.S_ISREG(state.st_mode) or (space.judges_objects and space.closes(folder.handle, name, state)):
                return None
        except FileNotFoundError:
            return None
        except OSError:
            self.skipped += 1
            return None
        return state

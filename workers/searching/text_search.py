"""One content search: walks, looks into files, and collects matching lines until the page is full or the time is up."""

import contextlib
import functools
import os
import stat
from typing import TYPE_CHECKING

import msgspec

from filewarden.workers.paths.resolution import READ
from filewarden.workers.paths.starts import open_start, starts
from filewarden.workers.searching.file_search import DONE, FileSearch, Outcome, Progress
from filewarden.workers.searching.first_look import CAPACITY, FirstLook
from filewarden.workers.searching.match_page import MatchPage
from filewarden.workers.searching.scan_progress import ScanProgress
from filewarden.workers.searching.walk import Filters, Folder, Walk
from filewarden.workers.text.patterns import Pattern
from filewarden.workers.text.text_window import Window

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.globs import Matcher
    from filewarden.workers.paths.handle import Handle

MOST_PER_FILE = 50
_FLAGS = READ | getattr(os, "O_NOFOLLOW", 0)


@functools.cache
def _buffers() -> tuple[Window, bytearray]:
    """Make the buffers with the first search of a worker, which keeps them."""
    return Window(), bytearray(CAPACITY)


class Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which start the search is in, what was examined last there, and how far, if not to its end."""

    asked: int
    """Which question it belongs to."""
    start: int = 0
    after: tuple[bytes, ...] = ()
    within: Progress | None = None

    def is_sound(self) -> bool:
        """Whether it could be one of ours."""
        return self.start >= 0 and (self.within is None or self.within.is_sound())


class Wish(msgspec.Struct, frozen=True):
    """What is searched for, where, and how much is told around it."""

    pattern: Pattern
    filters: Filters
    glob: "Matcher | None" = None
    """Which files are wanted, where their names alone do not tell."""
    around: tuple[int, int] = (0, 0)


class _Full(Exception):
    """The page is full, or the time is up; `position` is where the next one begins."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position


class TextSearch:
    """One call; afterwards its counts tell what was done."""

    def __init__(self, context: "Context", wish: Wish, page: MatchPage) -> None:
        self._space = context.space
        self._wish = wish
        self._progress = ScanProgress(context, self._looked_into)
        window, buffer = _buffers()
        self._look = FirstLook(buffer, wish.pattern, self._progress.beat)
        find = wish.pattern.over(window.buffer).find
        self._file = FileSearch(window, find, page, wish.around, self._progress.beat)
        self._from = Position(0)
        self._single_files = self._binary = self._skipped = self._bytes = 0
        self.capped: list[str] = []
        """Files of which only the first matching lines are told."""

    def run(self, path: str, position: Position) -> Position | None:
        """Search all that the path means from a position on; gives where to go on, None when all was searched."""
        self._from = position
        try:
            for index, start in enumerate(starts(self._space, path)):
                if index >= position.start:
                    self._search(start, index)
        except _Full as full:
            return full.position
        return None

    @property
    def files(self) -> int:
        """Files that were searched, or found to be no text."""
        return self._look.files + self._single_files

    @property
    def binary(self) -> int:
        """Files that are no text."""
        return self._look.binary + self._binary

    @property
    def skipped(self) -> int:
        """Files and folders that could not be read."""
        return self._look.skipped + self._skipped

    def _search(self, start: str, index: int) -> None:
        with open_start(self._space, start) as handle:
            if handle.kind == "file":
                self._single(handle)
            else:
                self._below(handle, index)

    def _looked_into(self) -> tuple[int, int]:
        return self.files, self._look.bytes + self._bytes + self._file.reached

    # -- folders

    def _below(self, folder: "Handle", start: int) -> None:
        at = self._from
        after = at.after if start == at.start and at.after else None
        repeats_last = at.within is not None
        walk = Walk(self._space, folder, self._wish.filters, self._progress.beat, after, repeats_last=repeats_last)
        self._progress.follow(folder.root, walk)
        with contextlib.closing(walk.folders()) as folders:
            try:
                for each in folders:
                    self._folder(each, start)
            finally:
                self._skipped += walk.skipped
        if walk.position is not None:
            raise _Full(Position(at.asked, start, walk.position))

    def _folder(self, folder: Folder, start: int) -> None:
        look = self._look
        for name in look.candidates(folder.handle.fd, self._names(folder)):
            self._named(folder, name, start)
        if look.stopped is not None:
            raise _Full(Position(self._from.asked, start, (*folder.names, look.stopped)))

    def _names(self, folder: Folder) -> list[bytes]:
        """The files that are wanted. Links are passed over: what they lead to is found where it lies."""
        names = folder.files
        if folder.links or folder.specials:
            names = [name for name in names if name not in folder.links and name not in folder.specials]
        if self._wish.glob is not None:
            matches = self._wish.glob.expression.fullmatch
            prefix = b"".join(name + b"/" for name in folder.names)
            names = [name for name in names if matches(prefix + name)]
        return names

    def _named(self, folder: Folder, name: bytes, start: int) -> None:
        """Search one file by name, in an open folder; raises _Full."""
        before = None if self._from.within is None else self._begun(start, (*folder.names, name))
        self._bytes += self._file.reached
        self._file.leave()
        try:
            fd = os.open(name, _FLAGS, dir_fd=folder.handle.fd)
        except FileNotFoundError:
            return
        except OSError:
            self._skipped += 1
            return
        try:
            state = os.fstat(fd)
            if stat.S_ISREG(state.st_mode) and not self._space.closes(folder.handle, name, state):
                path = self._space.display(folder.handle.root, (*folder.handle.names, name))
                outcome = self._file.run(fd, state, path, MOST_PER_FILE, before)
                if outcome is not DONE:
                    self._settle(outcome, path, Position(self._from.asked, start, (*folder.names, name)))
        except (OSError, UnicodeError):
            self._skipped += 1
        finally:
            os.close(fd)

    def _begun(self, start: int, names: tuple[bytes, ...]) -> Progress | None:
        """Say how far a file was searched on the pages before, of which it was the last."""
        at = self._from
        if (at.start, at.after) != (start, names):
            return None
        self._from = Position(at.asked, start, names)
        return at.within

    def _single(self, handle: "Handle") -> None:
        """Search the one file that was asked for; raises _Full."""
        self._single_files = 1
        try:
            outcome = self._file.run(handle.fd, handle.stat, handle.path, None, self._from.within)
        except UnicodeError:
            outcome = Outcome(is_binary=True)
        self._settle(outcome, handle.path, Position(self._from.asked))

    def _settle(self, outcome: Outcome, path: str, at: Position) -> None:
        self._binary += outcome.is_binary
        self._skipped += outcome.is_given_up
        if outcome.is_capped:
            self.capped.append(path)
        if outcome.rest is not None:
            raise _Full(msgspec.structs.replace(at, within=outcome.rest))

"""The order in which the entries of one folder are shown, page by page.

Types come from reading the folder, and what is sorted by size or time is looked at for it; what else is told of an
entry is found out when it is shown. Orders are kept (`kept_orders.py`).
"""

import bisect
import heapq
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Literal

from filewarden.workers.context import Context
from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.paths.file_system import FileSystems
from filewarden.workers.paths.handle import Entry, Handle, is_settled
from filewarden.workers.searching.kept_orders import KeptOrders, Key, Question

_AT_ONCE = 1024
"""Entries, after which it is time to look at the clock."""
_SHORTEST_ITEM_CHARS = 64
_MANY = 32
"""From here on it pays to make keys together."""
_MOST_SORTED = 50_000
"""So many keys fit a worker's memory easily; of more, only a page is kept at a time."""
_inode_of = os.DirEntry.inode
_ENCODING = sys.getfilesystemencoding()

SortBy = Literal["name", "size", "modified"]


_kept = KeptOrders()


class FolderOrder:
    """The sort keys of an open folder."""

    def __init__(self, context: Context, folder: Handle, *, show_hidden: bool, sort_by: SortBy) -> None:
        self._context = context
        self._space = context.space
        self._folder = folder
        self._show_hidden, self._sort_by = show_hidden, sort_by
        self._depends_on_others = False
        """Whether more than the folder itself decides on the order, such as what a link leads to."""
        self._looks_at_each = sort_by != "name" or context.space.judges_names
        self.skipped = 0
        """How many entries could not be examined."""
        self.most = context.limits.max_answer_chars // _SHORTEST_ITEM_CHARS + 2
        """How many are looked at for one page: more than could be shown."""

    def keys(self, after: Key | None) -> tuple[list[Key], int]:
        """Find keys in order, and where the next ones begin: more than `most` of them where there are as many."""
        question = self._question()
        ordered = _kept.answer(question, is_continued=after is not None)
        if ordered is None:
            ordered = []
            with os.scandir(self._folder.fd) as entries:
                for keys in (batches := self._batches(entries)):
                    ordered += keys
                    if len(ordered) > _MOST_SORTED:
                        all_keys = itertools.chain(ordered, itertools.chain.from_iterable(batches))
                        return heapq.nsmallest(self.most + 1, (key for key in all_keys if not after or key > after)), 0
            _sort(ordered)
            self._keep(question, ordered)
        return ordered, 0 if after is None else bisect.bisect_right(ordered, after)

    def _question(self) -> Question:
        folder, state = self._folder, self._folder.stat
        return Question(
            (self._space, folder.root.fd, folder.names, self._show_hidden, self._sort_by),
            (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns),
        )

    def _keep(self, question: Question, keys: list[Key]) -> None:
        """Keep what will stay true for as long as the folder is the same, or until its next page is asked for."""
        is_long = len(keys) > self.most
        is_lasting = self._sort_by == "name" and not self._depends_on_others
        if not is_long and not (is_lasting and _kept.is_again(question)):
            return
        if not is_settled(self._folder):
            return
        is_lasting = is_lasting and FileSystems().tell_changes(self._folder)
        if is_long:
            _kept.keep_long(question, keys, is_lasting=is_lasting)
        elif is_lasting:
            _kept.keep_short(question, keys)

    def _batches(self, entries: "Iterator[os.DirEntry[str]]") -> Iterator[Iterable[Key]]:
        count = 0
        while batch := list(itertools.islice(entries, _AT_ONCE)):
            count += len(batch)
            if len(batch) == _AT_ONCE and self._is_overdue(count):
                raise ToolFailure(Code.TIMEOUT, "The folder is too large to be sorted in time. Search for names in it.")
            if not self._show_hidden:
                batch = [entry for entry in batch if entry.name[0] != "."]
            if self._looks_at_each or len(batch) < _MANY:
                yield self._keys_one_by_one(batch)
            else:
                yield from self._keys_together(batch)

    def _keys_together(self, batch: "list[os.DirEntry[str]]") -> Iterator[Iterable[Key]]:
        """The keys of what is sorted by name: of files and folders all at once, several times faster."""
        closed = self._space.denied_inodes
        if closed.isdisjoint(map(_inode_of, batch)):
            odd = [entry for entry in batch if entry.is_symlink()]
        else:
            odd = [entry for entry in batch if entry.is_symlink() or entry.inode() in closed]
        if odd:
            yield self._keys_one_by_one(odd)
            batch = [entry for entry in batch if entry not in odd]
        if batch:
            text = "\0".join([entry.name for entry in batch])
            numbers = [0 if entry.is_dir(follow_symlinks=False) else 1 for entry in batch]
            names = text.encode(_ENCODING, "surrogateescape").split(b"\0")
            yield zip(numbers, text.casefold().split("\0"), names, strict=True)

    def _keys_one_by_one(self, batch: "list[os.DirEntry[str]]") -> Iterator[Key]:
        space, above, is_plain = self._space, self._folder.names, self._sort_by == "name"
        judge, looks_at_all, denied_inodes = space.judge(self._folder.root), space.judges_objects, space.denied_inodes
        for entry in batch:
            text = entry.name
            name = text.encode(_ENCODING, "surrogateescape")
            if judge is not None and judge((*above, name)):
                continue
            if (looks_at_all or entry.inode() in denied_inodes) and self._examine(name) is None:
                continue
            if is_plain and not entry.is_symlink():
                yield (0 if entry.is_dir(follow_symlinks=False) else 1), text.casefold(), name
                continue
            number = self._number(name)
            if number is not None:
                yield number, text.casefold(), name

    def _is_overdue(self, count: int) -> bool:
        self._context.progress(count, message="Listing")
        return self._context.is_overdue()

    def _number(self, name: bytes) -> int | None:
        """Make the first part of the sort key of what must be looked at for it."""
        found = self._examine(name)
        if found is None:
            return None
        if self._sort_by == "name":
            return 0 if found.kind == "directory" else 1
        if self._sort_by == "modified":
            return -found.stat.st_mtime_ns
        size = shown_size(found.kind, found.stat.st_size)
        return 1 if size is None else -size

    def _examine(self, name: bytes) -> Entry | None:
        self._depends_on_others = True
        try:
            return self._space.examine(self._folder, name)
        except OSError:
            self.skipped += 1
            return None


def _sort(keys: list[Key]) -> None:
    """By one item at a time first, for texts alone are compared far more quickly: it takes half the time."""
    keys.sort(key=itemgetter(1))
    keys.sort(key=itemgetter(0))
    keys.sort()  # what is the same without its case


def shown_size(kind: str, size: int) -> int | None:
    """Say the size in bytes; none for folders, and 0 for a link out (its own tells of the target)."""
    if kind == "directory":
        return None
    return 0 if kind == "symlink" else size

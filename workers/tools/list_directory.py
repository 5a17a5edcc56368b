"""The tool `list_directory`: the entries of one folder, sorted, in pages."""

import bisect
import heapq
import itertools
import os
import sys
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from filewarden.workers.context import Context
    from filewarden.workers.paths.handle import Entry, Handle
    from filewarden.workers.searching.budget import Budget

_CHECK_EVERY = 1024
_SHORTEST_ITEM_CHARS = 64
_MOST_SORTED = 50_000
"""So many keys fit a worker's memory easily; of more, only a page is kept at a time."""
_COARSEST_CLOCK_NS = 2_000_000_000
"""FAT's. A folder may change again within one tick of its file system's clock, with the same stamps."""
_CONTINUED_S = 60.0
"""How long the order by size or time that one page began with is good enough for the next."""
_ENCODING = sys.getfilesystemencoding()

_Key = tuple[int, str, bytes]


class ListDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """List the entries of a folder."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Relative to the root.")] = "."
    show_hidden: Annotated[bool, msgspec.Meta(description="Names with a leading dot too.")] = False
    sort_by: Annotated[
        Literal["name", "size", "modified"],
        msgspec.Meta(description="Folders, large or new ones first."),
    ] = "name"
    cursor: Annotated[str | None, msgspec.Meta(description="next_cursor of the page before.")] = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a folder."""

    name: str
    type: str
    size: int | None
    modified: int
    path: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `list_directory`."""

    path: str
    total: int
    entries: list[Item]
    truncated: bool
    next_cursor: str | msgspec.UnsetType = msgspec.UNSET
    skipped: int | msgspec.UnsetType = msgspec.UNSET


class _Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The sort key of the last entry shown."""

    asked: int
    number: int
    name: bytes


class _Recent:
    """The sorted keys of the long folder that was listed last: its further pages need not read and sort it again."""

    def __init__(self) -> None:
        self._question: tuple[object, ...] = ()
        self._keys: list[_Key] = []
        self._is_lasting = False
        self._kept_at = 0.0

    def answer(self, question: tuple[object, ...], *, is_continued: bool) -> list[_Key] | None:
        """Give the keys; an order that other things than the folder decide on only to whom it was shown before."""
        holds = self._is_lasting or (is_continued and time.monotonic() - self._kept_at < _CONTINUED_S)
        return self._keys if holds and question == self._question else None

    def keep(self, question: tuple[object, ...], keys: list[_Key], *, is_lasting: bool) -> None:
        self._question, self._keys, self._is_lasting, self._kept_at = question, keys, is_lasting, time.monotonic()


_recent = _Recent()


class _Late(msgspec.Struct, frozen=True):
    """What this takes from modules that the front-end, which needs but the schema, does not load."""

    budget: "type[Budget]"
    show: "Callable[[bytes], str]"
    format: int
    plain: dict[int, str]


@cache
def _late() -> _Late:
    """Made once, in the worker: an import takes its time even where it finds everything there."""
    from filewarden.workers.paths.handle import FORMAT, PLAIN
    from filewarden.workers.paths.names import show
    from filewarden.workers.searching.budget import Budget

    return _Late(Budget, show, FORMAT, PLAIN)


class _Page:
    """One run over a folder: finds the sort keys of what comes next, then shows entries until the budget is spent."""

    def __init__(self, context: "Context", folder: "Handle", arguments: ListDirectory) -> None:
        late = _late()
        self._show, self._format, self._plain = late.show, late.format, late.plain
        self._context = context
        self._space = context.space
        self._folder = folder
        self._above = "" if folder.path == "." else f"{folder.path}/"
        self._arguments = arguments
        self._judge = context.space.judge(folder.root)
        self._looks_closely, self._denied_inodes = context.space.judges_names, context.space.denied_inodes
        self._depends_on_others = context.space.judges_objects
        """Whether more than the folder itself decides on the order, such as what a link leads to."""
        self.entries: list[Item] = []
        self.skipped = 0
        self.most = context.limits.max_answer_chars // _SHORTEST_ITEM_CHARS + 2

    def keys(self, after: _Key | None) -> list[_Key]:
        """Find the next keys in order, as many as could be shown at most and one more."""
        question = self._question()
        ordered = _recent.answer(question, is_continued=after is not None)
        if ordered is None:
            with os.scandir(self._folder.fd) as entries:
                found = self._all_keys(entries)
                ordered = list(itertools.islice(found, _MOST_SORTED + 1))
                if len(ordered) > _MOST_SORTED:
                    keys = itertools.chain(ordered, found)
                    return heapq.nsmallest(self.most, (key for key in keys if after is None or key > after))
            ordered.sort()
            if len(ordered) > self.most and self._is_settled():
                is_lasting = self._arguments.sort_by == "name" and not self._depends_on_others
                _recent.keep(question, ordered, is_lasting=is_lasting)
        begin = 0 if after is None else bisect.bisect_right(ordered, after)
        return ordered[begin : begin + self.most]

    def fill(self, keys: list[_Key], budget: "Budget") -> int:
        """Show the entries until the budget is spent; how many of the keys are done with.

        In one loop, for there are thousands of them. What is gone, closed, or cannot be examined is left out.
        """
        fd, look, show, above, shown = self._folder.fd, os.lstat, self._show, self._above, self.entries
        plain, type_bits, denied_inodes, looks_closely = (
            self._plain,
            self._format,
            self._denied_inodes,
            self._looks_closely,
        )
        for count, (_, _, name) in enumerate(keys):
            try:
                state = look(name, dir_fd=fd)
                kind = plain.get(state.st_mode & type_bits)
                if kind is None or looks_closely or state.st_ino in denied_inodes:
                    entry = self._space.entry(self._folder, name, state)
                    if entry is None:
                        continue
                    state, kind = entry.stat, entry.kind
            except OSError:
                self.skipped += 1
                continue
            text = show(name)
            size = state.st_size if kind == "file" else _size(kind, state)
            item = Item(name=text, type=kind, size=size, modified=state.st_mtime_ns // 1_000_000_000, path=above + text)
            if not budget.take(item):
                return count
            shown.append(item)
        return len(keys)

    def _question(self) -> tuple[object, ...]:
        folder, state = self._folder, self._folder.stat
        stamps = (state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns)
        return (self._space, folder.root, folder.names, stamps, self._arguments.show_hidden, self._arguments.sort_by)

    def _is_settled(self) -> bool:
        """Whether the names hold until the folder's stamps change, also if it was changed just before we looked."""
        before, after = self._folder.stat, os.fstat(self._folder.fd)
        return (before.st_mtime_ns, before.st_ctime_ns) == (
            after.st_mtime_ns,
            after.st_ctime_ns,
        ) and time.time_ns() - max(before.st_mtime_ns, before.st_ctime_ns) > _COARSEST_CLOCK_NS

    def _all_keys(self, entries: "Iterator[os.DirEntry[str]]") -> Iterator[_Key]:
        judge, above, denied_inodes = self._judge, self._folder.names, self._denied_inodes
        hides_dotted, is_plain = not self._arguments.show_hidden, self._arguments.sort_by == "name"
        looks_at_all = self._space.judges_objects
        for count, entry in enumerate(entries, 1):
            if count % _CHECK_EVERY == 0 and self._is_overdue(count):
                raise ToolFailure(Code.TIMEOUT, "The folder is too large to be sorted in time. Search for names in it.")
            text = entry.name
            if hides_dotted and text[0] == ".":
                continue
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
        sort_by = self._arguments.sort_by
        self._depends_on_others = True
        found = self._examine(name)
        if found is None:
            return None
        if sort_by == "name":
            return 0 if found.kind == "directory" else 1
        if sort_by == "modified":
            return -found.stat.st_mtime_ns
        size = _size(found.kind, found.stat)
        return 1 if size is None else -size

    def _examine(self, name: bytes) -> "Entry | None":
        try:
            return self._space.examine(self._folder, name)
        except OSError:
            self.skipped += 1
            return None


def _size(kind: str, state: os.stat_result) -> int | None:
    """Say the size in bytes; none for folders, and 0 for a link out (its own tells of the target)."""
    if kind == "directory":
        return None
    return 0 if kind == "symlink" else state.st_size


def run(context: "Context", arguments: ListDirectory) -> Listing:
    """List one folder, or the roots when there are several and none is named."""
    if context.space.names_all_roots(arguments.path):
        return _list_roots(context, arguments.sort_by)
    after = _after(arguments)
    budget = _late().budget(context.limits.max_answer_chars)
    with context.space.open_directory(arguments.path) as folder:
        page = _Page(context, folder, arguments)
        keys = page.keys(after)
        done = page.fill(keys, budget)
        path = folder.path
    truncated = done < len(keys) or len(keys) == page.most
    next_cursor = _cursor(arguments, keys[done - 1]) if truncated and done else msgspec.UNSET
    return Listing(
        path=path,
        total=len(page.entries),
        entries=page.entries,
        truncated=truncated,
        next_cursor=next_cursor,
        skipped=page.skipped or msgspec.UNSET,
    )


def _cursor(arguments: ListDirectory, last: _Key) -> str:
    from filewarden.workers import cursors

    return cursors.write(_Position(_fingerprint(arguments), last[0], last[2]))


def _fingerprint(arguments: ListDirectory) -> int:
    from filewarden.workers import cursors

    return cursors.fingerprint(arguments.path, arguments.show_hidden, arguments.sort_by)


def _after(arguments: ListDirectory) -> _Key | None:
    if arguments.cursor is None:
        return None
    from filewarden.workers import cursors

    position = cursors.read(arguments.cursor, _Position)
    if position.asked != _fingerprint(arguments):
        raise cursors.foreign()
    return position.number, os.fsdecode(position.name).casefold(), position.name


def _list_roots(context: "Context", sort_by: str) -> Listing:
    entries = []
    for root in context.space.roots:
        state = os.fstat(root.fd)
        path = context.space.display(root, ())
        entries.append(
            Item(name=path, type="directory", size=None, modified=state.st_mtime_ns // 1_000_000_000, path=path)
        )
    entries.sort(key=lambda entry: (-entry.modified if sort_by == "modified" else 0, entry.name.casefold(), entry.name))
    return Listing(path=".", total=len(entries), entries=entries, truncated=False)


TOOL = Tool(
    name="list_directory",
    title="List a folder",
    description="Lists a folder: type, size, time of change. Long ones come in pages: give next_cursor as cursor.",
    arguments=ListDirectory,
    result=Listing,
    run=run,
    other_names=("list_directory_with_sizes",),
    aliases={"sortBy": "sort_by"},
)

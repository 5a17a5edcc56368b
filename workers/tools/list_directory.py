"""The tool `list_directory`: the entries of one folder, sorted, in pages."""

import heapq
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.space import Entry, Handle

_CHECK_EVERY = 1024
_SHORTEST_ITEM_CHARS = 64

_Key = tuple[int, str, bytes]


class ListDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """List the entries of a folder."""

    path: Annotated[
        str, msgspec.Meta(min_length=1, max_length=16384, description='Folder, relative to the root; "." is the root.')
    ] = "."
    show_hidden: Annotated[bool, msgspec.Meta(description="Also list names that begin with a dot.")] = False
    sort_by: Annotated[
        Literal["name", "size", "modified"],
        msgspec.Meta(description="name: folders first; size: largest first; modified: newest first."),
    ] = "name"
    cursor: Annotated[
        str | None, msgspec.Meta(description="next_cursor of the page before, with the same arguments.")
    ] = None


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


class _Page:
    """One run over a folder: finds the sort keys of what comes next, then shows entries until the budget is spent."""

    def __init__(self, context: "Context", folder: "Handle", arguments: ListDirectory) -> None:
        self._context = context
        self._space = context.space
        self._folder = folder
        self._arguments = arguments
        self._judge = context.space.judge(folder.root)
        self.skipped = 0
        self.most = context.limits.max_answer_chars // _SHORTEST_ITEM_CHARS + 2

    def keys(self, after: _Key | None) -> list[_Key]:
        """Find the next keys in order, as many as could be shown at most and one more."""
        with os.scandir(self._folder.fd) as entries:
            keys = self._all_keys(entries)
            return heapq.nsmallest(self.most, (key for key in keys if after is None or key > after))

    def item(self, name: bytes) -> Item | None:
        """Make one entry as shown; None if it is gone, closed, or cannot be examined."""
        from filewarden.workers.names import show

        entry = self._examine(name)
        if entry is None:
            return None
        base = self._folder.path
        text = show(name)
        return Item(
            name=text,
            type=entry.kind,
            size=size_of(entry),
            modified=entry.stat.st_mtime_ns // 1_000_000_000,
            path=text if base == "." else f"{base}/{text}",
        )

    def _all_keys(self, entries: "Iterator[os.DirEntry[str]]") -> Iterator[_Key]:
        for count, entry in enumerate(entries, 1):
            if count % _CHECK_EVERY == 0 and self._context.is_overdue():
                raise ToolFailure(Code.TIMEOUT, "The folder is too large to be sorted in time. Search for names in it.")
            if entry.name.startswith(".") and not self._arguments.show_hidden:
                continue
            name = os.fsencode(entry.name)
            if not self._is_closed(entry, name):
                number = self._number(entry, name)
                if number is not None:
                    yield number, entry.name.casefold(), name

    def _is_closed(self, entry: "os.DirEntry[str]", name: bytes) -> bool:
        if self._judge and self._judge((*self._folder.names, name)):
            return True
        return entry.inode() in self._space.denied_inodes and self._examine(name) is None

    def _number(self, entry: "os.DirEntry[str]", name: bytes) -> int | None:
        """Make the first part of the sort key; only what sorting needs is asked of the file system."""
        sort_by = self._arguments.sort_by
        if sort_by == "name" and not entry.is_symlink():
            return 0 if entry.is_dir(follow_symlinks=False) else 1
        found = self._examine(name)
        if found is None:
            return None
        if sort_by == "name":
            return 0 if found.kind == "directory" else 1
        if sort_by == "modified":
            return -found.stat.st_mtime_ns
        size = size_of(found)
        return 1 if size is None else -size

    def _examine(self, name: bytes) -> "Entry | None":
        try:
            return self._space.examine(self._folder, name)
        except OSError:
            self.skipped += 1
            return None


def size_of(entry: "Entry") -> int | None:
    """Say the size in bytes; none for folders, and 0 for a link out (its own tells of the target)."""
    if entry.kind == "directory":
        return None
    return 0 if entry.kind == "symlink" else entry.stat.st_size


def run(context: "Context", arguments: ListDirectory) -> Listing:
    """List one folder, or the roots when there are several and none is named."""
    from filewarden.workers import cursors
    from filewarden.workers.budget import Budget

    if context.space.names_all_roots(arguments.path):
        return _list_roots(context, arguments.sort_by)
    asked = cursors.fingerprint(arguments.path, arguments.show_hidden, arguments.sort_by)
    after = _after(arguments, asked)
    entries: list[Item] = []
    budget = Budget(context.limits.max_answer_chars)
    last: _Key | None = None
    with context.space.open_directory(arguments.path) as folder:
        page = _Page(context, folder, arguments)
        keys = page.keys(after)
        truncated = len(keys) == page.most
        for key in keys:
            item = page.item(key[2])
            if item is not None and not budget.take(item):
                truncated = True
                break
            last = key
            if item is not None:
                entries.append(item)
        path = folder.path
    next_cursor = cursors.write(_Position(asked, last[0], last[2])) if truncated and last else msgspec.UNSET
    return Listing(
        path=path,
        total=len(entries),
        entries=entries,
        truncated=truncated,
        next_cursor=next_cursor,
        skipped=page.skipped or msgspec.UNSET,
    )


def _after(arguments: ListDirectory, asked: int) -> _Key | None:
    from filewarden.workers import cursors

    if arguments.cursor is None:
        return None
    position = cursors.read(arguments.cursor, _Position)
    if position.asked != asked:
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
    description="Lists the entries of a folder with type, size and time of change. "
    "Long folders come in pages: pass next_cursor as cursor to go on.",
    arguments=ListDirectory,
    result=Listing,
    run=run,
)

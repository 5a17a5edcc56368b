"""The tool `list_directory`: the entries of one folder, sorted, in pages."""

import os
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from filewarden.workers.limits import MOST_ANSWER_CHARS
from filewarden.workers.tool import Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.searching.budget import Budget
    from filewarden.workers.searching.folder_order import FolderOrder
    from filewarden.workers.searching.folder_page import FolderPage
    from filewarden.workers.searching.kept_orders import Key


_BARE_ITEM_CHARS = 51
"""Of an entry in JSON without its values."""


class ListDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """List the entries of a folder."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Relative to the root.")] = "."
    show_hidden: Annotated[bool, msgspec.Meta(description="Names with a leading dot too.")] = False
    sort_by: Annotated[
        Literal["name", "size", "modified"],
        msgspec.Meta(description="Folders, large or new ones first."),
    ] = "name"
    cursor: Annotated[str | None, msgspec.Meta(description="next_cursor of the page before.")] = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """One entry of a folder. There are thousands, so they are made by place, and not for the collector."""

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


class Listed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The same, column by column: a third of the bytes, and nothing to be made of each entry in the worker."""

    path: str
    names: str
    """With a slash between them, for none has one."""
    types: list[str]
    sizes: list[int | None]
    modified: list[int]
    truncated: bool = False
    next_cursor: str | None = None
    skipped: int = 0

    def unfold(self) -> Listing:
        """The answer; raises ValueError for what is none, or becomes longer than any answer may be."""
        count, above = len(self.types), _above(self.path)
        names = self.names.split("/") if count else []
        if not count == len(names) == len(self.sizes) == len(self.modified):
            raise ValueError("columns of different lengths")
        if count * (_BARE_ITEM_CHARS + len(above)) > MOST_ANSWER_CHARS:
            raise ValueError(f"{count} entries below a path of {len(above)} characters")
        paths = [above + name for name in names] if above else names
        return Listing(
            path=self.path,
            total=count,
            entries=list(map(Item, names, self.types, self.sizes, self.modified, paths)),
            truncated=self.truncated,
            next_cursor=msgspec.UNSET if self.next_cursor is None else self.next_cursor,
            skipped=self.skipped or msgspec.UNSET,
        )


def _above(path: str) -> str:
    """What stands before the names of entries in their paths."""
    return "" if path == "." else f"{path}/"


class _Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The sort key of the last entry shown."""

    asked: int
    number: int
    name: bytes


def run(context: "Context", arguments: ListDirectory) -> Listed:
    """List one folder, or the roots when there are several and none is named."""
    if context.space.names_all_roots(arguments.path):
        return _list_roots(context, arguments.sort_by)
    order_of, page_of, budget = _worker_side()
    after = _after(arguments)
    with context.space.open_directory(arguments.path) as folder:
        order = order_of(context, folder, show_hidden=arguments.show_hidden, sort_by=arguments.sort_by)
        page = page_of(context.space, folder, _above(folder.path), _BARE_ITEM_CHARS)
        keys, begin = order.keys(after)
        end = page.fill(keys, begin, begin + order.most, budget(context.limits.max_answer_chars))
        path = folder.path
    truncated = end < len(keys)
    rows = page.shown
    return Listed(
        path,
        "/".join(rows.names),
        rows.kinds,
        rows.sizes,
        rows.modified,
        truncated,
        _cursor(arguments, keys[end - 1]) if truncated and end > begin else None,
        order.skipped + page.skipped,
    )


@cache
def _worker_side() -> "tuple[type[FolderOrder], type[FolderPage], type[Budget]]":
    """What the front-end, which needs but the schema, does not load: an import takes its time even when it is done."""
    from filewarden.workers.searching.budget import Budget
    from filewarden.workers.searching.folder_order import FolderOrder
    from filewarden.workers.searching.folder_page import FolderPage

    return FolderOrder, FolderPage, Budget


def _cursor(arguments: ListDirectory, last: "Key") -> str:
    from filewarden.workers import cursors

    return cursors.write(_Position(_fingerprint(arguments), last[0], last[2]))


def _fingerprint(arguments: ListDirectory) -> int:
    from filewarden.workers import cursors

    return cursors.fingerprint(arguments.path, arguments.show_hidden, arguments.sort_by)


def _after(arguments: ListDirectory) -> "Key | None":
    if arguments.cursor is None:
        return None
    from filewarden.workers import cursors

    position = cursors.read(arguments.cursor, _Position)
    if position.asked != _fingerprint(arguments):
        raise cursors.foreign()
    return position.number, os.fsdecode(position.name).casefold(), position.name


def _list_roots(context: "Context", sort_by: str) -> Listed:
    found = []
    for root in context.space.roots:
        modified = os.fstat(root.fd).st_mtime_ns // 1_000_000_000
        path = context.space.display(root, ())
        found.append((-modified if sort_by == "modified" else 0, path.casefold(), path, modified))
    found.sort()
    names = "/".join(path for _, _, path, _ in found)
    return Listed(".", names, ["directory"] * len(found), [None] * len(found), [modified for *_, modified in found])


TOOL = Tool(
    name="list_directory",
    title="List a folder",
    description="Lists a folder: type, size, time of change. Long ones come in pages: give next_cursor as cursor.",
    arguments=ListDirectory,
    result=Listing,
    folded=Listed,
    run=run,
    other_names=("list_directory_with_sizes",),
    aliases={"sortBy": "sort_by"},
)

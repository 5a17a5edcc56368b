"""The tool `search_files`: regular files whose path matches a glob."""

import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Lane, Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.globs import Matcher
    from filewarden.workers.handle import Handle
    from filewarden.workers.paths import Names
    from filewarden.workers.walk import Filters, Folder

_CHECK_EVERY = 64

_Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class SearchFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Find files by name."""

    pattern: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=1024,
            description="Glob: * ? [a-z] {a,b}, and **/ for any folders. With a / it is relative to path.",
        ),
    ]
    path: Annotated[
        str, msgspec.Meta(min_length=1, max_length=16384, description="Folder to search, relative to the root.")
    ] = "."
    recursive: Annotated[bool, msgspec.Meta(description="Search all folders below, too.")] = False
    max_results: Annotated[int, msgspec.Meta(ge=1, description="At most this many matches; the ceiling is 200.")] = 20
    exclude: Annotated[
        tuple[_Glob, ...], msgspec.Meta(max_length=64, description="Globs of files and folders to leave out.")
    ] = ()
    respect_gitignore: Annotated[
        bool | None, msgspec.Meta(description="Leave out what .gitignore names. Default: when recursive.")
    ] = None
    cursor: Annotated[
        str | None, msgspec.Meta(description="next_cursor of the page before, with the same arguments.")
    ] = None


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was found."""

    path: str
    name: str
    size: int
    modified: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `search_files`."""

    pattern: str
    total: int
    truncated: bool
    matches: list[Match]
    next_cursor: str | msgspec.UnsetType = msgspec.UNSET
    skipped: int | msgspec.UnsetType = msgspec.UNSET


class _Position(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Which root the search is in, and what was examined last there."""

    asked: int
    root: int
    after: tuple[bytes, ...]


def lane(arguments: SearchFiles) -> Lane:
    """Walks over a tree wait in their own queue."""
    return Lane.SCAN if arguments.recursive or "**" in arguments.pattern else Lane.QUICK


class _Search:
    """One call: walks, and collects matches until the page is full or the time is up."""

    def __init__(self, context: "Context", arguments: SearchFiles) -> None:
        from filewarden.workers.budget import Budget

        self._context = context
        self._judges_objects = context.space.judges_objects
        self._matcher, self._filters = _compile(arguments)
        self._budget = Budget(context.limits.max_answer_chars)
        self._most = min(arguments.max_results, context.limits.max_results)
        self.matches: list[Match] = []
        self.skipped = 0

    def run(self, start: "Handle", after: "Names | None") -> "Names | None":
        """Search below one folder; gives the position to go on from, None when all was searched."""
        from filewarden.workers.walk import Walk

        walk = Walk(self._context.space, start, self._filters, self._context.is_overdue, after)
        folders = walk.folders()
        try:
            for folder in folders:
                stopped = self._collect(folder)
                if stopped is not None:
                    return stopped
        finally:
            folders.close()
            self.skipped += walk.skipped
        return walk.position

    def _collect(self, folder: "Folder") -> "Names | None":
        prefix = b"".join(name + b"/" for name in folder.names)
        base = folder.handle.names
        last = b""
        for count, name in enumerate(self._matching(folder, prefix), 1):
            if count % _CHECK_EVERY == 0 and self._context.is_overdue():
                return (*folder.names, last)
            match = self._examine(folder, base, name)
            if match is not None:
                if len(self.matches) == self._most or not self._budget.take(match):
                    return (*folder.names, last)
                self.matches.append(match)
            last = name
        return None

    def _matching(self, folder: "Folder", prefix: bytes) -> "Iterator[bytes]":
        names = (name for name in folder.files if name not in folder.specials)
        if self._matcher.name is not None:
            return names  # The walk has matched them already.
        matches = self._matcher.expression.fullmatch
        return (name for name in names if matches(prefix + name))

    def _examine(self, folder: "Folder", base: "Names", name: bytes) -> Match | None:
        from filewarden.workers.names import show

        try:
            if name in folder.links:
                entry = self._context.space.examine(folder.handle, name)
                if entry is None or entry.kind != "file":
                    return None
                state = entry.stat
            else:
                state = os.stat(name, dir_fd=folder.handle.fd, follow_symlinks=False)
                if not stat.S_ISREG(state.st_mode) or (
                    self._judges_objects and self._context.space.closes(folder.handle, name, state)
                ):
                    return None
        except FileNotFoundError:
            return None
        except OSError:
            self.skipped += 1
            return None
        return Match(
            path=self._context.space.display(folder.handle.root, (*base, name)),
            name=show(name),
            size=state.st_size,
            modified=state.st_mtime_ns // 1_000_000_000,
        )


def run(context: "Context", arguments: SearchFiles) -> Found:
    """Search below one folder, or in all roots when there are several and none is named."""
    from filewarden.workers import cursors
    from filewarden.workers.starts import starts

    search = _Search(context, arguments)
    asked = cursors.fingerprint(
        arguments.pattern, arguments.path, arguments.recursive, arguments.exclude, arguments.respect_gitignore
    )
    at, after = _resume(context, arguments, asked)
    stopped: Names | None = None
    for index, start in enumerate(starts(context.space, arguments.path)):
        if index < at:
            continue
        with context.space.open_directory(start) as folder:
            stopped = search.run(folder, after if index == at else None)
        if stopped is not None:
            at = index
            break
    return Found(
        pattern=arguments.pattern,
        total=len(search.matches),
        truncated=stopped is not None,
        matches=search.matches,
        next_cursor=msgspec.UNSET if stopped is None else cursors.write(_Position(asked, at, stopped)),
        skipped=search.skipped or msgspec.UNSET,
    )


def _resume(context: "Context", arguments: SearchFiles, asked: int) -> "tuple[int, Names | None]":
    from filewarden.workers import cursors

    if arguments.cursor is None:
        return 0, None
    position = cursors.read(arguments.cursor, _Position)
    if position.asked != asked or not 0 <= position.root < len(context.space.roots) or not position.after:
        raise cursors.foreign()
    return position.root, position.after


def _compile(arguments: SearchFiles) -> "tuple[Matcher, Filters]":
    from filewarden.workers.exclusion import exclusion
    from filewarden.workers.globs import compile_glob
    from filewarden.workers.walk import Filters

    matcher = compile_glob(arguments.pattern, anywhere=arguments.recursive)
    is_deep = arguments.recursive or "**" in arguments.pattern
    wanted = is_deep if arguments.respect_gitignore is None else arguments.respect_gitignore
    filters = Filters(
        wants_name=matcher.name.fullmatch if matcher.name is not None else None,
        enters=matcher.enters,
        excludes=exclusion(arguments.exclude),
        respects_gitignore=wanted,
    )
    return matcher, filters


TOOL = Tool(
    name="search_files",
    title="Find files by name",
    description="Finds regular files whose name or path matches a glob. Results come in pages: pass next_cursor as "
    "cursor to go on.",
    arguments=SearchFiles,
    result=Found,
    run=run,
    lane=lane,
    scans=True,
    aliases={"excludePatterns": "exclude"},
)

"""The tool `search_files`: regular files whose path matches a glob."""

import heapq
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from filewarden.workers.errors import Code, ToolFailure
from filewarden.workers.tool import Lane, Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.paths.globs import Matcher
    from filewarden.workers.searching.budget import Budget
    from filewarden.workers.searching.name_search import FoundFile, NameSearch
    from filewarden.workers.searching.walk import Filters

_Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class SearchFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Find files by name."""

    pattern: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=1024, description="Glob: *.py, **/test_*.{ts,js}"),
    ]
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Folder.")] = "."
    recursive: bool = False
    ignore_case: bool = False
    max_results: Annotated[int, msgspec.Meta(ge=1, description="At most 200.")] = 20
    sort_by: Annotated[Literal["path", "newest"], msgspec.Meta(description="newest: by time of change.")] = "path"
    exclude: Annotated[tuple[_Glob, ...], msgspec.Meta(max_length=64, description="Globs.")] = ()
    respect_gitignore: Annotated[bool | None, msgspec.Meta(description="Default: when recursive.")] = None
    show_hidden: bool = True
    cursor: Annotated[str | None, msgspec.Meta(description="next_cursor of the last page.")] = None


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
    """The last file on the page before, or what was examined last: in which start, and its names from there on."""

    asked: int
    start: int
    after: tuple[bytes, ...]
    modified: int = 0
    """In nanoseconds, where the newest come first."""


def lane(arguments: SearchFiles) -> Lane:
    """Walks over a tree wait in their own queue."""
    return Lane.SCAN if arguments.recursive or "**" in arguments.pattern else Lane.QUICK


class _WorkerSide(msgspec.Struct, frozen=True):
    """What the front-end, which needs but the schema, does not load."""

    search: "type[NameSearch]"
    filters: "type[Filters]"
    budget: "type[Budget]"
    compile_glob: "Callable[..., Matcher]"
    exclusion: "Callable[..., Callable[[bytes, bytes], bool] | None]"


@cache
def _worker_side() -> _WorkerSide:
    """An import takes its time even when it is done."""
    from filewarden.workers.paths.exclusion import exclusion
    from filewarden.workers.paths.globs import compile_glob
    from filewarden.workers.searching.budget import Budget
    from filewarden.workers.searching.name_search import NameSearch
    from filewarden.workers.searching.walk import Filters

    return _WorkerSide(NameSearch, Filters, Budget, compile_glob, exclusion)


def run(context: "Context", arguments: SearchFiles) -> Found:
    """Search below one folder, or in all roots when there are several and none is named."""
    position = None if arguments.cursor is None else _resume(context, arguments, arguments.cursor)
    side = _worker_side()
    search = side.search(context, *_compile(arguments))
    page = _Page(side.budget(context.limits.max_answer_chars), min(arguments.max_results, context.limits.max_results))
    if arguments.sort_by == "newest":
        at = _newest(search, arguments.path, position, page)
    else:
        at = _by_path(search, arguments.path, position, page)
    return Found(
        pattern=arguments.pattern,
        total=len(page.matches),
        truncated=at is not None,
        matches=page.matches,
        next_cursor=msgspec.UNSET if at is None else _cursor(arguments, at),
        skipped=search.skipped or msgspec.UNSET,
    )


class _Page:
    """The matches of one answer, until it is full."""

    def __init__(self, budget: "Budget", most: int) -> None:
        self._budget = budget
        self.most = most
        self.matches: list[Match] = []

    def take(self, file: "FoundFile") -> bool:
        name = file.shown
        match = Match(
            path=file.prefix + name,
            name=name,
            size=file.state.st_size,
            modified=file.state.st_mtime_ns // 1_000_000_000,
        )
        if len(self.matches) == self.most or not self._budget.take(match):
            return False
        self.matches.append(match)
        return True


def _by_path(search: "NameSearch", path: str, position: _Position | None, page: _Page) -> _Position | None:
    """Fill the page as files are found; gives where the next one begins."""
    start, after = (0, None) if position is None else (position.start, position.after)
    last = None
    for file in search.files(path, start, after):
        if not page.take(file):
            return position if last is None else _Position(0, last.start, last.below)
        last = file
    return None if search.stopped is None else _Position(0, *search.stopped)


def _newest(search: "NameSearch", path: str, position: _Position | None, page: _Page) -> _Position | None:
    """Look at all files, and fill the page with the newest of those that were on no page before."""
    last = None if position is None else (-position.modified, position.start, position.after)
    ranked = ((-file.state.st_mtime_ns, file.start, file.below, file) for file in search.files(path))
    best = heapq.nsmallest(page.most + 1, (one for one in ranked if last is None or one[:3] > last))
    if search.stopped is not None:
        raise ToolFailure(
            Code.TIMEOUT, 'There are too many files to find the newest in time. Name a folder below, or sort by "path".'
        )
    at = None
    for rank, start, below, file in best:
        if not page.take(file):
            return at
        at = _Position(0, start, below, -rank)
    return None


def _resume(context: "Context", arguments: SearchFiles, cursor: str) -> _Position:
    from filewarden.workers import cursors

    position = cursors.read(cursor, _Position)
    is_ours = position.asked == _asked(arguments) and 0 <= position.start < len(context.space.roots)
    if not is_ours or not position.after:
        raise cursors.foreign()
    return position


def _cursor(arguments: SearchFiles, at: _Position) -> str:
    from filewarden.workers import cursors

    return cursors.write(msgspec.structs.replace(at, asked=_asked(arguments)))


def _asked(arguments: SearchFiles) -> int:
    """Tell the question from others, whatever page of it is asked for."""
    from filewarden.workers import cursors

    return cursors.fingerprint(msgspec.structs.astuple(msgspec.structs.replace(arguments, cursor=None, max_results=1)))


def _compile(arguments: SearchFiles) -> "tuple[Filters, Matcher | None]":
    """Give what a walk leaves out, and what the paths of files must match where that does not decide."""
    side = _worker_side()
    ignore_case = arguments.ignore_case
    matcher = side.compile_glob(arguments.pattern, anywhere=arguments.recursive, ignore_case=ignore_case)
    by_name = matcher.expression if matcher.is_flat else matcher.name
    is_deep = arguments.recursive or "**" in arguments.pattern
    filters = side.filters(
        wants_name=None if by_name is None else by_name.fullmatch,
        fixed=b"" if by_name is None else matcher.fixed,
        enters=None if matcher.enters_all else matcher.enters,
        stays=matcher.is_flat,
        excludes=side.exclusion(arguments.exclude, ignore_case=ignore_case),
        respects_gitignore=is_deep if arguments.respect_gitignore is None else arguments.respect_gitignore,
        hides_dotted=not arguments.show_hidden,
    )
    return filters, matcher if by_name is None else None


TOOL = Tool(
    name="search_files",
    title="Find files by name",
    description="Finds files by name. For a whole tree set recursive, as in "
    '{"pattern":"test_*.py","recursive":true}. The search goes on with cursor.',
    arguments=SearchFiles,
    result=Found,
    run=run,
    lane=lane,
    scans=True,
    aliases={"excludePatterns": "exclude"},
)

"""The tool `search_text`: the lines of text files that hold a literal or match a regular expression."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from filewarden.workers.searching.match_page import Match
from filewarden.workers.tool import Lane, Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context
    from filewarden.workers.searching.text_search import Position, Wish

MAX_RESULTS = 1000
_MOST_TOLD = 20
"""So many files are named whose further lines were left out."""

_Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
_Around = Annotated[int, msgspec.Meta(ge=0, le=20)]


class SearchText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Find lines by their content."""

    pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=4096, description="Literal text; RE2 if regex.")]
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Folder or file.")] = "."
    regex: bool = False
    ignore_case: bool = False
    word: bool = False
    glob: Annotated[_Glob | None, msgspec.Meta(description="Only files like *.py or src/**/*.{ts,js}")] = None
    exclude: Annotated[tuple[_Glob, ...], msgspec.Meta(max_length=64, description="Globs.")] = ()
    context_before: _Around = 0
    context_after: _Around = 0
    mode: Annotated[
        Literal["matches", "files", "counts"], msgspec.Meta(description="Lines, paths, or counts per file.")
    ] = "matches"
    max_results: Annotated[int, msgspec.Meta(ge=1, description="At most 1000.")] = 100
    cursor: Annotated[str | None, msgspec.Meta(description="next_cursor of the last page.")] = None
    respect_gitignore: bool = True
    show_hidden: bool = False


class TextFound(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `search_text`."""

    pattern: str
    total: int
    truncated: bool
    matches: list[Match]
    files_searched: int
    next_cursor: str | msgspec.UnsetType = msgspec.UNSET
    binary: int | msgspec.UnsetType = msgspec.UNSET
    """Files that were passed over because they are no text."""
    skipped: int | msgspec.UnsetType = msgspec.UNSET
    """Files and folders that could not be read."""
    note: str | msgspec.UnsetType = msgspec.UNSET


def lane(_arguments: SearchText) -> Lane:
    """A search reads whatever is there."""
    return Lane.SCAN


def run(context: "Context", arguments: SearchText) -> TextFound:
    """Search one file, the files below one folder, or all roots when there are several and none is named."""
    from filewarden.workers import cursors
    from filewarden.workers.searching.match_page import Form, MatchPage
    from filewarden.workers.searching.text_search import TextSearch

    page = MatchPage(Form(arguments.mode), min(arguments.max_results, MAX_RESULTS), context.limits.max_answer_chars)
    search = TextSearch(context, _wish(arguments), page)
    asked = cursors.fingerprint(msgspec.structs.astuple(msgspec.structs.replace(arguments, cursor=None, max_results=1)))
    at = search.run(arguments.path, _resume(arguments.cursor, asked))
    matches = page.entries()
    return TextFound(
        pattern=arguments.pattern,
        total=len(matches),
        truncated=at is not None,
        matches=matches,
        files_searched=search.files,
        next_cursor=msgspec.UNSET if at is None else cursors.write(at),
        binary=search.binary or msgspec.UNSET,
        skipped=search.skipped or msgspec.UNSET,
        note=_note(page.shrunk, search.capped) or msgspec.UNSET,
    )


def _wish(arguments: SearchText) -> "Wish":
    from filewarden.workers.paths.exclusion import exclusion
    from filewarden.workers.paths.globs import compile_glob
    from filewarden.workers.searching.text_search import Wish
    from filewarden.workers.searching.walk import Filters
    from filewarden.workers.text.patterns import Pattern

    glob = None if arguments.glob is None else compile_glob(arguments.glob, anywhere=True)
    return Wish(
        Pattern(arguments.pattern, regex=arguments.regex, ignore_case=arguments.ignore_case, word=arguments.word),
        Filters(
            wants_name=None if glob is None or glob.name is None else glob.name.fullmatch,
            fixed=b"" if glob is None or glob.name is None else glob.fixed,
            enters=None if glob is None or glob.enters_all else glob.enters,
            excludes=exclusion(arguments.exclude),
            respects_gitignore=arguments.respect_gitignore,
            hides_dotted=not arguments.show_hidden,
        ),
        glob if glob is not None and glob.name is None else None,
        (arguments.context_before, arguments.context_after),
    )


def _resume(cursor: str | None, asked: int) -> "Position":
    from filewarden.workers import cursors
    from filewarden.workers.searching.text_search import Position

    if cursor is None:
        return Position(asked)
    position = cursors.read(cursor, Position)
    if position.asked != asked or not position.is_sound():
        raise cursors.foreign()
    return position


def _note(shrunk: str | None, capped: list[str]) -> str:
    from filewarden.workers.searching.text_search import MOST_PER_FILE

    sentences = [shrunk] if shrunk else []
    if capped:
        names = ", ".join(capped[:_MOST_TOLD])
        more = f" and {len(capped) - _MOST_TOLD} more" if len(capped) > _MOST_TOLD else ""
        sentences.append(
            f"At most {MOST_PER_FILE} lines of one file are shown; there are more in: {names}{more}. "
            "Give such a file as path to see them all."
        )
    return " ".join(sentences)


TOOL = Tool(
    name="search_text",
    title="Search in files",
    description="Finds lines by content in all text files below path, one line at a time. "
    'Example: {"pattern":"def main(","glob":"*.py"}. The search goes on with cursor.',
    arguments=SearchText,
    result=TextFound,
    run=run,
    lane=lane,
    scans=True,
    aliases={"excludePatterns": "exclude"},
)

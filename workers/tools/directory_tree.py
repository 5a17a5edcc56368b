"""The tool `directory_tree`: the folders and files below a folder as indented text."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from filewarden.workers.tool import Lane, Tool

if TYPE_CHECKING:
    from filewarden.workers.context import Context

_Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class DirectoryTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Show what lies below a folder."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="Folder.")] = "."
    depth: Annotated[int, msgspec.Meta(ge=1, le=32)] = 3
    exclude: Annotated[tuple[_Glob, ...], msgspec.Meta(max_length=64, description="Globs.")] = ()
    respect_gitignore: bool = True
    show_hidden: bool = False


class TreeText(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `directory_tree`; the counts are of what is shown."""

    path: str
    tree: str
    folders: int
    files: int
    truncated: bool
    skipped: int | msgspec.UnsetType = msgspec.UNSET
    note: str | msgspec.UnsetType = msgspec.UNSET


def lane(_arguments: DirectoryTree) -> Lane:
    """It walks over the whole tree to count it."""
    return Lane.SCAN


def run(context: "Context", arguments: DirectoryTree) -> TreeText:
    """Show one folder, or all roots when there are several and none is named."""
    from filewarden.workers.paths.exclusion import exclusion
    from filewarden.workers.searching.tree import Branch, Tree
    from filewarden.workers.searching.walk import Filters

    space = context.space
    filters = Filters(
        excludes=exclusion(arguments.exclude),
        respects_gitignore=arguments.respect_gitignore,
        hides_dotted=not arguments.show_hidden,
    )
    tree = Tree(context, filters, arguments.depth)
    if space.names_all_roots(arguments.path):
        path, root = ".", space.roots[0]
        top = Branch("", root, ())
        top.branches = [Branch(space.display(root, ()), root, (), depth=1) for root in space.roots]
        tree.grow(top.branches)
    else:
        with space.open_directory(arguments.path) as handle:
            path, top = handle.path, Branch("", handle.root, handle.names)
        tree.grow([top])
    note = "Not everything fits: ask for a folder below, or exclude what is of no interest."
    return TreeText(
        path=path,
        tree="\n".join(top.lines()),
        folders=tree.folders,
        files=tree.files,
        truncated=tree.is_cut,
        skipped=tree.skipped or msgspec.UNSET,
        note=note if tree.is_cut else msgspec.UNSET,
    )


TOOL = Tool(
    name="directory_tree",
    title="Show a tree",
    description="Shows the folders and files below path as indented text; a folder deeper than depth is one line with "
    "its counts. The quickest way to learn a layout.",
    arguments=DirectoryTree,
    result=TreeText,
    run=run,
    lane=lane,
    scans=True,
    aliases={"excludePatterns": "exclude"},
)

"""Where a scan begins: at what was asked for, or at every root when there are several and none is named."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filewarden.workers.paths.handle import Handle
    from filewarden.workers.paths.space import Space


def starts(space: "Space", path: str) -> list[str]:
    """Give the paths to begin at, in the order of the roots."""
    return [space.display(root, ()) for root in space.roots] if space.names_all_roots(path) else [path]


def open_start(space: "Space", path: str) -> "Handle":
    """Open a folder, or a regular file, for reading; raises ToolFailure."""
    with space.resolve(path) as handle:
        kind = handle.kind
    return space.open_directory(path) if kind == "directory" else space.open_file(path)

"""What a client of this server calls the places that the history names, and which of them it may know of."""

import os
from collections.abc import Sequence

from filewarden.workers.paths.names import parse
from filewarden.workers.paths.resolution import Names
from filewarden.workers.paths.root import Root
from filewarden.workers.paths.space import Space


def client_path(space: Space, place: str) -> str | None:
    """The path of an absolute place in its shown form; None where it is in no root, or closed to clients."""
    found = _located(space.roots, parse(place))
    if found is None:
        return None
    root, names = found
    is_closed = space.judge(root)
    if is_closed is not None and any(is_closed(names[:end]) for end in range(1, len(names) + 1)):
        return None
    return space.display(root, names)


def _located(roots: Sequence[Root], place: bytes) -> tuple[Root, Names] | None:
    """The innermost root that holds a place, and the names beneath it."""
    for root in sorted(roots, key=lambda each: len(each.location), reverse=True):
        above = os.path.join(root.location, b"")
        if place.startswith(above) and place != above:
            return root, tuple(place.removeprefix(above).split(b"/"))
    return None


def lies_in(path: str, folder: str) -> bool:
    """Whether a path is `folder`, which a client wrote, or lies in it, by their texts alone."""
    folder = folder.removeprefix("./").rstrip("/")
    return folder in ("", ".") or path == folder or path.startswith(f"{folder}/")
